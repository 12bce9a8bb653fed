"""One claimed try: its code is run, its end recorded, or it is given back when it could not begin or had to stop."""

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

from sailplane.cloud.changes import Change, KeepTry, Put, PutWait, Replace
from sailplane.cloud.committer import Committed
from sailplane.engine import (
    answering,
    asset_runs,
    asset_updates,
    deadlines,
    draft,
    ends,
    lateness,
    pressure,
    resuming,
    run_callbacks,
)
from sailplane.engine.departure import WorkerLeaves
from sailplane.engine.journal import about
from sailplane.engine.leases import Lease
from sailplane.engine.memory import RunMemory
from sailplane.engine.metering import written
from sailplane.engine.progress import Progress
from sailplane.engine.request_time import RequestTime
from sailplane.engine.services import Services
from sailplane.engine.spools import Spool
from sailplane.model.callbacks import AboutRun, RunCallback, is_callback
from sailplane.model.dags import SerializedTask
from sailplane.model.deadlines import AboutDeadline, is_deadline
from sailplane.model.errors import NotFound, TransientError
from sailplane.model.evolve import evolve
from sailplane.model.execution import Outcome, OutcomeKind, TaskJob
from sailplane.model.human_steps import HumanRequest
from sailplane.model.ids import TaskKey
from sailplane.model.runs import ErrorInfo, TaskInstance
from sailplane.model.states import TaskState
from sailplane.model.usage import Usage
from sailplane.runner.cancellation import Cancellation

if TYPE_CHECKING:
    from sailplane.engine.worker import Worker

_log = logging.getLogger(__name__)

HOLD = timedelta(seconds=15)
"""A retry that is due within this time is waited for by its worker, which would otherwise cost it a tick."""
INSIST_PAUSE = 1.0
"""Seconds between attempts to record a result while Firestore or the bucket is away."""
MOST_ADOPTIONS = 10
"""How often a result is written anew because its document was changed from outside, and the try goes on."""
KILLED = Outcome(kind=OutcomeKind.KILLED)

T = TypeVar("T")


class NotBegun(Exception):
    """What a task needs could not be fetched, or its worker leaves: its code has not run."""

    def __init__(self, trouble: TransientError) -> None:
        super().__init__(str(trouble))
        self.trouble = trouble


class Flights:
    """Flies the tries of one run on one worker instance, within the time of one request."""

    def __init__(
        self,
        worker: "Worker",
        run: RunMemory,
        progress: Progress,
        time: RequestTime,
        *,
        recover: Callable[[TaskKey, str], None],
    ) -> None:
        """`recover` is told of a task instance that someone else changed, and of the claim by which it ran here."""
        self._worker = worker
        self._run = run
        self._cloud = worker.cloud
        self._progress = progress
        self._time = time
        self._recover = recover
        self._services = Services(worker.cloud, run, worker.values, worker.clock)
        self._uploads: deque[Future[None]] = deque()

    def wait_for_logs(self) -> None:
        for upload in self._uploads:
            upload.result()

    def fly(self, instance: TaskInstance, kept: list[TaskInstance]) -> TaskInstance | None:
        """Run one try. Successors that are running already go to `kept`; returns `instance` if it waits for a retry."""
        cancellation = Cancellation()
        spool = self._worker.shipper.open(instance)
        outcome = KILLED
        values: dict[str, str] = {}
        not_begun: TransientError | None = None
        updated = asset_updates.NOTHING
        with self._worker.leases.held(instance, cancellation) as lease:
            try:
                outcome = self._execute(instance, spool, cancellation)
                flown = outcome
                outcome, values = self._insist(lambda: resuming.keep(self._cloud, instance, flown), cancellation)
                if outcome.asset_updates:
                    updated = self._insist(lambda: self._updated(instance, flown), cancellation)
            except NotFound as error:
                outcome = Outcome(kind=OutcomeKind.FAILED, error=ErrorInfo(kind="NotFound", message=str(error)))
            except NotBegun as error:
                not_begun = error.trouble
            finally:
                has_log = self._seal(spool, instance, outcome)
        instance = evolve(instance, usage=instance.usage + self._spent(lease, spool, has_log))
        if not_begun is not None:
            self._return_unbegun(lease, instance, not_begun)
            return None
        if outcome.kind is OutcomeKind.KILLED:
            self._stopped(lease, instance, outcome, has_log)
            return None
        record = ends.ended(self._run, instance, outcome, values, has_log, self._worker.clock())
        if ends.goes_on_at_once(record, self._worker.clock()):
            self._give_back(lease, draft.requeued(record, self._worker.clock()))
            return None
        if not record.state.is_terminal:
            return self._suspend(lease, record, outcome.question)
        if updated.changes:
            record = evolve(record, usage=record.usage + Usage(writes=len(updated.changes)))
        met = deadlines.met_by(self._run, record)
        if met:
            record = evolve(record, usage=record.usage + Usage(deletes=len(met)))
        if self._record_end(lease, instance, record, kept, (*updated.changes, *met)) and updated.dag_ids:
            asset_runs.look_at_all(self._cloud, self._worker.clock, updated.dag_ids)
        return None

    def _updated(self, instance: TaskInstance, outcome: Outcome) -> asset_updates.Prepared:
        origin = asset_updates.Origin.of(instance)
        return asset_updates.prepare(self._cloud, outcome.asset_updates, origin, self._worker.clock())

    def _execute(self, instance: TaskInstance, spool: Spool, cancellation: Cancellation) -> Outcome:
        """Run the task's code. Raises `NotFound`, or `NotBegun` when what it needs could not be fetched."""
        task = self._run.task(instance.key)
        context = self._run.context
        if self._worker.departure.is_told:
            raise NotBegun(WorkerLeaves())
        try:
            inputs = self._services.inputs(task, instance.map_index)
            bundle = self._worker.bundles.path(context.bundle)
            job = self._job(instance, task, inputs)
        except TransientError as error:
            raise NotBegun(error) from error
        guard = self._worker.guard
        with self._worker.departure.stoppable(cancellation), guard.watched(cancellation):
            outcome = self._worker.runner.run(
                job, bundle=bundle, services=self._services, spool=spool.path, cancellation=cancellation
            )
        return pressure.failed(outcome, cancellation) if guard.took(cancellation) else outcome

    def _job(self, instance: TaskInstance, task: SerializedTask, inputs: dict[str, str]) -> TaskJob:
        return TaskJob(
            about_run=self._about_run(instance.key),
            about_deadline=self._about_deadline(instance),
            run=self._run.context,
            task_id=instance.task_id,
            map_index=instance.map_index,
            try_number=instance.try_number,
            max_tries=instance.max_tries,
            started_at=ends.began_at(instance) or self._worker.clock(),
            rescheduled_since=instance.rescheduled_since,
            resumption=resuming.resolved(self._cloud, instance.resumption) if instance.resumption else None,
            xcoms=inputs,
            execution_timeout=task.execution_timeout,
            time_limit=self._time.for_code,
        )

    def _about_run(self, key: TaskKey) -> AboutRun | None:
        if not is_callback(key.task_id) or is_deadline(key.task_id):
            return None
        return run_callbacks.about(self._cloud, self._run, RunCallback(key.task_id))

    def _about_deadline(self, instance: TaskInstance) -> AboutDeadline | None:
        return lateness.about(self._cloud, self._run, instance) if is_deadline(instance.task_id) else None

    # Its end

    def _record_end(
        self,
        lease: Lease,
        instance: TaskInstance,
        record: TaskInstance,
        kept: list[TaskInstance],
        companions: Sequence[Change],
    ) -> bool:
        """Record the end of a try, as long as its lease holds: a store that is away for a while costs no result.

        False when the lease was lost.
        """
        cancellation = lease.cancellation

        def end() -> bool:
            if self._is_outdated(lease):
                return self._progress.end_anew(lease.ours(record), companions)
            return self._progress.end(self._run, lease.ours(record), kept, companions)

        def attempt() -> bool:
            nonlocal lease
            try:
                return end()
            except TransientError:
                again = lease.ours(instance)
                with self._worker.leases.held(again, cancellation, renewed_at=lease.renewed_at) as held:
                    threading.Event().wait(INSIST_PAUSE)
                lease = held
                raise

        if self._insist(attempt, cancellation) or self._adopted(lease, end):
            return True
        _log.warning(
            "run=%s task=%s try=%d: lease lost", self._run.key, instance.key, instance.try_number, extra=about(instance)
        )
        self._recover(instance.key, lease.claim)
        return False

    def _adopted(self, lease: Lease, write: Callable[[], bool]) -> bool:
        """Try `write` again with the token that the document has now, as long as the try is this worker's."""
        for _ in range(MOST_ADOPTIONS):
            if not self._worker.leases.adopt(lease):
                return False
            if write():
                return True
        return False

    def _is_outdated(self, lease: Lease) -> bool:
        """Whether the run was changed from outside since this worker knows it."""
        return lease.clear_number > self._run.context.clear_number

    def _insist(self, step: Callable[[], T], cancellation: Cancellation) -> T:
        """Repeat `step` through passing trouble, as long as there is time and the lease holds."""
        while True:
            try:
                return step()
            except TransientError as error:
                has_time = not self._time.is_nearly_over() and not self._worker.departure.is_over
                if cancellation.reason is not None or not has_time:
                    raise
                _log.warning("run=%s: %s; trying again", self._run.key, error)
                threading.Event().wait(INSIST_PAUSE)

    def _suspend(self, lease: Lease, record: TaskInstance, question: HumanRequest | None = None) -> TaskInstance | None:
        """Record that a try waits: for its retry, a poke, an answer. Returns it when this worker waits for it."""
        holds = record.state is TaskState.UP_FOR_RETRY and self._is_soon(record) and not self._is_outdated(lease)
        stored = record
        if holds and record.alarm_at is not None:
            # Should this worker die while it waits, the alarm rings a little later.
            stored = evolve(record, alarm_at=record.alarm_at + HOLD)
        more: list[Change] = []
        if record.waits_for:
            more.append(PutWait(record))
            stored = evolve(stored, usage=stored.usage.written())
        if question is not None:
            more.append(Put(answering.asked(record, question, self._worker.clock())))
            stored = evolve(stored, usage=stored.usage.written())
        if not holds:
            # Before the commit: from then on others may end it, and must not be believed to wait for this worker.
            self._run.let_go(record.key)
        result = self._cloud.store.commit([Replace(lease.ours(stored)), *more])
        for _ in range(MOST_ADOPTIONS):
            if isinstance(result, Committed) or not self._worker.leases.adopt(lease):
                break
            holds = False
            self._run.let_go(record.key)
            result = self._cloud.store.commit([Replace(lease.ours(stored)), *more])
        if not isinstance(result, Committed):
            self._recover(record.key, lease.claim)
            return None
        if not holds:
            self._progress.free(self._run, record)
            return None
        return written(record, result.tokens[0])

    def _is_soon(self, record: TaskInstance) -> bool:
        """Whether this worker can wait for a retry."""
        if record.alarm_at is None or record.limits or self._worker.departure.is_told:
            return False
        pause = record.alarm_at - self._worker.clock()
        return pause <= HOLD and self._time.suits(self._run.task(record.key), pause)

    # Stopped, or never begun

    def _return_unbegun(self, lease: Lease, instance: TaskInstance, trouble: TransientError) -> None:
        """Queue the same try again. Raises `trouble`, by which the message comes again, unless the worker leaves."""
        self._give_back(lease, draft.requeued(instance, self._worker.clock()))
        if not isinstance(trouble, WorkerLeaves):
            raise trouble

    def _stopped(self, lease: Lease, instance: TaskInstance, outcome: Outcome, has_log: bool) -> None:
        """Hand back what the departure of this worker stopped; what lost its lease is somebody else's."""
        if not self._worker.departure.took(lease.cancellation):
            self._recover(instance.key, lease.claim)
            return
        now = self._worker.clock()
        stopped, again = ends.handed_back(instance, outcome, has_log, now)
        self._give_back(lease, again, *([KeepTry(stopped)] if stopped is not None else []))

    def _give_back(self, lease: Lease, again: TaskInstance, *more: Change) -> None:
        """Queue a try, or the next one, again: it was not the task's fault that this one did not end."""
        self._run.let_go(again.key)
        again = evolve(again, usage=again.usage + Usage(writes=len(more)))
        with suppress(TransientError):  # Else its lease runs out.
            result = self._cloud.store.commit([Replace(lease.ours(again)), *more])
            if not isinstance(result, Committed) and self._worker.leases.adopt(lease):
                result = self._cloud.store.commit([Replace(lease.ours(again)), *more])
            if isinstance(result, Committed):
                self._progress.publish(self._run, [written(again, result.tokens[0])])

    def _spent(self, lease: Lease, spool: Spool, has_log: bool) -> Usage:
        """What this try used until now: its log is on its way, in parts that were sent while it ran and as a whole."""
        own = Usage(writes=lease.beats, class_a=len(spool.parts) + has_log)
        return self._worker.meter.cut() + self._run.take_left_over() + own

    def _seal(self, spool: Spool, instance: TaskInstance, outcome: Outcome) -> bool:
        """Start bringing the log to the bucket; returns whether there is one."""
        is_waiting = outcome.kind in (OutcomeKind.RESCHEDULE, OutcomeKind.DEFERRED, OutcomeKind.AWAITING_INPUT)
        is_piece = is_waiting or instance.rescheduled_since is not None or instance.resumption is not None
        upload = self._worker.shipper.seal(spool, is_piece=is_piece)
        if upload is not None:
            self._uploads.append(upload)
        return upload is not None
