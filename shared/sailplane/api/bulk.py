"""Many things created, updated and deleted with one request, as Airflow's bulk endpoints do."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Generic, TypeVar

import msgspec

from sailplane.api.context import Call
from sailplane.api.http import HttpError
from sailplane.api.models import Answer, Body
from sailplane.model.errors import RequestError

B = TypeVar("B")
V = TypeVar("V")


class OnExistence(StrEnum):
    FAIL = "fail"
    SKIP = "skip"
    OVERWRITE = "overwrite"


class OnNonExistence(StrEnum):
    FAIL = "fail"
    SKIP = "skip"


class BulkCreate(Body, Generic[B], frozen=True, kw_only=True, tag_field="action", tag="create"):
    entities: list[B]
    action_on_existence: OnExistence = OnExistence.FAIL


class BulkUpdate(Body, Generic[B], frozen=True, kw_only=True, tag_field="action", tag="update"):
    entities: list[B]
    update_mask: list[str] | None = None
    action_on_non_existence: OnNonExistence = OnNonExistence.FAIL


class BulkDelete(Body, frozen=True, kw_only=True, tag_field="action", tag="delete"):
    entities: list[str]
    action_on_non_existence: OnNonExistence = OnNonExistence.FAIL


class BulkActionResponse(Answer, frozen=True, kw_only=True):
    success: list[str] = msgspec.field(default_factory=list)
    errors: list[dict[str, Any]] = msgspec.field(default_factory=list)


class BulkResponse(Answer, frozen=True, kw_only=True):
    create: BulkActionResponse | None = None
    update: BulkActionResponse | None = None
    delete: BulkActionResponse | None = None


@dataclass(frozen=True, kw_only=True)
class Kind(Generic[B, V]):
    """What bulk requests are about: bodies `B`, and what is stored, `V`."""

    name: str
    stored: Callable[[Call], Mapping[str, V]]
    name_of: Callable[[B], str]
    made: Callable[[B], V]
    """Raises `HttpError`."""
    changed: Callable[[V, B, Sequence[str]], V]
    """The stored one with what the body says, within the mask. Raises `HttpError`."""
    put: Callable[[Call, Sequence[V]], None]
    remove: Callable[[Call, V], None]


def handle(call: Call, actions: Sequence[BulkCreate[B] | BulkUpdate[B] | BulkDelete], kind: Kind[B, V]) -> BulkResponse:
    """Do one action after the other. One that cannot be done as a whole does nothing, and is told with its reason."""
    told: dict[str, BulkActionResponse] = {}
    for action in actions:
        verb = {BulkCreate: "create", BulkUpdate: "update", BulkDelete: "delete"}[type(action)]
        before = told.get(verb, BulkActionResponse())
        try:
            done = _do(call, action, kind)
            told[verb] = BulkActionResponse(success=before.success + done, errors=before.errors)
        except (HttpError, RequestError) as error:
            told[verb] = BulkActionResponse(success=before.success, errors=[*before.errors, _told(error)])
    return BulkResponse(**told)


def _told(error: HttpError | RequestError) -> dict[str, Any]:
    if isinstance(error, HttpError):
        return {"error": str(error.detail), "status_code": error.status}
    return {"error": str(error), "status_code": 400}


def _do(call: Call, action: BulkCreate[B] | BulkUpdate[B] | BulkDelete, kind: Kind[B, V]) -> list[str]:
    """The names of what was done."""
    stored = kind.stored(call)
    match action:
        case BulkCreate():
            return _create(call, action, kind, stored)
        case BulkUpdate():
            return _update(call, action, kind, stored)
        case BulkDelete():
            _check_there(action.entities, stored, action.action_on_non_existence, kind)
            found = [name for name in dict.fromkeys(action.entities) if name in stored]
            for name in found:
                kind.remove(call, stored[name])
            return found


def _create(call: Call, action: BulkCreate[B], kind: Kind[B, V], stored: Mapping[str, V]) -> list[str]:
    known = sorted(name for entity in action.entities if (name := kind.name_of(entity)) in stored)
    if known and action.action_on_existence is OnExistence.FAIL:
        raise HttpError(409, f"The {kind.name}: {', '.join(known)} already exist.")
    skips = action.action_on_existence is OnExistence.SKIP
    wanted = [entity for entity in action.entities if not (skips and kind.name_of(entity) in stored)]
    kind.put(call, [kind.made(entity) for entity in wanted])
    return list(map(kind.name_of, wanted))


def _update(call: Call, action: BulkUpdate[B], kind: Kind[B, V], stored: Mapping[str, V]) -> list[str]:
    _check_there(map(kind.name_of, action.entities), stored, action.action_on_non_existence, kind)
    wanted = [entity for entity in action.entities if kind.name_of(entity) in stored]
    mask = action.update_mask or ()
    kind.put(call, [kind.changed(stored[kind.name_of(entity)], entity, mask) for entity in wanted])
    return list(map(kind.name_of, wanted))


def _check_there(names: Any, stored: Mapping[str, V], otherwise: OnNonExistence, kind: Kind[B, V]) -> None:
    missing = sorted(set(names) - stored.keys())
    if missing and otherwise is OnNonExistence.FAIL:
        raise HttpError(404, f"The {kind.name}: {', '.join(missing)} were not found.")
