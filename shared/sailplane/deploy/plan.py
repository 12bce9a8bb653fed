"""What has to be done: from what should be there, and what is there, to steps with their commands."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import groupby

from sailplane.deploy.access_commands import enable_apis
from sailplane.deploy.command import Command
from sailplane.deploy.commands import VERBS
from sailplane.deploy.found import Settings, last
from sailplane.deploy.kit import Kit
from sailplane.deploy.resource import Kind, Resource, Setting
from sailplane.deploy.state import State
from sailplane.model.errors import SettingsError


class Action(StrEnum):
    NOTHING = "nothing"
    CREATE = "create"
    UPDATE = "update"
    REPLACE = "replace"
    DELETE = "delete"


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What is done about one resource, and which of its settings led to that."""

    action: Action
    differing: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Step:
    """One thing to do, with its commands in order."""

    action: Action
    kind: Kind
    title: str
    commands: tuple[Command, ...]
    tolerates_absence: bool = False
    """What is to be taken away may be gone."""

    @property
    def makes_news(self) -> bool:
        """Whether other commands may not see at once what was made."""
        return self.action is not Action.DELETE and self.kind in _SEEN_LATE

    def __str__(self) -> str:
        return f"{self.action} {self.title}"


_SEEN_LATE = frozenset({Kind.API, Kind.SERVICE_AGENT, Kind.SERVICE_ACCOUNT, Kind.BINDING, Kind.DATABASE})


class CannotChange(SettingsError):
    """A setting cannot be changed after the thing was made."""


def decide(resource: Resource, there: Settings | None) -> Decision:
    """What to do about `resource`, of which `there` was found. Raises `CannotChange`."""
    if there is None:
        return Decision(action=Action.CREATE)
    differing = tuple(
        key for key in _compared(resource, there) if not _is_same(key, resource.settings.get(key), there.get(key))
    )
    if not differing:
        return Decision(action=Action.NOTHING)
    verbs = VERBS[resource.kind]
    for key in differing:
        if key in verbs.lasting:
            raise CannotChange(
                f"{resource} has {key} {there.get(key)!r} and not {resource.settings.get(key)!r}, which can only be "
                "chosen when it is made: correct sailplane.toml or the region, or move the data first"
            )
    if verbs.update is None or verbs.fixed & set(differing):
        return Decision(action=Action.REPLACE, differing=differing)
    return Decision(action=Action.UPDATE, differing=differing)


_TELLING_WHEN_ABSENT = frozenset({"push_endpoint"})
"""Settings that a resource leaves out to say that there should be none."""
_UNKNOWN_WHEN_EMPTY = frozenset({"content", "source"})
"""Settings that a design without files does not know."""


def _compared(resource: Resource, there: Settings) -> Iterator[str]:
    for key, value in resource.settings.items():
        if key in _NAMES_ONLY.get(resource.kind, ()) or (key in _UNKNOWN_WHEN_EMPTY and not value):
            continue
        yield key
    yield from (key for key in _TELLING_WHEN_ABSENT if key in there and key not in resource.settings)


_NAMES_ONLY: Mapping[Kind, frozenset[str]] = {
    Kind.BINDING: frozenset({"scope", "resource", "role", "member"}),
    Kind.LOG_METRIC: frozenset({"file"}),
    Kind.ALERT: frozenset({"file"}),
    Kind.DASHBOARD: frozenset({"file"}),
}
"""Settings that are part of the name, or say where the content comes from."""


def _is_same(key: str, wanted: Setting, there: Setting) -> bool:
    match key:
        case "memory":
            return _mebibytes(wanted) == _mebibytes(there)
        case "cpu":
            return _cpus(wanted) == _cpus(there)
        case "vpc_connector":
            return last(str(wanted or "")) == last(str(there or ""))
        case "indexes" | "lifecycle" | "channels":
            return _unordered(wanted) == _unordered(there)
        case "location":
            return str(wanted).lower() == str(there).lower()
        case _:
            return bool(wanted == there)


def _unordered(value: Setting) -> list[str]:
    return sorted(repr(sorted(one.items()) if isinstance(one, Mapping) else one) for one in value or ())  # type: ignore[union-attr]


_UNITS = {"Ki": 1 / 1024, "Mi": 1.0, "Gi": 1024.0, "M": 1e6 / 2**20, "G": 1e9 / 2**20, "k": 1e3 / 2**20}


def _mebibytes(value: Setting) -> float | None:
    text = str(value)
    for unit, factor in _UNITS.items():
        if text.endswith(unit) and text.removesuffix(unit).replace(".", "", 1).isdigit():
            return round(float(text.removesuffix(unit)) * factor, 3)
    return None


def _cpus(value: Setting) -> float | None:
    """`1`, `0.5` and `500m` as a number."""
    text = str(value)
    try:
        return float(text.removesuffix("m")) / 1000 if text.endswith("m") else float(text)
    except ValueError:
        return None


def steps(kit: Kit, desired: Sequence[Resource], state: State) -> tuple[Step, ...]:
    """What has to be done so that all of `desired` is there, in order. Raises `CannotChange`."""
    decided = [(resource, decide(resource, state.get((resource.kind, resource.name)))) for resource in desired]
    todo = _with_what_is_lost([each for each in decided if each[1].action is not Action.NOTHING], desired)
    planned: list[Step] = []
    for kind, group in groupby(todo, key=lambda each: each[0].kind):
        members = list(group)
        if kind is Kind.API:
            planned.append(_enable(kit, [resource for resource, _ in members]))
        else:
            planned += [_step(kit, resource, decision, state) for resource, decision in members]
    return tuple(planned)


Decided = tuple[Resource, Decision]


def _with_what_is_lost(todo: list[Decided], desired: Sequence[Resource]) -> list[Decided]:
    """Deploying a function writes its service anew, perhaps without the proxy: so that is turned on again."""
    deployed = {resource.name for resource, _ in todo if resource.kind is Kind.FUNCTION}
    planned = {id(resource): decision for resource, decision in todo}
    for resource in desired:
        if resource.kind is Kind.IAP and resource.name in deployed:
            planned.setdefault(id(resource), Decision(action=Action.UPDATE))
    return [(resource, planned[id(resource)]) for resource in desired if id(resource) in planned]


def _enable(kit: Kit, apis: Sequence[Resource]) -> Step:
    names = ", ".join(api.name.removesuffix(".googleapis.com") for api in apis)
    return Step(action=Action.CREATE, kind=Kind.API, title=f"access to {names}", commands=(enable_apis(kit, apis),))


def _step(kit: Kit, resource: Resource, decision: Decision, state: State) -> Step:
    verbs = VERBS[resource.kind]
    there = known(resource, state)
    match decision.action:
        case Action.UPDATE if verbs.update is not None:
            commands = verbs.update(kit, there)
        case Action.REPLACE if verbs.delete is not None:
            commands = (*verbs.delete(kit, there), *verbs.create(kit, resource))
        case _:
            commands = verbs.create(kit, resource)
    why = f" ({', '.join(decision.differing)})" if decision.differing else ""
    return Step(action=decision.action, kind=resource.kind, title=f"{resource}{why}", commands=commands)


def known(resource: Resource, state: State) -> Resource:
    """`resource` with what commands must know of what is there: the id that Google gave it, and a GPU to give up."""
    there = state.get((resource.kind, resource.name), {})
    more = {key: there[source] for key, source in _KNOWN.items() if there.get(source)}
    return replace(resource, settings={**resource.settings, **more}) if more else resource


_KNOWN = {"id": "id", "old_gpu": "gpu"}
