"""What the faces (REST API and CLI) ask of Sailplane, and the backend that answers through the engine."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

from sailplane.api.asset_backend import AssetBackend, EngineAssets
from sailplane.api.pool_backend import EnginePools, PoolBackend
from sailplane.api.rerun_backend import EngineRunChanges, RunChanges
from sailplane.api.state_backend import EngineStates, StateBackend
from sailplane.model.dags import SerializedDag
from sailplane.model.gates import is_gate
from sailplane.model.human_steps import HumanReply, HumanStep
from sailplane.model.ids import UNMAPPED, RunKey, TaskKey
from sailplane.model.runs import DagFileError, DagRecord, DagRun, DagSchedule, TaskInstance
from sailplane.model.states import RunState, RunType, TaskState, TriggeredBy
from sailplane.model.values import Connection, Variable

if TYPE_CHECKING:
    from sailplane.cloud.wiring import Cloud

_ALL = 2**31 - 1
"""As many as a query can be asked for."""


@dataclass(frozen=True, kw_only=True)
class TriggerOrder:
    """A run that somebody asks for."""

    dag_id: str
    run_id: str | None = None
    logical_date: datetime | None = None
    conf: Mapping[str, Any] | None = None
    note: str | None = None
    run_type: RunType = RunType.MANUAL
    triggered_by: TriggeredBy = TriggeredBy.REST_API
    user: str | None = None


@dataclass(frozen=True, kw_only=True)
class LogLines:
    """A part of a log: JSON lines, and where the next part starts."""

    lines: Sequence[Mapping[str, Any]] = field(default_factory=tuple)
    next_offset: int = 0


class Backend(Protocol):
    """Sailplane as its faces see it. Everything raises `TransientError` when the cloud does not answer."""

    def dags(self) -> Sequence[DagRecord]:
        """All DAGs, stale ones too."""

    def dag(self, dag_id: str) -> DagRecord | None: ...

    def schedules(self, dag_ids: Sequence[str]) -> Mapping[str, DagSchedule]: ...

    def version(self, dag_id: str, number: int) -> SerializedDag:
        """A version never changes, so it may be answered from memory."""

    def runs(
        self,
        dag_id: str | None,
        *,
        limit: int | None = None,
        states: Sequence[RunState] = (),
        newest_first: bool = True,
    ) -> Sequence[DagRun]:
        """Runs of one DAG, or of all, ordered by when they were due; all of them when `limit` is None."""

    def count_runs(self, dag_id: str | None, *, states: Sequence[RunState] = ()) -> int:
        """How many runs `runs` would give without a limit; much cheaper."""

    def run(self, run: RunKey) -> DagRun | None: ...

    def tasks(self, run: RunKey, keys: Sequence[TaskKey] | None = None) -> Sequence[TaskInstance]:
        """All task instances of a run that exist, or those among `keys`; each is read."""

    def task(self, run: RunKey, task: TaskKey) -> TaskInstance | None: ...

    def tries(self, run: RunKey, task: TaskKey) -> Sequence[TaskInstance]:
        """The earlier tries, oldest first."""

    def file_errors(self) -> Sequence[DagFileError]: ...

    def trigger(self, order: TriggerOrder) -> DagRun:
        """Raises `NotFound`, `AlreadyExists`, `InvalidConf` or another `RequestError`."""

    def set_paused(self, dag_id: str, paused: bool) -> DagRecord:
        """Raises `NotFound`."""

    def read_log(self, run: RunKey, task: TaskKey, try_number: int, offset: int = 0) -> LogLines: ...

    def xcom(self, instance: TaskInstance, key: str) -> Any:
        """One of the XComs that `instance` names, as JSON value."""

    def questions(
        self, *, dag_id: str | None = None, run_id: str | None = None, answered: bool | None = None
    ) -> Sequence[HumanStep]:
        """What tasks ask people, in all DAGs, one, or one run; those without an answer first, the newest first."""

    def question(self, run: RunKey, task: TaskKey, try_number: int) -> HumanStep | None: ...

    def answer(self, run: RunKey, task: TaskKey, reply: HumanReply) -> HumanStep:
        """Raises `NotFound`, `AlreadyExists`, `Forbidden` or another `RequestError`."""

    def variables(self) -> Sequence[Variable]:
        """All Variables of the store."""

    def variable(self, key: str) -> Variable | None: ...

    def connections(self) -> Sequence[Connection]:
        """All Connections of the store."""

    def connection(self, conn_id: str) -> Connection | None: ...

    def add_value(self, value: Variable | Connection) -> None:
        """Raises `AlreadyExists`, or `RequestError` for a name that cannot be."""

    def put_value(self, *values: Variable | Connection) -> None:
        """Set them, whether they are there or not. Raises `RequestError` for a name that cannot be."""

    def remove_value(self, value: Variable | Connection) -> None: ...

    @property
    def assets(self) -> AssetBackend: ...

    @property
    def states(self) -> StateBackend: ...

    @property
    def pools(self) -> PoolBackend: ...

    @property
    def changes(self) -> RunChanges: ...


def _shown(instances: Sequence[TaskInstance]) -> list[TaskInstance]:
    """Without gates, and what was left where a mapped task stood alone, that has instances now."""
    several = {each.task_id for each in instances if each.map_index != UNMAPPED}
    return [
        each
        for each in instances
        if not is_gate(each.task_id)
        and not (each.state is TaskState.NONE and each.map_index == UNMAPPED and each.task_id in several)
    ]


def utc_now() -> datetime:
    return datetime.now(UTC)


class EngineBackend:
    """The backend over a cloud. The engine is imported when it is first needed."""

    def __init__(self, cloud: "Cloud") -> None:
        self.cloud = cloud

    def dags(self) -> Sequence[DagRecord]:
        return self.cloud.store.dags()

    def dag(self, dag_id: str) -> DagRecord | None:
        return self.cloud.store.dag(dag_id)

    def schedules(self, dag_ids: Sequence[str]) -> Mapping[str, DagSchedule]:
        return self.cloud.store.schedules(dag_ids)

    def version(self, dag_id: str, number: int) -> SerializedDag:
        return self.cloud.store.version(dag_id, number)

    def runs(
        self,
        dag_id: str | None,
        *,
        limit: int | None = None,
        states: Sequence[RunState] = (),
        newest_first: bool = True,
    ) -> Sequence[DagRun]:
        if dag_id is not None or not states:
            return self.cloud.store.runs(dag_id, limit=limit or _ALL, states=tuple(states), newest_first=newest_first)
        # No index serves the state of runs of all DAGs: filtering here costs their reads, on a rare question.
        found = self.cloud.store.runs(None, limit=_ALL, newest_first=newest_first)
        return [run for run in found if run.state in states][: limit or _ALL]

    def count_runs(self, dag_id: str | None, *, states: Sequence[RunState] = ()) -> int:
        if dag_id is None and states:
            return len(self.runs(None, states=states))
        return self.cloud.store.count_runs(dag_id, states=tuple(states))

    def run(self, run: RunKey) -> DagRun | None:
        return self.cloud.store.run(run)

    def tasks(self, run: RunKey, keys: Sequence[TaskKey] | None = None) -> Sequence[TaskInstance]:
        found = self.cloud.store.tasks(run, keys)
        return found if keys is not None else _shown(found)

    def task(self, run: RunKey, task: TaskKey) -> TaskInstance | None:
        return self.cloud.store.task(run, task)

    def tries(self, run: RunKey, task: TaskKey) -> Sequence[TaskInstance]:
        return self.cloud.store.tries(run, task)

    def file_errors(self) -> Sequence[DagFileError]:
        return self.cloud.store.file_errors()

    def trigger(self, order: TriggerOrder) -> DagRun:
        from sailplane.engine import runs

        return runs.trigger(
            self.cloud,
            order.dag_id,
            conf=order.conf,
            logical_date=order.logical_date,
            run_id=order.run_id,
            run_type=order.run_type,
            triggered_by=order.triggered_by,
            user=order.user,
            note=order.note,
            now=utc_now(),
        )

    def set_paused(self, dag_id: str, paused: bool) -> DagRecord:
        from sailplane.engine import runs

        return runs.set_paused(self.cloud, dag_id, paused, utc_now())

    def read_log(self, run: RunKey, task: TaskKey, try_number: int, offset: int = 0) -> LogLines:
        from sailplane.engine import logs

        chunk = logs.read_log(self.cloud, run, task, try_number, offset)
        return LogLines(lines=chunk.lines, next_offset=chunk.next_offset)

    def xcom(self, instance: TaskInstance, key: str) -> Any:
        from sailplane.api.xcom_values import shown
        from sailplane.engine import xcoms

        # Not msgspec, which refuses half a surrogate pair.
        return shown(json.loads(xcoms.resolve(self.cloud, instance.xcoms[key])))

    def questions(
        self, *, dag_id: str | None = None, run_id: str | None = None, answered: bool | None = None
    ) -> Sequence[HumanStep]:
        if dag_id is None or run_id is None:
            found = self.cloud.store.questions(dag_id=dag_id, answered=answered)
            return [step for step in found if run_id in (None, step.run.run_id)]
        return self.cloud.store.questions(run=RunKey(dag_id, run_id), answered=answered)

    def question(self, run: RunKey, task: TaskKey, try_number: int) -> HumanStep | None:
        return self.cloud.store.question(run, task, try_number)

    def answer(self, run: RunKey, task: TaskKey, reply: HumanReply) -> HumanStep:
        from sailplane.engine import answering

        return answering.answer(self.cloud, run, task, reply, utc_now)

    def variables(self) -> Sequence[Variable]:
        return self.cloud.store.variables()

    def variable(self, key: str) -> Variable | None:
        return self.cloud.store.variable(key)

    def connections(self) -> Sequence[Connection]:
        return self.cloud.store.connections()

    def connection(self, conn_id: str) -> Connection | None:
        return self.cloud.store.connection(conn_id)

    def add_value(self, value: Variable | Connection) -> None:
        from sailplane.engine import stored_values

        stored_values.add(self.cloud.store, value)

    def put_value(self, *values: Variable | Connection) -> None:
        from sailplane.engine import stored_values

        stored_values.put(self.cloud.store, values)

    def remove_value(self, value: Variable | Connection) -> None:
        from sailplane.engine import stored_values

        stored_values.remove(self.cloud.store, value)

    @property
    def assets(self) -> AssetBackend:
        return EngineAssets(self.cloud)

    @property
    def states(self) -> StateBackend:
        return EngineStates(self.cloud)

    @property
    def pools(self) -> PoolBackend:
        return EnginePools(self.cloud)

    @property
    def changes(self) -> RunChanges:
        return EngineRunChanges(self.cloud)
