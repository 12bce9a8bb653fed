"""The store: runs, task instances, DAGs and their versions in Firestore."""

import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

import msgspec

from sailplane.cloud import (
    alarms,
    asset_codec,
    codec,
    dag_codec,
    documents,
    error_codec,
    paths,
    question_codec,
    state_codec,
    value_codec,
)
from sailplane.cloud.asset_store import AssetStore
from sailplane.cloud.changes import Change
from sailplane.cloud.committer import Committer, Result
from sailplane.cloud.firestore import Firestore
from sailplane.cloud.reader import AND, DESCENDING, OPERATORS, OR, Reader, between, bound, select, where_in
from sailplane.cloud.settings import Settings
from sailplane.cloud.slot_reader import SlotReader
from sailplane.cloud.tally import Tally
from sailplane.model.assets import AssetQueue
from sailplane.model.callbacks import RunCallback, is_callback
from sailplane.model.dags import SerializedDag
from sailplane.model.errors import CorruptRecord, NotFound
from sailplane.model.human_steps import HumanStep
from sailplane.model.ids import RunKey, TaskKey
from sailplane.model.runs import DagFileError, DagRecord, DagRun, DagSchedule, TaskInstance
from sailplane.model.state_store import AssetEntry, TaskEntry
from sailplane.model.states import RunState
from sailplane.model.values import Connection, Variable

_MOST_VERSIONS = 500
"""Versions of DAGs that are kept in memory."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class DueAlarms:
    """What a tick has to look at: documents whose alarm is due, or will be within the tick's horizon."""

    schedules: tuple[DagSchedule, ...]
    runs: tuple[DagRun, ...]
    tasks: tuple[TaskInstance, ...]
    queues: tuple[AssetQueue, ...] = ()


class Store(Reader):
    """Reads give records; `commit` writes changes. Raises `Unavailable` when Firestore does not answer in time."""

    def __init__(self, settings: Settings, read_object: Callable[[str], bytes], tally: Tally) -> None:
        self._settings = settings
        super().__init__(Firestore(settings, tally))
        self.assets = AssetStore(self._firestore)
        self.clock = self._firestore.clock
        self.slots = SlotReader(self._firestore)
        self._committer = Committer(self._firestore, shards=settings.alarm_shards)
        self._read_object = read_object
        self._versions: dict[tuple[str, int], SerializedDag] = {}
        self._versions_lock = threading.Lock()

    def commit(self, unit: Sequence[Change], on_result: Callable[[Result], None] | None = None) -> Result:
        """Make all of `unit` or nothing; see `Committer.commit`."""
        return self._committer.commit(unit, on_result)

    def close(self) -> None:
        self._firestore.close()

    # DAGs

    def dag(self, dag_id: str) -> DagRecord | None:
        found = self._get([paths.dag(dag_id)])
        return dag_codec.read_dag(found[0]) if found else None

    def dags(self) -> list[DagRecord]:
        """All DAGs, by dag_id."""
        return [dag_codec.read_dag(document) for document in self._list("", "dags")]

    def schedules(self, dag_ids: Iterable[str]) -> dict[str, DagSchedule]:
        found = self._get([paths.schedule(dag_id) for dag_id in dag_ids])
        return {schedule.dag_id: schedule for schedule in map(dag_codec.read_schedule, found)}

    def dag_with_schedule(self, dag_id: str) -> tuple[DagRecord | None, DagSchedule | None]:
        record: DagRecord | None = None
        schedule: DagSchedule | None = None
        for document in self._get([paths.dag(dag_id), paths.schedule(dag_id)]):
            if dag_codec.is_schedule(document):
                schedule = dag_codec.read_schedule(document)
            else:
                record = dag_codec.read_dag(document)
        return record, schedule

    def version(self, dag_id: str, number: int) -> SerializedDag:
        """One version of a DAG; immutable, so it is read once. Raises `NotFound` or `CorruptRecord`."""
        known = self._versions.get((dag_id, number))
        if known is None:
            known = self._read_version(dag_id, number)
            with self._versions_lock:
                self._versions[dag_id, number] = known
                if len(self._versions) > _MOST_VERSIONS:
                    del self._versions[next(iter(self._versions))]
        return known

    def _read_version(self, dag_id: str, number: int) -> SerializedDag:
        found = self._get([paths.version(dag_id, number)])
        if not found:
            raise NotFound(f"DAG {dag_id!r} has no version {number}; push it again")
        fields = found[0].fields
        if "object" in fields:
            serialized = self._read_object(fields["object"].string_value)
        else:
            serialized = fields["serialized"].string_value.encode()
        try:
            return msgspec.json.decode(serialized, type=SerializedDag)
        except msgspec.DecodeError as error:
            raise CorruptRecord(f"DAG {dag_id!r} version {number} cannot be read: {error}") from error

    def file_errors(self) -> list[DagFileError]:
        return [error_codec.read_dag_file_error(document) for document in self._list("", "import_errors")]

    # Runs

    def run(self, key: RunKey) -> DagRun | None:
        found = self._get([paths.run(key)])
        return codec.read_run(found[0]) if found else None

    def runs(
        self,
        dag_id: str | None = None,
        *,
        limit: int = 100,
        states: Sequence[RunState] = (),
        newest_first: bool = True,
    ) -> list[DagRun]:
        """Runs of one DAG, or of all, by `run_after`; with `states`, only of one DAG and those alone."""
        query = select("runs", all_descendants=dag_id is None)
        if states:
            where_in(query, "state", states)
        else:
            order = query.order_by.add()
            order.field.field_path = "run_after"
            if newest_first:
                order.direction = DESCENDING
            query.limit.value = limit
        parent = paths.dag(dag_id) if dag_id is not None else ""
        found = [codec.read_run(document) for document in self._run(parent, query)]
        if states:
            found.sort(key=lambda run: run.context.run_after, reverse=newest_first)
        return found[:limit]

    def runs_at(self, dag_id: str, logical_dates: Sequence[datetime]) -> list[DagRun]:
        """Runs of a DAG by their logical date, at most 30 of them asked for at once."""
        query = select("runs")
        field_filter = query.where.field_filter
        field_filter.field.field_path = "logical_date"
        field_filter.op = OPERATORS.Value("IN")
        for moment in logical_dates:
            documents.put_moment(field_filter.value.array_value.values.add(), moment)
        found = self._run(paths.dag(dag_id), query)
        return [codec.read_run(document) for document in found if not dag_codec.is_schedule(document)]

    def neighbours(
        self, dag_id: str, date: datetime, *, later: bool, limit: int, by: str = "logical_date"
    ) -> list[DagRun]:
        """The runs of a DAG with the nearest logical dates before `date`, or after it, nearest first."""
        query = select("runs")
        field_filter = query.where.field_filter
        field_filter.field.field_path = by
        field_filter.op = OPERATORS.Value("GREATER_THAN" if later else "LESS_THAN")
        documents.put_moment(field_filter.value, date)
        order = query.order_by.add()
        order.field.field_path = by
        if not later:
            order.direction = DESCENDING
        query.limit.value = limit
        found = self._run(paths.dag(dag_id), query)
        return [codec.read_run(document) for document in found if not dag_codec.is_schedule(document)]

    def count_runs(self, dag_id: str | None = None, *, states: Sequence[RunState] = ()) -> int:
        """How many runs one DAG has, or all have; with `states`, only of one DAG. One read a thousand."""
        query = select("runs", all_descendants=dag_id is None)
        if states:
            where_in(query, "state", states)
        else:  # Schedules stand among the runs, and have no such field.
            query.order_by.add().field.field_path = "run_after"
        return self._count(paths.dag(dag_id) if dag_id is not None else "", query)

    def waiting(self, dag_id: str) -> tuple[list[DagRun], DagSchedule | None]:
        """Queued runs of a DAG, oldest first, and its schedule when that is held."""
        query = select("runs")
        where_in(query, "state", (RunState.QUEUED, dag_codec.HELD))
        queued: list[DagRun] = []
        held: DagSchedule | None = None
        for document in self._run(paths.dag(dag_id), query):
            if dag_codec.is_schedule(document):
                held = dag_codec.read_schedule(document)
            else:
                queued.append(codec.read_run(document))
        return sorted(queued, key=lambda run: run.context.run_after), held

    def active_runs(self, dag_id: str) -> int:
        """How many runs of a DAG are running; one read."""
        query = select("runs")
        where_in(query, "state", (RunState.RUNNING,))
        return self._count(paths.dag(dag_id), query)

    # Task instances

    def task(self, run: RunKey, key: TaskKey) -> TaskInstance | None:
        found = self._get([paths.task(run, key)])
        return codec.read_task(found[0]) if found else None

    def tasks(self, run: RunKey, keys: Iterable[TaskKey] | None = None) -> list[TaskInstance]:
        """The task instances of a run that have a document: all, or those among `keys`. One read each."""
        if keys is not None:
            return [codec.read_task(document) for document in self._get([paths.task(run, key) for key in keys])]
        return _without_callbacks(codec.read_task(document) for document in self._list(paths.run(run), "tasks"))

    def callbacks(self, run: RunKey) -> list[TaskInstance]:
        """What called the callbacks of a run's DAG, if anything did; one read each, three in all."""
        return self.tasks(run, [TaskKey(callback) for callback in RunCallback])

    def task_states(self, run: RunKey) -> list[TaskInstance]:
        """All task instances of a run with their state and the number of their siblings alone. One read each."""
        fields = ("state", "map_size")
        found = self._list(paths.run(run), "tasks", fields=fields)
        return _without_callbacks(codec.read_task(document) for document in found)

    def feeding(self, run: RunKey, label: str) -> int:
        """How many ended task instances feed the wide join `label`; one read a thousand."""
        query = select("tasks")
        field_filter = query.where.field_filter
        field_filter.field.field_path = "feeds"
        field_filter.op = OPERATORS.Value("ARRAY_CONTAINS")
        field_filter.value.string_value = label
        return self._count(paths.run(run), query)

    def tries(self, run: RunKey, key: TaskKey) -> list[TaskInstance]:
        """The earlier tries of a task instance, oldest first."""
        found = self._list(paths.task(run, key), "tries")
        return sorted(map(codec.read_try, found), key=lambda instance: instance.try_number)

    def question(self, run: RunKey, key: TaskKey, try_number: int) -> HumanStep | None:
        """What one try of a task instance asked a person."""
        found = self._get([question_codec.question_path(run, key, try_number)])
        return question_codec.read_question(found[0]) if found else None

    def questions(
        self, *, dag_id: str | None = None, run: RunKey | None = None, answered: bool | None = None
    ) -> list[HumanStep]:
        """What was asked in all DAGs, in one, or in a run: those without an answer first, of these the newest.

        With `answered`, only those that have, or have not, been answered. One read each that is found; of one DAG or
        run also of those that `answered` leaves out.
        """
        query = select("questions", all_descendants=True)
        if run is not None or dag_id is not None:
            field, value = question_codec.owner(run, dag_id)
            where_in(query, field, [value])
        elif answered is not None:
            between(query, question_codec.LISTED, *question_codec.bounds(answered))
        found = [question_codec.read_question(document) for document in self._run("", query)]
        wanted = [step for step in found if answered is None or (step.answer is not None) is answered]
        return sorted(wanted, key=lambda step: (step.answer is None, step.asked_at), reverse=True)

    def waiting_for(self, *events: str) -> list[tuple[RunKey, TaskKey]]:
        """Task instances that one of `events`, of which there may be up to 30, may wake."""
        query = select("waits")
        field_filter = query.where.field_filter
        field_filter.field.field_path = "events"
        field_filter.op = OPERATORS.Value("ARRAY_CONTAINS_ANY")
        for event in events:
            field_filter.value.array_value.values.add().string_value = event
        return [codec.read_wait(document) for document in self._run("", query)]

    # Variables and Connections

    def variable(self, key: str) -> Variable | None:
        found = self._get([value_codec.variable_path(key)])
        return value_codec.read_variable(found[0]) if found else None

    def variables(self) -> list[Variable]:
        """All of them; one read each."""
        return [value_codec.read_variable(document) for document in self._list("", "variables")]

    def connection(self, conn_id: str) -> Connection | None:
        found = self._get([value_codec.connection_path(conn_id)])
        return value_codec.read_connection(found[0]) if found else None

    def connections(self) -> list[Connection]:
        """All of them; one read each."""
        return [value_codec.read_connection(document) for document in self._list("", "connections")]

    # State stores

    def task_entry(self, run: RunKey, task: TaskKey, key: str) -> TaskEntry | None:
        found = self._get([state_codec.task_entry_path(run, task, key)])
        return state_codec.read_task_entry(found[0]) if found else None

    def task_entries(self, run: RunKey, task: TaskKey) -> list[TaskEntry]:
        """All of a task instance; one read each."""
        return [state_codec.read_task_entry(each) for each in self._list(paths.task(run, task), state_codec.TASK_STATE)]

    def asset_entry(self, asset: int, key: str) -> AssetEntry | None:
        found = self._get([state_codec.asset_entry_path(asset, key)])
        return state_codec.read_asset_entry(found[0]) if found else None

    def asset_entries(self, asset: int) -> list[AssetEntry]:
        """All of an asset; one read each."""
        found = self._list(asset_codec.asset_path(asset), state_codec.ASSET_STATE)
        return [state_codec.read_asset_entry(each) for each in found]

    # Alarms

    def due(self, now: datetime, horizon: datetime, *, limit: int) -> DueAlarms:
        """At most `limit` runs and `limit` tasks whose alarm rings; two reads when there is none."""
        schedules: list[DagSchedule] = []
        runs: list[DagRun] = []
        queues: list[AssetQueue] = []
        for document in self._run("", self._alarm_query("runs", now, horizon, limit)):
            if dag_codec.is_schedule(document):
                schedules += _readable(dag_codec.read_schedule, document)
            elif asset_codec.is_queue(document):
                queues += _readable(asset_codec.read_queue, document)
            else:
                runs += _readable(codec.read_run, document)
        found = self._run("", self._alarm_query("tasks", now, horizon, limit))
        tasks = tuple(task for document in found for task in _readable(codec.read_task, document))
        return DueAlarms(schedules=tuple(schedules), runs=tuple(runs), tasks=tasks, queues=tuple(queues))

    def _alarm_query(self, collection: str, now: datetime, horizon: datetime, limit: int) -> Any:
        query = select(collection, all_descendants=True)
        query.where.composite_filter.op = OR
        for low, high in alarms.ranges(now, horizon, self._settings.alarm_shards):
            both = query.where.composite_filter.filters.add().composite_filter
            both.op = AND
            bound(both.filters.add(), "GREATER_THAN_OR_EQUAL", low)
            bound(both.filters.add(), "LESS_THAN_OR_EQUAL", high)
        query.limit.value = limit
        return query


R = TypeVar("R")


def _without_callbacks(instances: Iterable[TaskInstance]) -> list[TaskInstance]:
    """What calls a DAG's callbacks stands among the task instances of a run, and is none to anybody else."""
    return [instance for instance in instances if not is_callback(instance.task_id)]


def _readable(read: Callable[[Any], R], document: Any) -> list[R]:
    """The record in `document`; none, told in the log, when another version wrote it: it must not stop the others."""
    try:
        return [read(document)]
    except (CorruptRecord, ValueError) as error:
        _log.error("%s cannot be read and is left alone: %s", document.name, error)
        return []
