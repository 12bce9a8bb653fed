"""The worker: claims queued task instances, has the runner run them, and pushes their runs forward."""

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Protocol

from sailplane.cloud.changes import Change, KeepTry, PutWait, Replace
from sailplane.cloud.committer import Committed
from sailplane.cloud.wiring import Cloud
from sailplane.engine import draft, ends, turns, xcoms
from sailplane.engine.alarms import Alarms
from sailplane.engine.bundles import BundleCache
from sailplane.engine.leases import Leases
from sailplane.engine.logs import Shipper, Spool
from sailplane.engine.memory import RunMemories, RunMemory
from sailplane.engine.progress import Progress
from sailplane.engine.services import Services
from sailplane.model import messages
from sailplane.model.dags import SerializedTask
from sailplane.model.errors import NotFound
from sailplane.model.evolve import evolve
from sailplane.model.execution import ChildServices, Outcome, OutcomeKind, TaskJob
from sailplane.model.ids import TaskKey
from sailplane.model.messages import TaskTicket, TaskWave
from sailplane.model.runs import ErrorInfo, TaskInstance
from sailplane.model.states import TaskState
from sailplane.runner.cancellation import Cancellation

_log = logging.getLogger(__name__)

HOLD = timedelta(seconds=15)
"""A retry that is due within this time is waited for by its worker, which would otherwise cost it a tick."""
KEEP_SHARE = 0.1
"""A worker keeps a successor while it has used up at most this share of its request's time, or knows that it fits."""


class TaskRunner(Protocol):
    """What runs user code: `sailplane.runner.pool.Runner`."""

    def run(
        self, job: TaskJob, *, bundle: Path, services: ChildServices, spool: Path, cancellation: Cancellation
    ) -> Outcome:
        """Run one try to its end; never raises for what user code does."""

    def close(self) -> None:
        """Stop whatever runs."""


class Worker:
    """One worker instance. `handle` may be called from many threads at once."""

    def __init__(
        self, cloud: Cloud, runner: TaskRunner, clock: Callable[[], datetime], *, name: str, queue: str
    ) -> None:
        self.cloud = cloud
        self.runner = runner
        self.clock = clock
        self.name = name
        self.queue = queue
        self.slots = threading.BoundedSemaphore(cloud.settings.worker_concurrency)
        self.memories = RunMemories()
        self.bundles = BundleCache(cloud)
        self.leases = Leases(cloud.store, clock, cloud.settings.lease)
        self.shipper = Shipper(cloud.blobs, cloud.settings)
        self._pool = ThreadPoolExecutor(cloud.settings.worker_concurrency, "task")

    def handle(self, data: bytes) -> None:
        """Do what a message asks for; returns when the message may be acknowledged.

        Raises `CorruptRecord` for a message that is none of ours, and `TransientError` when it has to come again.
        """
        message = messages.decode(data)
        if message.alarms is not None:
            Alarms(self.cloud, self.clock).answer_wave(message.alarms)
        if message.wave is not None:
            self._fly(message.wave)

    def close(self) -> None:
        """Stop all that runs. What was running is retried once its lease has expired."""
        self.runner.close()
        self._pool.shutdown(wait=True)
        self.leases.close()
        self.shipper.close()

    def _fly(self, wave: TaskWave) -> None:
        dag = self.cloud.store.version(wave.run.dag_id, wave.run.version)
        run = self.memories.open(wave.run, wave.run_token, dag)
        run.take_in_hand(ticket.key for ticket in wave.tickets)
        sortie = _Sortie(self, run)
        waiting = deque(wave.tickets)
        most = min(len(waiting), self.cloud.settings.worker_concurrency)
        others = [self._pool.submit(sortie.fly_all, waiting) for _ in range(most - 1)]
        try:
            sortie.fly_all(waiting)
        finally:
            errors = [error for error in (other.exception() for other in others) if error is not None]
            sortie.wait_for_logs()
            if run.is_closed:
                self.memories.forget(run)
        if errors:
            raise errors[0]


class _Sortie:
    """The work on one message."""

    def __init__(self, worker: Worker, run: RunMemory) -> None:
        self._worker = worker
        self._run = run
        self._cloud = worker.cloud
        self._services = Services(worker.cloud, run)
        self._started_at = worker.clock()
        self._uploads: deque[Future[None]] = deque()
        self._progress = Progress(
            worker.cloud,
            worker.clock,
            on_close=partial(turns.start_waiting, worker.cloud, worker.clock),
            worker=worker.name,
            keeps=self._keeps,
        )

    def fly_all(self, waiting: deque[TaskTicket]) -> None:
        """Run what waits until nothing is left."""
        while True:
            try:
                ticket = waiting.popleft()
            except IndexError:
                return
            self._fly(ticket)

    def wait_for_logs(self) -> None:
        for upload in self._uploads:
            upload.result()

    def _fly(self, ticket: TaskTicket) -> None:
        """Run one task instance and the successors that this worker keeps."""
        instance: TaskInstance | None = self._from_ticket(ticket)
        while instance is not None:
            with self._worker.slots:
                with self._in_hand(instance):
                    flown = self._claim(instance)
                while flown is not None and flown.state is TaskState.RUNNING:
                    with self._in_hand(flown):
                        flown = self._run_one(flown)
            instance = self._hold(flown) if flown is not None else None

    @contextmanager
    def _in_hand(self, instance: TaskInstance) -> Iterator[None]:
        """When the block fails, `instance` is nobody's here any more: its message or its alarm brings it back."""
        done = False
        try:
            yield
            done = True
        finally:
            if not done:
                self._run.let_go(instance.key)

    def _from_ticket(self, ticket: TaskTicket) -> TaskInstance:
        task = self._task(ticket.key)
        return evolve(
            draft.queued(self._run.key, task, ticket.key, ticket.queued_at or self._worker.clock()),
            try_number=ticket.try_number,
            max_tries=ticket.max_tries,
            rescheduled_since=ticket.rescheduled_since,
            token=ticket.token,
        )

    def _claim(self, instance: TaskInstance) -> TaskInstance | None:
        """Make `instance` run here. None when it was claimed or changed by someone else."""
        now = self._worker.clock()
        record = draft.running(draft.requeued(instance, now), self._worker.name, now, self._cloud.settings.lease)
        changes: list[Change] = [Replace(record)]
        if instance.state is TaskState.UP_FOR_RETRY:
            changes.append(KeepTry(instance))
        result = self._cloud.store.commit(changes, lambda result: self._learn(record, isinstance(result, Committed)))
        if isinstance(result, Committed):
            return evolve(record, token=result.tokens[0])
        self._recover(instance.key)
        return None

    def _run_one(self, instance: TaskInstance) -> TaskInstance | None:
        """Run one try. Returns a kept successor, running; or the instance itself when it waits for its retry."""
        cancellation = Cancellation()
        spool = self._worker.shipper.open(instance)
        kept: dict[str, str] = {}
        with self._worker.leases.held(instance, cancellation) as lease:
            try:
                outcome = self._execute(instance, spool, cancellation)
                kept = xcoms.keep(self._cloud, instance, outcome.xcoms)
            except NotFound as error:
                outcome = Outcome(kind=OutcomeKind.FAILED, error=ErrorInfo(kind="NotFound", message=str(error)))
        has_log = self._seal(spool, instance, outcome)
        if outcome.kind is OutcomeKind.KILLED:
            self._recover(instance.key)
            return None
        held = evolve(instance, token=lease.token)
        record = ends.ended(self._run, held, outcome, kept, has_log, self._worker.clock())
        if not record.state.is_terminal:
            return self._suspend(record)
        recorded, successor = self._progress.end(self._run, record)
        if not recorded:
            _log.warning("run=%s task=%s try=%d: lease lost", self._run.key, instance.key, instance.try_number)
            self._recover(instance.key)
        return successor

    def _execute(self, instance: TaskInstance, spool: Spool, cancellation: Cancellation) -> Outcome:
        task = self._task(instance.key)
        context = self._run.context
        job = TaskJob(
            run=context,
            task_id=instance.task_id,
            map_index=instance.map_index,
            try_number=instance.try_number,
            max_tries=instance.max_tries,
            started_at=instance.started_at or self._worker.clock(),
            rescheduled_since=instance.rescheduled_since,
            xcoms=self._services.inputs(task),
            execution_timeout=task.execution_timeout,
            time_limit=self._time_left(),
        )
        return self._worker.runner.run(
            job,
            bundle=self._worker.bundles.path(context.bundle),
            services=self._services,
            spool=spool.path,
            cancellation=cancellation,
        )

    def _suspend(self, record: TaskInstance) -> TaskInstance | None:
        """Record that a try waits for its retry or its next poke. Returns it when this worker waits for it."""
        holds = record.state is TaskState.UP_FOR_RETRY and self._is_soon(record.alarm_at)
        stored = record
        if holds and record.alarm_at is not None:
            # Should this worker die while it waits, the alarm rings a little later.
            stored = evolve(record, alarm_at=record.alarm_at + HOLD)
        changes: list[Change] = [Replace(stored)]
        if record.waits_for:
            changes.append(PutWait(record))
        result = self._cloud.store.commit(changes)
        if not isinstance(result, Committed):
            self._recover(record.key)
            return None
        if not holds:
            self._run.let_go(record.key)
            return None
        return evolve(record, token=result.tokens[0])

    def _hold(self, instance: TaskInstance) -> TaskInstance:
        """Wait for a retry that is due soon, without a slot."""
        if instance.alarm_at is not None:
            pause = (instance.alarm_at - self._worker.clock()).total_seconds()
            threading.Event().wait(max(pause, 0))
        return instance

    def _recover(self, key: TaskKey) -> None:
        """Someone else changed a task instance that this worker thought it had: see what became of it."""
        stored = self._cloud.store.task(self._run.key, key)
        if stored is None or not stored.state.is_terminal:
            self._run.let_go(key)
            return
        self._run.learn([stored])
        if not self._run.is_closed:
            self._progress.replan(self._run, self._cloud.store.tasks(self._run.key))

    def _seal(self, spool: Spool, instance: TaskInstance, outcome: Outcome) -> bool:
        """Start bringing the log to the bucket; returns whether there is one."""
        is_piece = outcome.kind is OutcomeKind.RESCHEDULE or instance.rescheduled_since is not None
        upload = self._worker.shipper.seal(spool, is_piece=is_piece)
        if upload is not None:
            self._uploads.append(upload)
        return upload is not None

    def _learn(self, record: TaskInstance, is_committed: bool) -> None:
        if is_committed:
            self._run.learn([record])

    def _keeps(self, task: SerializedTask) -> bool:
        if task.queue != self._worker.queue:
            return False
        left = self._time_left()
        if task.execution_timeout is not None and task.execution_timeout < left:
            return True
        return left > self._cloud.settings.request_limit * (1 - KEEP_SHARE)

    def _time_left(self) -> timedelta:
        return self._cloud.settings.request_limit - (self._worker.clock() - self._started_at)

    def _is_soon(self, at: datetime | None) -> bool:
        if at is None:
            return False
        pause = at - self._worker.clock()
        return pause <= HOLD and pause < self._time_left() / 2

    def _task(self, key: TaskKey) -> SerializedTask:
        task = self._run.dag.task_dict.get(key.task_id)
        if task is None:
            raise NotFound(f"DAG {self._run.key.dag_id!r} version {self._run.context.version} has no task {key}")
        return task
