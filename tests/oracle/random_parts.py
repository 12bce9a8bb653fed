"""What the DAG files of `random_dags.py` begin with, and what their author keeps in mind of what stands in them."""

from collections.abc import Sequence
from dataclasses import dataclass, field

PRELUDE = '''\
"""Made by chance, seed {seed}."""

from datetime import timedelta

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.providers.standard.sensors.python import PythonSensor
from airflow.sdk import DAG, PokeReturnValue, TaskGroup, setup, task, task_group, teardown
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException


def end(how, ti):
    if how == "fails":
        raise AirflowFailException("fails")
    if how == "skips":
        raise AirflowSkipException("skips")
    if how in ("breaks", "recovers", "skips late") and (ti.try_number < 2 or how == "breaks"):
        raise ValueError(how)
    if how == "skips late":
        raise AirflowSkipException(how)


def amount(given):
    if given is None:
        return 0
    if isinstance(given, dict):
        given = given.values()
    return given % 1000 if isinstance(given, int) else sum(amount(each) for each in given) % 1000


@task
def run(how, given=(), label="", ti=None):
    end(how, ti)
    return amount(given) + len(label)


@task
def listed(how, length, given=(), ti=None):
    end(how, ti)
    return [amount(given) + number for number in range(length)]


@task(multiple_outputs=True)
def parted(how, given=(), ti=None):
    end(how, ti)
    return {{"one": amount(given), "other": 2}}


@task.run_if(lambda context: "even" in context["task"].task_id)
@task
def if_even(given=()):
    return amount(given)


@task.skip_if(lambda context: ("odd" in context["task"].task_id, "odd"))
@task
def unless_odd(given=()):
    return amount(given)


@task
def each(hows, item, other=1, given=(), ti=None):
    end(hows[ti.map_index % len(hows)], ti)
    return amount([item, other, given]) + ti.map_index


@task.branch
def branch(chosen):
    return chosen


@task.short_circuit
def circuit(closed):
    return not closed


@task.short_circuit(ignore_downstream_trigger_rules=False)
def soft_circuit(closed):
    return not closed


@task.sensor(poke_interval=0.01)
def look():
    return PokeReturnValue(is_done=True, xcom_value=[3, 4])


@setup
def opens(how, ti=None):
    end(how, ti)
    return 5


def closes(task_id, how, **options):
    def close(how, ti=None):
        end(how, ti)

    return teardown(close, **options).override(task_id=task_id)(how)


def bumped(number):
    if number % 5 == 4:
        raise AirflowSkipException("four")
    return number + 1


'''

RULES = [
    "all_success",
    "all_failed",
    "all_done",
    "all_done_min_one_success",
    "all_skipped",
    "one_success",
    "one_failed",
    "one_done",
    "none_failed",
    "none_failed_min_one_success",
    "none_skipped",
    "always",
]
EARLY = ("one_success", "one_failed", "one_done", "always")
HOWS = ["works"] * 12 + ["fails", "fails", "skips", "skips", "breaks", "recovers", "skips late"]
RETRIED = ("breaks", "recovers", "skips late")
NONE: frozenset[str] = frozenset()


@dataclass(kw_only=True, eq=False)
class Made:
    """A task that stands in the text, and what later ones need to know of it."""

    name: str
    """Of the variable that has it."""
    task_id: str
    gives: str = ""
    """What others may do with its result: be mapped over it ("items"), or take it ("value"); or nothing."""
    is_head: bool = False
    """Of a branch or short circuit: it skips what comes after it."""
    skips_all_below: bool = False
    is_setup: bool = False
    is_teardown: bool = False
    is_inner: bool = False
    """In a mapped group: what stands outside cannot name it."""
    upstream: list["Made"] = field(default_factory=list)
    above: frozenset[str] = NONE
    """Names of all it waits for, directly or not."""
    tied: frozenset[str] = NONE
    """Names of the heads after whose end it begins, if at all."""
    below: frozenset[str] = NONE
    """Names of the heads that skip all below them, and so perhaps it."""


@dataclass(kw_only=True, eq=False)
class Group:
    """A task group that stands in the text."""

    name: str
    leaves: list[Made]
    gives: str = ""


@dataclass(kw_only=True, eq=False)
class Block:
    """What is indented: a group or a bracket."""

    start: int
    """How many tasks there were before it."""
    entry: list[Made]
    """What its first tasks wait for besides."""
    is_bracket: bool = False


@dataclass(kw_only=True)
class Way:
    """What a new task waits for, and by which rule."""

    upstream: list[Made]
    groups: list[Group]
    entry: list[Made]
    """Those that a block around gives it."""
    rule: str

    @property
    def pieces(self) -> "list[Made | Group]":
        """All that it is told to come after, as it stands in the text."""
        return [*self.upstream, *self.groups]

    def names(self, without: "Sequence[Made]" = ()) -> list[str]:
        return [each.name for each in self.pieces if each not in without]

    @property
    def all(self) -> list[Made]:
        return list(
            dict.fromkeys([*self.upstream, *(leaf for each in self.groups for leaf in each.leaves), *self.entry])
        )
