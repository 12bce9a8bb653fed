"""The work on one message: claim each task instance, run it, record its end, and run what this worker keeps."""

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from sailplane.cloud.changes import Change, KeepTry, PutWait, Replace
from sailplane.cloud.committer import Committed
from sailplane.engine import draft, ends, turns, xcoms
from sailplane.engine.leases import Lease
from sailplane.engine.logs import Spool
from sailplane.engine.memory import RunMemory
from sailplane.engine.progress import Progress
from sailplane.engine.services import Services
from sailplane.model.dags import SerializedTask
from sailplane.model.errors import NotFound, TransientError
from sailplane.model.evolve import evolve
from sailplane.model.execution import Outcome, OutcomeKind, TaskJob
from sailplane.model.ids import TaskKey
from sailplane.model.messages import TaskTicket
from sailplane.model.runs import ErrorInfo, TaskInstance
from sailplane.model.states import TaskState
from sailplane.runner.cancellation import Cancellation

if TYPE_CHECKING:
    from sailplane.engine.worker import Worker

_log = logging.getLogger(__name__)

HOLD = timedelta(seconds=15)
"""A retry that is due within this time is waited for by its worker, which would otherwise cost it a tick."""
KEEP_SHARE = 0.1
"""A worker keeps a successor while it has used up at most this share of its request's time, or knows that it fits."""
MARGIN = timedelta(seconds=15)
"""Of a request's time, what is left for recording the end after the task had to be killed."""
INSIST_PAUSE = 1.0
"""Seconds between attempts to record a result while Firestore or the bucket is away."""
KILLED = Outcome(kind=OutcomeKind.KILLED)

T = TypeVar("T")


class NotBegun(Exception):
    """What a task needs could not be fetched: its code has not run."""

    def __init__(self, trouble: TransientError) -> None:
        super().__init__(str(trouble))
        self.trouble = trouble


class Sortie:
    """The work on one message."""

    def __init__(self, worker: "Worker", run: RunMemory) -> None:
        self._worker = worker
        self._run = run
        self._cloud = worker.cloud
        self._services = Services(worker.cloud, run)
        self._started_at = worker.clock()
        self._replanning = threading.Lock()
        self._has_replanned = False
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
        """Run one task instance and the successors that this worker keeps.

        What was kept is run even when something after its commit failed; then the message comes again all the same.
        """
        if self._run.states.get(ticket.key, TaskState.QUEUED).is_terminal:
            self._push_on()
            return
        trouble: list[TransientError] = []
        instance: TaskInstance | None = self._from_ticket(ticket)
        self._fetch_bundle()
        while instance is not None:
            with self._slot() as has_slot:
                if not has_slot or not self._has_time_for(self._task(instance.key), self._time_left()):
                    self._pass_on(instance)
                    break
                instance = self._fly_chain(instance, trouble)
            if instance is not None:
                self._hold(instance)
        if trouble:
            raise trouble[0]

    def _fly_chain(self, instance: TaskInstance, trouble: list[TransientError]) -> TaskInstance | None:
        """Claim and run `instance`, then what is kept, one after the other; returns one that waits for its retry."""
        with self._in_hand(instance):
            claimed = self._claim(instance)
        kept = [claimed] if claimed is not None else []
        waiting: TaskInstance | None = None
        while kept:
            flown = kept.pop()
            try:
                with self._in_hand(flown):
                    waiting = self._run_one(flown, kept) or waiting
            except TransientError as error:
                trouble.append(error)
        return waiting

    def _fetch_bundle(self) -> None:
        """Before anything is claimed: while the bucket is away, nothing should be running."""
        with suppress(NotFound):  # That is told by the tasks, each in its own record.
            self._worker.bundles.path(self._run.context.bundle)

    @contextmanager
    def _slot(self) -> Iterator[bool]:
        """Wait for a slot; False when none was free in time: later there would not be the time the queue promises."""
        patience = (self._cloud.settings.request_limit * KEEP_SHARE).total_seconds()
        has_slot = self._worker.slots.acquire(timeout=patience)
        try:
            yield has_slot
        finally:
            if has_slot:
                self._worker.slots.release()

    def _pass_on(self, instance: TaskInstance) -> None:
        """Publish again what is queued, for a request with all its time before it; a retry is left to its alarm."""
        self._run.let_go(instance.key)
        if instance.state is TaskState.QUEUED:
            self._progress.publish(self._run, [instance])

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
            has_log=ticket.has_log,
            cpu_seconds=ticket.cpu_seconds,
            max_rss_mib=ticket.max_rss_mib,
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

    def _run_one(self, instance: TaskInstance, kept: list[TaskInstance]) -> TaskInstance | None:
        """Run one try. Successors that are running already go to `kept`; returns `instance` if it waits for a retry."""
        cancellation = Cancellation()
        spool = self._worker.shipper.open(instance)
        outcome = KILLED
        values: dict[str, str] = {}
        with self._worker.leases.held(instance, cancellation) as lease:
            try:
                outcome = self._execute(instance, spool, cancellation)
                values = self._insist(lambda: xcoms.keep(self._cloud, instance, outcome.xcoms), cancellation)
            except NotFound as error:
                outcome = Outcome(kind=OutcomeKind.FAILED, error=ErrorInfo(kind="NotFound", message=str(error)))
            except NotBegun as error:
                self._give_back(evolve(instance, token=lease.token))
                raise error.trouble from error
            finally:
                has_log = self._seal(spool, instance, outcome)
        if outcome.kind is OutcomeKind.KILLED:
            self._recover(instance.key)
            return None
        record = ends.ended(
            self._run, evolve(instance, token=lease.token), outcome, values, has_log, self._worker.clock()
        )
        if not record.state.is_terminal:
            return self._suspend(record)
        self._record_end(lease, instance, record, kept)
        return None

    def _record_end(self, lease: Lease, instance: TaskInstance, record: TaskInstance, kept: list[TaskInstance]) -> None:
        """Record the end of a try, as long as its lease holds: a store that is away for a while costs no result."""
        renewed_at, cancellation = lease.renewed_at, lease.cancellation

        def attempt() -> bool:
            nonlocal record, renewed_at
            try:
                return self._progress.end(self._run, record, kept)
            except TransientError:
                again = evolve(instance, token=record.token)
                with self._worker.leases.held(again, cancellation, renewed_at=renewed_at) as held:
                    threading.Event().wait(INSIST_PAUSE)
                record, renewed_at = evolve(record, token=held.token), held.renewed_at
                raise

        if self._insist(attempt, cancellation):
            return
        stored = self._cloud.store.task(self._run.key, instance.key)
        is_ours = stored is not None and stored.state is TaskState.RUNNING and stored.claim == instance.claim
        # Ours it is when a heartbeat was written whose answer never came.
        if stored is not None and is_ours and self._progress.end(self._run, evolve(record, token=stored.token), kept):
            return
        _log.warning("run=%s task=%s try=%d: lease lost", self._run.key, instance.key, instance.try_number)
        self._recover(instance.key)

    def _insist(self, step: Callable[[], T], cancellation: Cancellation) -> T:
        """Repeat `step` through passing trouble, as long as there is time and the lease holds."""
        while True:
            try:
                return step()
            except TransientError as error:
                if cancellation.reason is not None or self._time_left() < 2 * MARGIN:
                    raise
                _log.warning("run=%s: %s; trying again", self._run.key, error)
                threading.Event().wait(INSIST_PAUSE)

    def _give_back(self, instance: TaskInstance) -> None:
        """Queue a claimed try again that could not begin: it was not the task's fault, and costs no try."""
        again = draft.requeued(instance, self._worker.clock())
        with suppress(TransientError):  # Else its lease runs out.
            result = self._cloud.store.commit([Replace(again)])
            if isinstance(result, Committed):
                self._progress.publish(self._run, [evolve(again, token=result.tokens[0])])

    def _execute(self, instance: TaskInstance, spool: Spool, cancellation: Cancellation) -> Outcome:
        """Run the task's code. Raises `NotFound`, or `NotBegun` when what it needs could not be fetched."""
        task = self._task(instance.key)
        context = self._run.context
        try:
            inputs = self._services.inputs(task)
            bundle = self._worker.bundles.path(context.bundle)
        except TransientError as error:
            raise NotBegun(error) from error
        job = TaskJob(
            run=context,
            task_id=instance.task_id,
            map_index=instance.map_index,
            try_number=instance.try_number,
            max_tries=instance.max_tries,
            started_at=instance.started_at or self._worker.clock(),
            rescheduled_since=instance.rescheduled_since,
            xcoms=inputs,
            execution_timeout=task.execution_timeout,
            time_limit=max(self._time_left() - MARGIN, timedelta(seconds=1)),
        )
        return self._worker.runner.run(
            job, bundle=bundle, services=self._services, spool=spool.path, cancellation=cancellation
        )

    def _suspend(self, record: TaskInstance) -> TaskInstance | None:
        """Record that a try waits for its retry or its next poke. Returns it when this worker waits for it."""
        holds = record.state is TaskState.UP_FOR_RETRY and self._is_soon(record)
        stored = record
        if holds and record.alarm_at is not None:
            # Should this worker die while it waits, the alarm rings a little later.
            stored = evolve(record, alarm_at=record.alarm_at + HOLD)
        changes: list[Change] = [Replace(stored)]
        if record.waits_for:
            changes.append(PutWait(record))
        if not holds:
            # Before the commit: from then on others may end it, and must not be believed to wait for this worker.
            self._run.let_go(record.key)
        result = self._cloud.store.commit(changes)
        if not isinstance(result, Committed):
            self._recover(record.key)
            return None
        if not holds:
            return None
        return evolve(record, token=result.tokens[0])

    def _hold(self, instance: TaskInstance) -> None:
        """Wait for a retry that is due soon, without a slot."""
        if instance.alarm_at is not None:
            pause = (instance.alarm_at - self._worker.clock()).total_seconds()
            threading.Event().wait(max(pause, 0))

    def _recover(self, key: TaskKey) -> None:
        """Someone else changed a task instance that this worker thought it had: see what became of it."""
        # First of all: what ends here while the document is read must look for itself.
        self._run.let_go(key)
        stored = self._cloud.store.task(self._run.key, key)
        if stored is None or not stored.state.is_terminal:
            return
        self._run.learn([stored])
        self._push_on()

    def _push_on(self) -> None:
        """A task instance of this message had ended before: push the run on from all its documents, once a message."""
        with self._replanning:
            if not self._has_replanned and not self._run.is_closed:
                self._progress.replan(self._run, self._cloud.store.tasks(self._run.key))
                self._has_replanned = True

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
        return task.queue == self._worker.queue and self._has_time_for(task, self._time_left())

    def _has_time_for(self, task: SerializedTask, left: timedelta) -> bool:
        """Whether a try that starts with `left` has about the time that the queue promises, or certainly enough."""
        if task.execution_timeout is not None and task.execution_timeout < left - MARGIN:
            return True
        return left > self._cloud.settings.request_limit * (1 - KEEP_SHARE)

    def _time_left(self) -> timedelta:
        return self._cloud.settings.request_limit - (self._worker.clock() - self._started_at)

    def _is_soon(self, record: TaskInstance) -> bool:
        if record.alarm_at is None:
            return False
        pause = record.alarm_at - self._worker.clock()
        return pause <= HOLD and self._has_time_for(self._task(record.key), self._time_left() - pause)

    def _task(self, key: TaskKey) -> SerializedTask:
        task = self._run.dag.task_dict.get(key.task_id)
        if task is None:
            raise NotFound(f"DAG {self._run.key.dag_id!r} version {self._run.context.version} has no task {key}")
        return task
