"""What tasks keep besides XComs: state of a task instance, state of an asset, and results that others may use again."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sailplane.model.errors import RequestError
from sailplane.model.ids import UNMAPPED, RunKey, TaskKey
from sailplane.model.runs import Token

RETENTION = timedelta(days=30)
"""How long an entry of a task instance is kept after it was last set, unless it says otherwise; as in Airflow."""
LARGE_VALUE = 65_535
"""Bytes of a value's JSON over which tasks are warned and the API refuses, as in Airflow."""
LARGEST_VALUE = 900_000
"""Bytes of a value's JSON that a document of Firestore holds beside the rest."""
LONGEST_KEY = 512
"""Characters, as in Airflow."""
LONGEST_KEY_BYTES = 1400
"""Of the document id that a key becomes, where all but letters and digits take three each; Firestore allows 1,500."""


class StateOwner(StrEnum):
    """What it is the state of."""

    TASK = "task"
    ASSET = "asset"


class StateVerb(StrEnum):
    """What is to be done with it."""

    GET = "get"
    SET = "set"
    DELETE = "delete"
    CLEAR = "clear"


@dataclass(frozen=True, kw_only=True)
class StateRequest:
    """What a running task instance of the run asks of a state store. `GET` is answered with JSON, or None."""

    verb: StateVerb
    owner: StateOwner
    task_id: str
    map_index: int = UNMAPPED
    """Who asks; with `StateOwner.TASK` also whose state it is."""
    asset: int = 0
    """The asset's id, with `StateOwner.ASSET`."""
    key: str = ""
    value: str = ""
    """JSON."""
    expires_at: datetime | None = None

    @property
    def task(self) -> TaskKey:
        return TaskKey(self.task_id, self.map_index)


@dataclass(frozen=True, kw_only=True)
class OfTask:
    """The state of one task instance."""

    run: RunKey
    task: TaskKey


@dataclass(frozen=True, kw_only=True)
class OfAsset:
    """The state of one asset, by its id (`assets.asset_id`)."""

    asset: int


class WriterKind(StrEnum):
    """What set an asset's state last."""

    TASK = "task"
    WATCHER = "watcher"
    API = "api"


@dataclass(frozen=True, kw_only=True)
class StateWriter:
    """Who set an asset's state last; the fields of a task are those of `WriterKind.TASK` alone."""

    kind: WriterKind
    dag_id: str | None = None
    run_id: str | None = None
    task_id: str | None = None
    map_index: int | None = None


@dataclass(frozen=True, kw_only=True)
class TaskEntry:
    """One entry of a task instance: it outlives tries, and the end of the task."""

    run: RunKey
    task: TaskKey
    key: str
    value: str
    """JSON."""
    updated_at: datetime
    expires_at: datetime | None = None
    token: Token = ""

    @property
    def owner(self) -> OfTask:
        return OfTask(run=self.run, task=self.task)

    def is_expired(self, now: datetime) -> bool:
        """Nobody sees it any more; the store deletes it within a day."""
        return self.expires_at is not None and self.expires_at <= now


@dataclass(frozen=True, kw_only=True)
class AssetEntry:
    """One entry of an asset: it outlives runs."""

    asset: int
    """The asset's id."""
    key: str
    value: str
    """JSON."""
    updated_at: datetime
    written_by: StateWriter | None = None
    token: Token = ""

    @property
    def owner(self) -> OfAsset:
        return OfAsset(asset=self.asset)


Owner = OfTask | OfAsset
Entry = TaskEntry | AssetEntry


class InvalidEntry(RequestError, ValueError):
    """An entry of a state store cannot be as it is given."""


def encode_value(key: str, value: Any) -> str:
    """The JSON of an entry's value. Raises `InvalidEntry` for a key or a value that cannot be stored."""
    check_key(key)
    if value is None:
        raise InvalidEntry("Cannot set value as None")
    try:
        text = json.dumps(value, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InvalidEntry(
            f"the value under {key!r} is no JSON: {error}; text, numbers, bool, lists and dicts can be stored, "
            "a datetime as value.isoformat()"
        ) from None
    if len(text) > LARGEST_VALUE:
        raise InvalidEntry(
            f"the value under {key!r} is {len(text):,} bytes of JSON, and {LARGEST_VALUE:,} can be stored; put it into "
            "the bucket, and its name here"
        )
    return text


def check_key(key: str) -> None:
    """Raises `InvalidEntry`."""
    if not isinstance(key, str) or not key:
        raise InvalidEntry(f"the key of an entry must be a text that is not empty, not {key!r}")
    plain = sum(letter.isascii() and letter.isalnum() for letter in key)
    if len(key) > LONGEST_KEY or plain + 3 * (len(key.encode()) - plain) > LONGEST_KEY_BYTES:
        raise InvalidEntry(f"the key {key[:40]!r}... has {len(key)} characters; {LONGEST_KEY} are allowed")
