"""Ids: Airflow's character rules, and the forms in which ids go into Firestore paths and object names."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from sailplane.model.errors import InvalidId
from sailplane.model.states import RunType

MAX_ID_LENGTH = 250
_KEY = re.compile(r"[\w.-]+", re.ASCII)
_GROUP = re.compile(r"[\w-]+", re.ASCII)
_RUN = re.compile(r"[A-Za-z0-9_.~:+-]+")
_RESERVED = re.compile(r"\.\.?|__.*__")

UNMAPPED = -1
"""The map index of a task instance that is not one of several."""


def check_dag_id(dag_id: str) -> str:
    return _check(dag_id, "dag_id", _KEY, "letters, digits, dashes, dots and underscores")


def check_task_id(task_id: str) -> str:
    return _check(task_id, "task_id", _KEY, "letters, digits, dashes, dots and underscores")


def check_group_id(group_id: str) -> str:
    return _check(group_id, "group_id", _GROUP, "letters, digits, dashes and underscores")


def check_run_id(run_id: str) -> str:
    return _check(run_id, "run_id", _RUN, "letters, digits and the characters _ . ~ : + -")


def _check(value: str, what: str, pattern: re.Pattern[str], allowed: str) -> str:
    if not isinstance(value, str):
        raise InvalidId(f"{what} must be a string, not {type(value).__name__}: {value!r}")
    if not pattern.fullmatch(value):
        raise InvalidId(f"{what} {value!r} must be made of {allowed} only")
    if len(value) > MAX_ID_LENGTH:
        raise InvalidId(f"{what} {value[:40]!r}... has {len(value)} characters; {MAX_ID_LENGTH} are allowed")
    if _RESERVED.fullmatch(value) or value.startswith("~"):
        raise InvalidId(f"{what} {value!r} is reserved")
    return value


def run_id_for(run_type: RunType, run_after: datetime) -> str:
    """The id that a run gets when nobody names it: deterministic, so that the same due run is created once."""
    return f"{run_type}__{run_after.astimezone(UTC).isoformat()}"


@dataclass(frozen=True, slots=True, order=True)
class TaskKey:
    """A task instance within its run."""

    task_id: str
    map_index: int = UNMAPPED

    @property
    def document_id(self) -> str:
        return f"{self.task_id}:{self.map_index}"

    @classmethod
    def parse(cls, document_id: str) -> "TaskKey":
        task_id, _, map_index = document_id.rpartition(":")
        return cls(task_id, int(map_index))

    def __str__(self) -> str:
        return self.task_id if self.map_index == UNMAPPED else f"{self.task_id}[{self.map_index}]"


@dataclass(frozen=True, slots=True, order=True)
class RunKey:
    """A DAG run."""

    dag_id: str
    run_id: str

    def __str__(self) -> str:
        return f"{self.dag_id}/{self.run_id}"


def log_object(run: RunKey, task: TaskKey, try_number: int) -> str:
    """The object that holds the log of one try: the folder layout that Airflow's log readers know."""
    mapped = f"map_index={task.map_index}/" if task.map_index != UNMAPPED else ""
    return f"logs/dag_id={run.dag_id}/run_id={run.run_id}/task_id={task.task_id}/{mapped}attempt={try_number}.log"


def xcom_object(run: RunKey, task: TaskKey, try_number: int, key: str) -> str:
    """The object that holds an XCom too large for its task's document."""
    return f"xcoms/{run.dag_id}/{run.run_id}/{task.document_id}/{try_number}/{key}"


def bundle_object(sha256: str) -> str:
    return f"bundles/{sha256}.tar.gz"
