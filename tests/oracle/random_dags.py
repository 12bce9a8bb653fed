"""DAG files made by chance: rules, groups, branches, short circuits, brackets, mapping, retries and skips, mixed.

    python tests/oracle/random_dags.py 7        prints the DAG file of seed 7

A seed gives the same text for ever: only `Random.random` is used, which Python promises not to change. Left out is
what has no one answer, in Airflow either:

- What a branch or short circuit may skip is tied to it: nothing that it waits for may end after the branch has, unless
  it has begun after the branch too. Otherwise who ends first decides whether it was skipped.
- A task that may start before all upstream tasks have ended takes no arguments of these.

And so is what `docs/airflow-differences.md` says is different by itself: branches in mapped groups, mapped short
circuits, mapping over the result of a mapped group, mapped tasks in brackets.
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from random import Random
from typing import TypeVar

from random_parts import EARLY, HOWS, NONE, PRELUDE, RETRIED, RULES, Block, Group, Made, Way

Item = TypeVar("Item")


class Author:
    """Writes one DAG."""

    def __init__(self, seed: int) -> None:
        self.chance = Random(seed).random
        self.lines: list[str] = []
        self.depth = 1
        self.made: list[Made] = []
        self.groups: list[Group] = []
        self.path: list[str] = []
        self.blocks: list[Block] = []
        self.targets: dict[str, list[str]] = {}
        """Branch -> what it may choose."""
        self.count = 0

    # Chance.

    def pick(self, items: Sequence[Item]) -> Item:
        return items[int(self.chance() * len(items))]

    def is_so(self, part: float) -> bool:
        return self.chance() < part

    def some(self, items: Sequence[Item], most: int) -> list[Item]:
        """Up to `most` of `items`, the late ones rather than the early ones."""
        found: list[Item] = []
        for _ in range(1 + int(self.chance() * most) if self.is_so(0.88) else 0):
            item = items[len(items) - 1 - int(self.chance() ** 2 * len(items))] if items else None
            if item is not None and item not in found:
                found.append(item)
        return found

    # Text.

    def write(self, line: str) -> None:
        self.lines.append("    " * self.depth + line)

    @contextmanager
    def indented(self, line: str, block: Block) -> Iterator[None]:
        self.write(line)
        self.depth += 1
        self.blocks.append(block)
        yield
        self.blocks.pop()
        self.depth -= 1

    def new_name(self, letter: str) -> str:
        self.count += 1
        return f"{letter}{self.count}"

    def call(self, function: str, name: str, way: Way | None, how: str = "works") -> str:
        """The part of a task's line up to its arguments."""
        options = [f'task_id="{name}"']
        if way and way.rule != "all_success":
            options.append(f'trigger_rule="{way.rule}"')
        if how in RETRIED or self.is_so(0.1):
            options.append(f"retries={1 + int(self.chance() * 2)}")
        return f"{name} = {function}.override({', '.join(options)})"

    # What may wait for what.

    def tie(self, upstream: Sequence[Made], rule: str) -> frozenset[str] | None:
        """The heads that a task with these upstream is tied to; None when it has no one answer."""
        known = {each.name: each for each in self.made}
        tied = set()
        for head in sorted({name for each in upstream for name in self.heads(each)}):
            after = [each for each in upstream if each.name == head or head in each.tied]
            before = [each for each in upstream if each.name in known[head].above]
            if len(after) + len(before) == len(upstream) and rule != "always" and not (before and rule in EARLY):
                tied.add(head)
            elif any(each.name == head or head in each.below for each in upstream):
                return None
        return frozenset(tied)

    def heads(self, made: Made) -> set[str]:
        return {*made.tied, *made.below, *([made.name] if made.is_head else [])}

    def entries(self, upstream: Sequence[Made]) -> list[Made]:
        """What the blocks around give a task that waits for `upstream`."""
        found: list[Made] = []
        for block in reversed(self.blocks):
            if not any(each in self.made[block.start :] for each in (*upstream, *found)):
                found += block.entry
        return found

    def way(self, *needed: Made, most: int = 3, rules: Sequence[str] = RULES) -> Way:
        start = max((block.start for block in self.blocks if block.is_bracket), default=0)
        near = [each for each in self.made[start:] if not each.is_inner]
        for _ in range(20):
            found = list(dict.fromkeys([*needed, *self.some(near, most)]))
            groups = [self.pick(self.groups)] if self.groups and not start and self.is_so(0.2) else []
            way = Way(upstream=found, groups=groups, entry=[], rule="all_success")
            way.entry = self.entries(way.all)
            if way.all and not any(each.is_setup for each in way.all) and self.is_so(0.4):
                way.rule = self.pick(rules)
            if self.tie(way.all, way.rule) is not None:
                return way
        found = list(needed[:1]) or near[-1:]
        return Way(upstream=found, groups=[], entry=self.entries(found), rule="all_success")

    def add(self, made: Made, way: Way) -> Made:
        made.upstream = way.all
        made.tied = self.tie(made.upstream, way.rule) or NONE
        made.above = frozenset(name for each in made.upstream for name in (each.name, *each.above))
        made.below |= frozenset(name for each in made.upstream for name in each.below)
        self.made.append(made)
        if made.skips_all_below:
            made.below |= {made.name}
        for each in made.upstream:
            if each.is_head:
                self.targets.setdefault(each.name, []).append(made.task_id)
        return made

    def new(self, name: str, way: Way, **more: object) -> Made:
        return self.add(Made(name=name, task_id=".".join([*self.path, name]), **more), way)  # type: ignore[arg-type]

    def given(self, way: Way) -> tuple[str, list[str]]:
        """The arguments that a task takes of its upstream tasks, and the names of those that it only comes after."""
        arguments: list[str] = []
        after: list[str] = []
        for each in way.pieces:
            is_safe = each.gives and (way.rule not in EARLY or (len(way.all) == 1 and each.gives != "many"))
            (arguments if is_safe and self.is_so(0.6) else after).append(each.name)
        return f"[{', '.join(arguments)}]" if arguments else "()", after

    def order(self, after: Sequence[str], name: str) -> None:
        if after:
            self.write(f"{after[0] if len(after) == 1 else '[' + ', '.join(after) + ']'} >> {name}")

    # Tasks.

    def run(self) -> None:
        way, name, how = self.way(), self.new_name("a"), self.pick(HOWS)
        given, after = self.given(way)
        label = ', label="{{ ti.task_id }}-{{ ti.try_number }}"' if self.is_so(0.4) else ""
        self.write(f'{self.call("run", name, way, how)}("{how}", {given}{label})')
        self.order(after, name)
        self.new(name, way, gives="value")

    def listed(self) -> None:
        way, name, how = self.way(), self.new_name("n"), self.pick(HOWS)
        given, after = self.given(way)
        length = self.pick([0, 1, 2, 2, 3, 3])
        self.write(f'{self.call("listed", name, way, how)}("{how}", {length}, {given})')
        self.order(after, name)
        self.new(name, way, gives="items")

    def parted(self) -> None:
        way, name, how = self.way(), self.new_name("d"), self.pick(HOWS)
        given, after = self.given(way)
        self.write(f'{self.call("parted", name, way, how)}("{how}", {given})["{self.pick(["one", "other"])}"]')
        self.order(after, name)
        self.new(name, way, gives="value")

    def conditional(self) -> None:
        way, function = self.way(), self.pick(["if_even", "unless_odd"])
        name = self.new_name(self.pick(["even", "odd"]))
        given, after = self.given(way)
        self.write(f"{self.call(function, name, way)}({given})")
        self.order(after, name)
        self.new(name, way, gives="value")

    def empty(self) -> None:
        way, name = self.way(), self.new_name("e")
        self.write(f'{name} = EmptyOperator(task_id="{name}", trigger_rule="{way.rule}")')
        self.order(way.names(), name)
        self.new(name, way)

    def sensor(self) -> None:
        way, name = self.way(), self.new_name("w")
        if self.is_so(0.5):
            self.write(f"{self.call('look', name, way)}()")
        else:
            more = f"soft_fail={self.is_so(0.5)}, timeout=0, poke_interval=0.01, trigger_rule={way.rule!r}"
            self.write(f'{name} = PythonSensor(task_id="{name}", python_callable=lambda: {self.is_so(0.3)}, {more})')
        self.order(way.names(), name)
        self.new(name, way, gives="items" if "look" in self.lines[-1] else "")

    def branch(self) -> None:
        way, name = self.way(most=2), self.new_name("b")
        self.write(f"{self.call('branch', name, way)}(<{name}>)")
        self.order(way.names(), name)
        self.new(name, way, is_head=True)

    def circuit(self) -> None:
        way, name, function = self.way(most=2), self.new_name("c"), self.pick(["circuit", "circuit", "soft_circuit"])
        self.write(f"{self.call(function, name, way)}({self.is_so(0.7)})")
        self.order(way.names(), name)
        self.new(name, way, is_head=True, skips_all_below=function == "circuit")

    # Mapping.

    def source(self) -> tuple[str, list[Made]]:
        """What is mapped over, and the task that returns it."""
        producers = [each for each in self.made if each.gives in ("items", "many")]
        if not producers or self.is_so(0.4):
            return str([4, 2, 8][: self.pick([0, 1, 2, 2, 2, 3, 3, 3])]), []
        producer = self.pick(producers)
        changes = ["", "", "", ".map(bumped)", f".concat({producer.name})"]
        return producer.name + (self.pick(changes) if producer.gives == "items" else ""), [producer]

    def hows(self) -> str:
        return "[" + ", ".join(f'"{self.pick(HOWS)}"' for _ in range(3)) + "]"

    def mapped(self) -> None:
        if any(block.is_bracket for block in self.blocks):
            return
        source, producer = self.source()
        way, name = self.way(*producer, most=2, rules=RULES[:-1]), self.new_name("m")
        forms = [f"expand(item={source})", f"expand(item={source})", f"expand(item={source}, other=[1, 2])"]
        if not producer:
            forms.append('expand_kwargs([{"item": 1}, {"item": 2, "other": 3}])')
        hows = self.hows()
        self.write(f"{self.call('each', name, way, hows)}.partial(hows={hows}).{self.pick(forms)}")
        self.order(way.names(producer), name)
        self.new(name, way, gives="many")

    def mapped_group(self) -> None:
        if self.blocks:
            return
        source, producer = self.source()
        way, name, returns = self.way(*producer, most=1), self.new_name("h"), self.is_so(0.5)
        block = Block(start=len(self.made), entry=producer if returns else way.all, is_bracket=True)
        if self.tie(block.entry, "all_success") is None:
            return
        self.write("@task_group")
        self.path.append(name)
        with self.indented(f"def {name}(item):", block):
            for _ in range(2 + int(self.chance() * 3)):
                self.inner_task(producer)
            if returns:
                self.write(f"return {self.made[-1].name}")
        self.path.pop()
        self.write(f"{name} = {name}.expand(item={source})")
        if not returns:
            self.order(way.names(producer), name)
        inside = self.made[block.start :]
        for each in inside:
            each.is_inner = True
        leaves = inside[-1:] if returns else self.leaves(inside)
        self.groups.append(Group(name=name, leaves=leaves, gives="value" if returns else ""))

    def inner_task(self, producer: Sequence[Made]) -> None:
        way, name = self.way(*producer, most=2, rules=RULES[:-1]), self.new_name("i")
        way.upstream = [each for each in way.upstream if each not in producer]
        way.entry += producer
        given, after = self.given(way)
        hows = self.hows()
        self.write(f"{self.call('each', name, way, hows)}({hows}, item, given={given})")
        self.order(after, name)
        self.new(name, way, gives="value")

    # Blocks.

    def leaves(self, inside: Sequence[Made]) -> list[Made]:
        """The last ones of a group, and of teardowns what they wait for: a group's leaves are others than them."""
        above = {each for made in inside for each in made.upstream if not made.is_teardown}
        return [each for each in inside if each not in above]

    def group(self) -> None:
        if len(self.path) > 1:
            return
        start = max((block.start for block in self.blocks if block.is_bracket), default=0)
        entry = self.some([each for each in self.made[start:] if not each.is_inner], 1)
        name, block = self.new_name("g"), Block(start=len(self.made), entry=entry)
        for each in entry:
            self.targets.setdefault(each.name, []).append(".".join([*self.path, name]))
        self.path.append(name)
        with self.indented(f'with TaskGroup("{name}") as {name}:', block):
            self.empty()
            self.tasks(fewest=1, more=2)
        self.path.pop()
        self.order([each.name for each in entry], name)
        if not start:
            self.groups.append(Group(name=name, leaves=self.leaves(self.made[block.start :])))

    def bracket(self) -> None:
        if sum(block.is_bracket for block in self.blocks) > 1:
            return
        outer = [each for block in self.blocks if block.is_bracket for each in block.entry]
        way, name, how = self.way(*outer, most=2), self.new_name("s"), self.pick(HOWS)
        closing, close_how = self.new_name("t"), self.pick(HOWS[:16])
        self.write(f'{self.call("opens", name, way, how)}("{how}")')
        fails_run = ", on_failure_fail_dagrun=True" if self.is_so(0.2) else ""
        self.write(f'{closing} = closes("{closing}", "{close_how}"{fails_run})')
        self.order(way.names(outer), name)
        opened = self.new(name, way, gives="value", is_setup=True)
        block = Block(start=len(self.made), entry=[opened], is_bracket=True)
        with self.indented(f"with {name} >> {closing}:", block):
            self.run()
            self.tasks(fewest=1, more=2)
        self.close(closing, opened, self.made[block.start :])

    def close(self, name: str, opened: Made, inside: Sequence[Made]) -> None:
        """A teardown waits for all between it and its setups, and is skipped by none of them."""
        made = Made(name=name, task_id=".".join([*self.path, name]), is_teardown=True)
        made.upstream = [opened, *self.leaves(inside)]
        scope = [opened, *inside]
        made.above = frozenset(name for each in scope for name in (each.name, *each.above))
        made.tied = frozenset(name for each in scope for name in self.heads(each))
        made.below = frozenset(name for each in scope for name in each.below)
        self.made.append(made)

    # The whole.

    def tasks(self, fewest: int, more: int) -> None:
        most = self.count + fewest + int(self.chance() * more)
        while self.count < most:
            self.pick(self.kinds)()

    @property
    def kinds(self) -> list[Callable[[], None]]:
        often = [self.run] * 8 + [self.listed] * 2 + [self.mapped] * 3 + [self.group] * 2 + [self.branch] * 2
        rare = [self.empty, self.parted, self.conditional, self.sensor, self.circuit, self.bracket, self.mapped_group]
        return often + rare

    def chosen(self, branch: str) -> list[str]:
        targets = list(dict.fromkeys(self.targets.get(branch, ())))
        if not targets or self.is_so(0.1):
            return []
        return list(dict.fromkeys(self.pick(targets) for _ in range(1 + int(self.chance() * 1.5))))


def dag_id(seed: int) -> str:
    return f"random_{seed:03}"


def is_head(task_id: str) -> bool:
    """Whether it is a branch or short circuit, by its name: what these return is told apart."""
    return task_id.rpartition(".")[2][0] in "bc"


def source(seed: int) -> str:
    """The text of the DAG file of that seed, as it would stand in Airflow's folder."""
    author = Author(seed)
    author.tasks(fewest=5, more=8)
    text = "\n".join(author.lines)
    for made in author.made:
        text = text.replace(f"<{made.name}>", str(author.chosen(made.name)))
    options = "default_args={'retry_delay': timedelta(0)}"
    return f'{PRELUDE.format(seed=seed)}with DAG("{dag_id(seed)}", {options}):\n{text}\n'


if __name__ == "__main__":
    print(source(int(sys.argv[1])))
