"""What tasks keep besides XComs: state of a task instance, state of an asset, and results that others may use again."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

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
"""Of the document id that a key becomes; Firestore allows 1,500."""


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
    asset_name: str = ""
    asset_uri: str = ""
    """Instead of a name."""
    key: str = ""
    value: str = ""
    """JSON."""
    expires_at: datetime | None = None

    @property
    def task(self) -> TaskKey:
        return TaskKey(self.task_id, self.map_index)


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

    def is_expired(self, now: datetime) -> bool:
        """Nobody sees it any more; the store deletes it within a day."""
        return self.expires_at is not None and self.expires_at <= now


@dataclass(frozen=True, kw_only=True)
class AssetEntry:
    """One entry of an asset: it outlives runs."""

    asset: str
    """The asset's name."""
    key: str
    value: str
    """JSON."""
    updated_at: datetime
    written_by: StateWriter | None = None
    token: Token = ""
