"""A backend in memory, for the faces: REST API and CLI."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sailplane.api.backend import LogLines, TriggerOrder
from sailplane.engine.pools import PoolUse
from sailplane.model.assets import AliasRecord, AssetEvent, AssetQueue, AssetRecord
from sailplane.model.dags import Schedule, ScheduleKind, SerializedDag, SerializedGroup, SerializedParam, SerializedTask
from sailplane.model.errors import AlreadyExists, InvalidConf, NotFound
from sailplane.model.human_steps import HumanAnswer, HumanReply, HumanRequest, HumanStep, check_answer
from sailplane.model.ids import RunKey, TaskKey, run_id_for
from sailplane.model.mapping import Expansion, Source, SourceKind
from sailplane.model.pools import DEFAULT, Pool, checked
from sailplane.model.runs import DagFileError, DagRecord, DagRun, DagSchedule, RunContext, TaskInstance
from sailplane.model.state_store import Entry, Owner
from sailplane.model.states import RunState, RunType, TaskState, TriggeredBy
from sailplane.model.values import Connection, Variable

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


class MemoryStates:
    """What `sailplane.api.state_backend.StateBackend` asks for."""

    def __init__(self) -> None:
        self.stored: dict[tuple[Owner, str], Entry] = {}
        self.assets: set[int] = set()

    def entries(self, owner: Owner) -> Sequence[Entry]:
        return sorted((one for (of, _), one in self.stored.items() if of == owner), key=lambda one: one.key)

    def entry(self, owner: Owner, key: str) -> Entry | None:
        return self.stored.get((owner, key))

    def put(self, entry: Entry) -> None:
        self.stored[entry.owner, entry.key] = entry

    def delete(self, owner: Owner, key: str) -> None:
        self.stored.pop((owner, key), None)

    def clear(self, owner: Owner) -> None:
        for each in self.entries(owner):
            self.delete(owner, each.key)

    def has_asset(self, asset: int) -> bool:
        return asset in self.assets


class MemoryPools:
    """What `sailplane.api.pool_backend.PoolBackend` asks for; nothing is taken of any pool."""

    def __init__(self) -> None:
        self.stored = {"default_pool": DEFAULT}

    def all(self) -> Sequence[Pool]:
        return sorted(self.stored.values(), key=lambda pool: pool.name)

    def use(self, pool: Pool) -> PoolUse:
        return PoolUse(pool=pool, running=0, queued=0, scheduled=0, deferred=0)

    def create(self, pool: Pool) -> Pool:
        if pool.name in self.stored:
            raise AlreadyExists(f"there is a pool {pool.name!r} already")
        return self.put(pool)

    def put(self, pool: Pool) -> Pool:
        self.stored[pool.name] = checked(pool)
        return pool

    def change(self, name: str, fields: Mapping[str, Any]) -> Pool:
        return self.put(replace(self.stored[name], **fields))

    def delete(self, name: str) -> None:
        del self.stored[name]


class MemoryAssets:
    """What `sailplane.api.asset_backend.AssetBackend` asks for."""

    def __init__(self, backend: "MemoryBackend") -> None:
        self._backend = backend
        self.records: dict[int, AssetRecord] = {}
        self.stored_aliases: dict[int, AliasRecord] = {}
        self.stored_events: list[AssetEvent] = []
        self.waiting: list[AssetQueue] = []

    def all(self) -> Sequence[AssetRecord]:
        return list(self.records.values())

    def get(self, asset: int) -> AssetRecord | None:
        return self.records.get(asset)

    def aliases(self) -> Sequence[AliasRecord]:
        return list(self.stored_aliases.values())

    def alias(self, alias: int) -> AliasRecord | None:
        return self.stored_aliases.get(alias)

    def events(
        self,
        asset: int | None = None,
        *,
        after: datetime | None = None,
        before: datetime | None = None,
        ascending: bool = True,
        limit: int | None = None,
    ) -> Sequence[AssetEvent]:
        found = [
            event
            for event in self.stored_events
            if asset in (None, event.asset_id)
            and (after is None or event.timestamp >= after)
            and (before is None or event.timestamp <= before)
        ]
        return sorted(found, key=lambda event: event.timestamp, reverse=not ascending)[:limit]

    def count_events(
        self, asset: int | None = None, *, after: datetime | None = None, before: datetime | None = None
    ) -> int:
        return len(self.events(asset, after=after, before=before))

    def events_from(self, run: RunKey) -> Sequence[AssetEvent]:
        made_by = (run.dag_id, run.run_id)
        return [event for event in self.stored_events if (event.source_dag_id, event.source_run_id) == made_by]

    def triggering(self, run: RunKey) -> Sequence[AssetEvent]:
        taken = self._backend.stored_runs[run].asset_events
        return [event for event in self.stored_events if event.reference in taken]

    def runs_started_by(self, references: Sequence[str]) -> Sequence[DagRun]:
        return [run for run in self._backend.stored_runs.values() if not set(references).isdisjoint(run.asset_events)]

    def queues(self, dag_id: str) -> Sequence[AssetQueue]:
        return [queue for queue in self.waiting if queue.dag_id == dag_id]

    def queues_of(self, record: AssetRecord) -> Sequence[AssetQueue]:
        return [queue for queue in self.waiting if queue.asset_id == record.id]

    def drop(self, queues: Iterable[AssetQueue]) -> int:
        gone = list(queues)
        self.waiting = [queue for queue in self.waiting if queue not in gone]
        return len(gone)

    def emit(self, record: AssetRecord, extra: Mapping[str, Any], partition_key: str | None) -> AssetEvent:
        event = AssetEvent(
            id=len(self.stored_events) + 1,
            name=record.name,
            uri=record.uri,
            group=record.group,
            extra=extra,
            timestamp=NOON,
            partition_key=partition_key,
        )
        self.stored_events.append(event)
        return event


class MemoryBackend:
    """What `sailplane.api.backend.Backend` asks for, over plain dictionaries."""

    def __init__(self) -> None:
        self.pools = MemoryPools()
        self.records: dict[str, DagRecord] = {}
        self.versions: dict[tuple[str, int], SerializedDag] = {}
        self.due: dict[str, DagSchedule] = {}
        self.stored_runs: dict[RunKey, DagRun] = {}
        self.instances: dict[tuple[RunKey, TaskKey], TaskInstance] = {}
        self.earlier: dict[tuple[RunKey, TaskKey], list[TaskInstance]] = {}
        self.logs: dict[tuple[RunKey, TaskKey, int], list[dict[str, Any]]] = {}
        self.values: dict[tuple[RunKey, TaskKey], dict[str, Any]] = {}
        self.errors: list[DagFileError] = []
        self.orders: list[TriggerOrder] = []
        self.stored_variables: dict[str, Variable] = {}
        self.stored_connections: dict[str, Connection] = {}
        self.assets = MemoryAssets(self)
        self.states = MemoryStates()
        self.asked: dict[tuple[RunKey, TaskKey, int], HumanStep] = {}
        self.reads = 0
        """Task instances that lists read."""
        self.trouble: Exception | None = None
        """What asking for the DAGs raises."""

    def dags(self) -> Sequence[DagRecord]:
        if self.trouble is not None:
            raise self.trouble
        return list(self.records.values())

    def dag(self, dag_id: str) -> DagRecord | None:
        return self.records.get(dag_id)

    def schedules(self, dag_ids: Sequence[str]) -> Mapping[str, DagSchedule]:
        return {dag_id: self.due[dag_id] for dag_id in dag_ids if dag_id in self.due}

    def version(self, dag_id: str, number: int) -> SerializedDag:
        return self.versions[dag_id, number]

    def runs(
        self,
        dag_id: str | None,
        *,
        limit: int | None = None,
        states: Sequence[RunState] = (),
        newest_first: bool = True,
    ) -> Sequence[DagRun]:
        found = [
            run
            for run in self.stored_runs.values()
            if dag_id in (None, run.context.dag_id) and (not states or run.state in states)
        ]
        found.sort(key=lambda run: run.context.run_after, reverse=newest_first)
        return found[:limit]

    def count_runs(self, dag_id: str | None, *, states: Sequence[RunState] = ()) -> int:
        return len(self.runs(dag_id, states=states))

    def run(self, run: RunKey) -> DagRun | None:
        return self.stored_runs.get(run)

    def tasks(self, run: RunKey, keys: Sequence[TaskKey] | None = None) -> Sequence[TaskInstance]:
        found = [one for (key, task), one in self.instances.items() if key == run and (keys is None or task in keys)]
        self.reads += len(found)
        return found

    def task(self, run: RunKey, task: TaskKey) -> TaskInstance | None:
        return self.instances.get((run, task))

    def tries(self, run: RunKey, task: TaskKey) -> Sequence[TaskInstance]:
        return self.earlier.get((run, task), [])

    def file_errors(self) -> Sequence[DagFileError]:
        return self.errors

    def trigger(self, order: TriggerOrder) -> DagRun:
        record = self.records.get(order.dag_id)
        if record is None:
            raise NotFound(f"DAG {order.dag_id!r} does not exist")
        if order.conf and "refuse" in order.conf:
            raise InvalidConf("conf does not fit the params")
        run_id = order.run_id or run_id_for(RunType.MANUAL, NOON)
        if RunKey(order.dag_id, run_id) in self.stored_runs:
            raise AlreadyExists(f"run {run_id!r} exists")
        self.orders.append(order)
        return self.add_run(order.dag_id, run_id, RunState.RUNNING, order=order)

    def set_paused(self, dag_id: str, paused: bool) -> DagRecord:
        if dag_id not in self.records:
            raise NotFound(f"DAG {dag_id!r} does not exist")
        self.records[dag_id] = replace(self.records[dag_id], is_paused=paused)
        return self.records[dag_id]

    def read_log(self, run: RunKey, task: TaskKey, try_number: int, offset: int = 0) -> LogLines:
        lines = self.logs.get((run, task, try_number), [])
        return LogLines(lines=lines[offset:], next_offset=len(lines))

    def xcom(self, instance: TaskInstance, key: str) -> Any:
        return self.values[instance.run, instance.key][key]

    def questions(
        self, *, dag_id: str | None = None, run_id: str | None = None, answered: bool | None = None
    ) -> Sequence[HumanStep]:
        found = [
            step
            for (run, _, _), step in self.asked.items()
            if dag_id in (None, run.dag_id) and run_id in (None, run.run_id)
        ]
        wanted = [step for step in found if answered is None or (step.answer is not None) is answered]
        return sorted(wanted, key=lambda step: (step.answer is None, step.asked_at), reverse=True)

    def question(self, run: RunKey, task: TaskKey, try_number: int) -> HumanStep | None:
        return self.asked.get((run, task, try_number))

    def answer(self, run: RunKey, task: TaskKey, reply: HumanReply) -> HumanStep:
        instance = self.instances.get((run, task))
        step = self.asked.get((run, task, instance.try_number)) if instance else None
        if instance is None or step is None:
            raise NotFound(f"task instance {task} of run {run} asks nothing")
        check_answer(step, reply)
        given = HumanAnswer(
            chosen_options=reply.chosen_options,
            params_input=reply.params_input,
            answered_at=NOON,
            answered_by=reply.by,
        )
        self.asked[run, task, instance.try_number] = replace(step, answer=given)
        self.instances[run, task] = replace(instance, state=TaskState.QUEUED)
        return self.asked[run, task, instance.try_number]

    def variables(self) -> Sequence[Variable]:
        return list(self.stored_variables.values())

    def variable(self, key: str) -> Variable | None:
        return self.stored_variables.get(key)

    def connections(self) -> Sequence[Connection]:
        return list(self.stored_connections.values())

    def connection(self, conn_id: str) -> Connection | None:
        return self.stored_connections.get(conn_id)

    def add_value(self, value: Variable | Connection) -> None:
        if isinstance(value, Variable) and value.key in self.stored_variables:
            raise AlreadyExists(f"The Variable with key: `{value.key}` already exists")
        if isinstance(value, Connection) and value.conn_id in self.stored_connections:
            raise AlreadyExists(f"The Connection with connection_id: `{value.conn_id}` already exists")
        self.put_value(value)

    def put_value(self, *values: Variable | Connection) -> None:
        for value in values:
            if isinstance(value, Variable):
                self.stored_variables[value.key] = value
            else:
                self.stored_connections[value.conn_id] = value

    def remove_value(self, value: Variable | Connection) -> None:
        if isinstance(value, Variable):
            del self.stored_variables[value.key]
        else:
            del self.stored_connections[value.conn_id]

    # What tests put in

    def add_dag(self, dag: SerializedDag, **changes: Any) -> DagRecord:
        record = DagRecord(
            dag_id=dag.dag_id,
            version=1,
            bundle="b" * 64,
            file=dag.file,
            is_paused=False,
            tags=dag.tags,
            owners=dag.owners,
            description=dag.description,
            schedule_summary=dag.schedule.summary,
            pushed_at=NOON,
        )
        self.records[dag.dag_id] = replace(record, **changes)
        self.versions[dag.dag_id, 1] = dag
        return self.records[dag.dag_id]

    def add_run(
        self,
        dag_id: str,
        run_id: str,
        state: RunState,
        *,
        after: timedelta = timedelta(),
        order: TriggerOrder | None = None,
    ) -> DagRun:
        context = RunContext(
            dag_id=dag_id,
            run_id=run_id,
            version=1,
            bundle="b" * 64,
            file="dags.py",
            run_type=RunType.MANUAL,
            logical_date=order.logical_date if order else NOON,
            data_interval_start=NOON,
            data_interval_end=NOON,
            run_after=NOON + after,
            started_at=NOON + after,
            conf=dict(order.conf or {}) if order else {},
            triggered_by=order.triggered_by if order else TriggeredBy.CLI,
        )
        run = DagRun(
            context=context,
            state=state,
            queued_at=NOON + after,
            ended_at=NOON + after + timedelta(seconds=5) if state.is_terminal else None,
            note=order.note if order else None,
            triggering_user=order.user if order else None,
        )
        self.stored_runs[run.key] = run
        return run

    def add_task(self, run: RunKey, task_id: str, state: TaskState, **changes: Any) -> TaskInstance:
        instance = TaskInstance(run=run, task_id=task_id, state=state, operator="PythonOperator", queued_at=NOON)
        if state is not TaskState.QUEUED:
            instance = replace(instance, started_at=NOON)
        if state.is_terminal:
            instance = replace(instance, ended_at=NOON + timedelta(seconds=2))
        instance = replace(instance, **changes)
        self.instances[run, instance.key] = instance
        return instance

    def add_question(self, run: RunKey, task_id: str, request: HumanRequest, **changes: Any) -> HumanStep:
        """A task instance that waits for its answer."""
        instance = self.add_task(run, task_id, TaskState.AWAITING_INPUT, **changes)
        step = HumanStep(
            run=run,
            task=instance.key,
            try_number=instance.try_number,
            request=request,
            asked_at=self.stored_runs[run].queued_at,
        )
        self.asked[run, instance.key, instance.try_number] = step
        return step


@pytest.fixture
def backend() -> MemoryBackend:
    """Two DAGs, `etl` with one ended and one running run, and `nightly`, paused."""
    memory = MemoryBackend()
    etl = SerializedDag(
        dag_id="etl",
        file="etl.py",
        description="Extract & load",
        tags=("prod", "data"),
        owners=("ada",),
        params={"day": SerializedParam(value=1, description="which day", schema={"type": "integer"})},
        groups=(SerializedGroup(group_id="tail"),),
        tasks=(
            SerializedTask(task_id="extract", operator="PythonOperator", retries=2),
            SerializedTask(
                task_id="load",
                operator="PythonOperator",
                upstream=("extract",),
                expansion=Expansion(sources=(Source(kind=SourceKind.XCOM, task_id="extract"),)),
            ),
            SerializedTask(task_id="tail.report", operator="BashOperator", upstream=("load",), group_id="tail"),
        ),
    )
    nightly = SerializedDag(
        dag_id="nightly",
        file="nightly.py",
        tags=("prod",),
        schedule=Schedule(kind=ScheduleKind.CRON, cron="0 3 * * *", summary="0 3 * * *"),
        tasks=(SerializedTask(task_id="only", operator="EmptyOperator"),),
    )
    memory.add_dag(etl)
    memory.add_dag(nightly, is_paused=True)
    memory.due["nightly"] = DagSchedule(dag_id="nightly", run_after=NOON, logical_date=NOON)
    done = memory.add_run("etl", "first", RunState.SUCCESS).key
    memory.add_task(done, "extract", TaskState.SUCCESS, try_number=2, max_tries=3, xcoms={"return_value": "7"})
    memory.earlier[done, TaskKey("extract")] = [
        TaskInstance(run=done, task_id="extract", state=TaskState.FAILED, try_number=1, max_tries=3)
    ]
    memory.values[done, TaskKey("extract")] = {"return_value": 7}
    for index in (1, 0):
        memory.add_task(done, "load", TaskState.SUCCESS, map_index=index, map_size=2)
    memory.add_task(done, "tail.report", TaskState.SUCCESS, operator="BashOperator")
    memory.logs[done, TaskKey("extract"), 2] = [
        {"timestamp": "2026-03-01T12:00:00Z", "level": "info", "event": "hello", "logger": "task"},
        {"timestamp": "2026-03-01T12:00:01Z", "level": "info", "event": "bye <b>"},
    ]
    running = memory.add_run("etl", "second", RunState.RUNNING, after=timedelta(hours=1)).key
    memory.add_task(running, "extract", TaskState.RUNNING)
    memory.logs[running, TaskKey("extract"), 1] = [{"event": "at work"}]
    memory.errors = [DagFileError(file="bad.py", message="bad.py:3: oh no", traceback="Traceback ...", seen_at=NOON)]
    return memory
