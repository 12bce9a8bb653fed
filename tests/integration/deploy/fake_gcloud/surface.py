"""Parses the arguments of a gcloud command by what was recorded of the real gcloud."""

import json
import os.path
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from fake_gcloud.errors import Refused
from fake_gcloud.values import read

RECORDED = os.path.join(os.path.dirname(__file__), "../../../oracle/gcloud_surface.json")
Spec = Mapping[str, Any]
"""A flag, a positional argument or a group of arguments, as `tests/oracle/record_gcloud_surface.py` writes it."""


class Call:
    """A command line that gcloud accepts."""

    def __init__(self, command: str, given: Mapping[str, Any], wide: Mapping[str, Any]) -> None:
        self.command = command
        """As one types it, without tracks: `pubsub topics create`."""
        self.given = given
        """Values by flag without its dashes, or by positional argument in capitals."""
        self.wide = wide
        """The same of the flags that all commands take."""

    def __getitem__(self, name: str) -> Any:
        return self.given[name]

    def get(self, name: str, default: Any = None) -> Any:
        return self.given.get(name, default)

    def __contains__(self, name: str) -> bool:
        return name in self.given


class Surface:
    """All that was recorded. Each command stands on a line of its own, which is read when it is asked for."""

    def __init__(self, text: str) -> None:
        flags, _, commands = text.partition('"commands": {')
        self.flags: list[Spec] = json.loads(f"{flags.rstrip().rstrip(',')}}}")["flags"]
        lines = (line for line in commands.splitlines() if line.startswith('"'))
        self._lines = {line[1 : line.index('"', 1)]: line for line in lines}
        self._read: dict[str, Spec] = {}

    @property
    def commands(self) -> Collection[str]:
        return self._lines.keys()

    def spec(self, command: str) -> Spec:
        if command not in self._read:
            line = self._lines[command]
            self._read[command] = json.JSONDecoder().raw_decode(line, line.index(": ") + 2)[0]
        return self._read[command]


@cache
def recorded() -> Surface:
    with open(RECORDED) as file:
        return Surface(file.read())


def parse(argv: Sequence[str]) -> Call:
    """What `gcloud *argv` asks for. Raises `Refused` for what gcloud would not run."""
    command, rest = _command(list(argv))
    return _Parser(command, recorded().spec(command)).parse(rest)


def _command(argv: list[str]) -> tuple[str, list[str]]:
    """The command, and the other arguments: those before its end are flags that all commands take."""
    commands = recorded().commands
    words: list[str] = []
    before: list[str] = []
    while argv:
        word = argv.pop(0)
        if word.startswith("-"):
            before.append(word)
            continue
        words.append(word)
        path = " ".join(words)
        if path in commands:
            return path, before + argv
        if not any(each.startswith(f"{path} ") for each in commands):
            raise Refused(".".join(words[:-1]), f"Invalid choice: '{word}'.")
    raise Refused(".".join(words), "Command name argument expected.")


def _leaves(spec: Spec) -> Iterator[Spec]:
    for each in spec["args"]:
        if "args" in each:
            yield from _leaves(each)
        else:
            yield each


def _name(leaf: Spec) -> str:
    return str(leaf["positional"] if "positional" in leaf else max(leaf["flag"], key=len).lstrip("-"))


class _Parser:
    def __init__(self, command: str, spec: Spec) -> None:
        self._command = command
        self._spec = spec
        leaves = list(_leaves(spec))
        self._positionals = [leaf for leaf in leaves if "positional" in leaf]
        self._wide = {flag: leaf for leaf in recorded().flags for flag in leaf["flag"]}
        self._flags = {flag: leaf for leaf in leaves for flag in leaf.get("flag", ())}
        self._given: dict[str, Any] = {}
        self._wide_given: dict[str, Any] = {}

    def parse(self, argv: list[str]) -> Call:
        words = self._read_flags(argv)
        self._read_positionals(words)
        self._check(self._spec, required=True, top=True)
        return Call(self._command.removeprefix("alpha ").removeprefix("beta "), self._given, self._wide_given)

    def _refused(self, message: str) -> Refused:
        return Refused(self._command.replace(" ", "."), message)

    def _read_flags(self, argv: list[str]) -> list[str]:
        """Takes the flags; what is left over."""
        words: list[str] = []
        unknown: list[str] = []
        while argv:
            word = argv.pop(0)
            if not word.startswith("-") or word == "-":
                words.append(word)
                continue
            flag, equals, value = word.partition("=")
            leaf = self._flags.get(flag) or self._wide.get(flag)
            if leaf is not None:
                self._take(leaf, flag, value if equals else None, argv)
            elif (switched := self._switch(flag)) is not None and not equals:
                self._store(switched, False)
            else:
                unknown.append(word)
        if unknown:
            raise self._refused(f"unrecognized arguments: {' '.join(unknown)}")
        return words

    def _switch(self, flag: str) -> Spec | None:
        """The flag that `--no-FLAG` switches off."""
        positive = "--" + flag.removeprefix("--no-")
        leaf = (self._flags.get(positive) or self._wide.get(positive)) if flag.startswith("--no-") else None
        return leaf if leaf is not None and leaf.get("type", {}).get("kind") == "switch" else None

    def _take(self, leaf: Spec, flag: str, value: str | None, argv: list[str]) -> None:
        kind = leaf.get("type", {"kind": "str"})
        if kind["kind"] == "switch":
            if value is not None:
                raise self._refused(f"argument {flag}: ignored explicit argument '{value}'")
            self._store(leaf, True)
            return
        if value is None:
            if leaf.get("nargs") == "?" and (not argv or argv[0].startswith("-")):
                self._store(leaf, None)
                return
            if not argv or (argv[0].startswith("-") and not argv[0][1:].isdigit()):
                raise self._refused(f"argument {flag}: expected one argument")
            value = argv.pop(0)
        self._store(leaf, self._value(leaf, flag, value))

    def _value(self, leaf: Spec, shown: str, text: str) -> Any:
        if "choices" in leaf and text not in leaf["choices"] and text.lower() not in leaf["choices"]:
            choices = ", ".join(leaf["choices"])
            raise self._refused(f"argument {shown}: Invalid choice: '{text}'.\n\nValid choices are [{choices}].")
        try:
            return read(leaf.get("type", {"kind": "str"}), text)
        except ValueError as error:
            raise self._refused(f"argument {shown}: {error}") from None

    def _store(self, leaf: Spec, value: Any) -> None:
        name = _name(leaf)
        place = self._wide_given if leaf in recorded().flags else self._given
        if leaf.get("append"):
            place.setdefault(name, []).append(value)
        elif isinstance(value, list) and name in place:
            place[name] = place[name] + value
        elif isinstance(value, dict) and name in place:
            place[name] = {**place[name], **value}
        else:
            place[name] = value

    def _read_positionals(self, words: list[str]) -> None:
        for leaf in self._positionals:
            nargs = leaf.get("nargs")
            taken = words if nargs in ("+", "*", "...") else words[:1]
            if taken:
                read = [self._value(leaf, leaf["positional"], word) for word in taken]
                self._given[_name(leaf)] = read if nargs in ("+", "*", "...") else read[0]
            words = words[len(taken) :]
        if words:
            raise self._refused(f"unrecognized arguments: {' '.join(words)}")

    def _check(self, spec: Spec, *, required: bool, top: bool = False) -> bool:
        """Holds the given arguments against a group's rules; whether any of the group was given."""
        given, missing, optional = [], [], False
        for each in spec["args"]:
            here = (
                self._check(each, required=required and bool(each.get("required")))
                if "args" in each
                else _name(each) in self._given
            )
            needed = bool(each.get("required")) or ("positional" in each and each.get("nargs") not in ("?", "*", "..."))
            if here:
                given.append(each)
            elif needed:
                missing.append(each)
            optional = optional or not needed
        if missing and top:
            raise self._refused(f"argument {' '.join(map(_usage, missing))}: Must be specified.")
        if missing and given:
            raise self._refused(
                f"argument {' '.join(map(_usage, given))}: {' '.join(map(_usage, missing))} must be specified."
            )
        if spec.get("mutex"):
            self._check_mutex(spec, given, required=required and bool(spec.get("required")))
        return bool(given)

    def _check_mutex(self, spec: Spec, given: list[Spec], *, required: bool) -> None:
        choices = " | ".join(sorted(map(_usage, spec["args"])))
        about = f"argument {min(map(_usage, given))}: " if given else ""
        if required and len(given) != 1:
            raise self._refused(f"{about}Exactly one of ({choices}) must be specified.")
        if len(given) > 1:
            raise self._refused(f"{about}At most one of {choices} can be specified.")


def _usage(spec: Spec) -> str:
    if "args" not in spec:
        name = _name(spec)
        if "flag" in spec:
            return f"--{name}"
        return f"{name} [{name} ...]" if spec.get("nargs") == "+" else name
    leaves = sorted(_leaves(spec), key=lambda leaf: ("flag" in leaf and not leaf.get("required"), "flag" in leaf))
    if spec.get("mutex"):
        return f"({' | '.join(map(_usage, leaves))})"
    return _usage(leaves[0]) if len(leaves) == 1 else f"({_usage(leaves[0])} : {' '.join(map(_usage, leaves[1:]))})"
