"""The work on one message: claim each task instance, run it, record its end, and run what this worker keeps."""

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING

from sailplane.cloud.changes import Change, KeepTry, Replace
from sailplane.cloud.committer import Committed
from sailplane.engine import draft, turns
from sailplane.engine.flight import Flights
from sailplane.engine.memory import RunMemory
from sailplane.engine.metering import written
from sailplane.engine.progress import Progress
from sailplane.engine.publishing import QUEUED_ONCE
from sailplane.engine.request_time import RequestTime
from sailplane.model.dags import SerializedTask
from sailplane.model.errors import NotFound, TransientError
from sailplane.model.evolve import evolve
from sailplane.model.ids import TaskKey
from sailplane.model.messages import TaskTicket
from sailplane.model.runs import TaskInstance
from sailplane.model.states import TaskState
from sailplane.model.usage import Usage

if TYPE_CHECKING:
    from sailplane.engine.worker import Worker


class Sortie:
    """The work on one message."""

    def __init__(self, worker: "Worker", run: RunMemory, arrival: Usage) -> None:
        """`arrival`: each ticket's share of the message."""
        self._worker = worker
        self._arrival = arrival
        self._run = run
        self._cloud = worker.cloud
        self._departure = worker.departure
        self._time = RequestTime(worker.cloud.settings.request_limit, worker.clock)
        self._replanning = threading.Lock()
        self._has_replanned = False
        self._progress = Progress(
            worker.cloud,
            worker.clock,
            on_close=partial(turns.start_waiting, worker.cloud, worker.clock),
            worker=worker.name,
            keeps=self._keeps,
        )
        self._flights = Flights(worker, run, self._progress, self._time, recover=self._recover)
        self.wait_for_logs = self._flights.wait_for_logs

    def fly_all(self, waiting: deque[TaskTicket]) -> None:
        """Run what waits until nothing is left, or the worker is told to leave."""
        while not self._departure.is_told:
            try:
                ticket = waiting.popleft()
            except IndexError:
                return
            with self._worker.meter.in_hand():
                try:
                    self._fly(ticket)
                finally:
                    self._run.leave_over(self._worker.meter.cut())

    def pass_on(self, waiting: deque[TaskTicket]) -> None:
        """Publish what waits for another worker, as this one was told to leave."""
        if waiting and self._departure.is_told:
            self._progress.publish(self._run, [self._from_ticket(ticket) for ticket in waiting])
            waiting.clear()

    def _fly(self, ticket: TaskTicket) -> None:
        """Run one task instance and the successors that this worker keeps.

        What was kept is run even when something after its commit failed; then the message comes again all the same.
        """
        if self._run.states.get(ticket.key, TaskState.QUEUED).is_terminal:
            self._push_on(ticket.key)
            return
        trouble: list[TransientError] = []
        instance: TaskInstance | None = self._from_ticket(ticket)
        self._fetch_bundle()
        while instance is not None:
            with self._slot() as has_slot:
                if not has_slot or self._departure.is_told or not self._time.suits(self._run.task(instance.key)):
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
                    waiting = self._flights.fly(flown, kept) or waiting
            except TransientError as error:
                trouble.append(error)
        return waiting

    def _fetch_bundle(self) -> None:
        """Before anything is claimed: while the bucket is away, nothing should be running."""
        with suppress(NotFound):  # That is told by the tasks, each in its own record.
            self._worker.bundles.path(self._run.context.bundle)

    @contextmanager
    def _slot(self) -> Iterator[bool]:
        """Wait for a slot; False when none was free in time. A worker that leaves frees its slots soon."""
        with self._worker.meter.waiting():
            has_slot = self._worker.slots.acquire(timeout=self._time.for_waiting.total_seconds())
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
        elif self._departure.is_told:
            with suppress(TransientError):  # Its alarm is set a little later than it is due, for a worker that waits.
                self._cloud.store.commit([Replace(instance)])

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
        return evolve(
            draft.queued(self._run, ticket.key, ticket.queued_at or self._worker.clock()),
            map_size=ticket.map_size,
            try_number=ticket.try_number,
            max_tries=ticket.max_tries,
            rescheduled_since=ticket.rescheduled_since,
            resumption=ticket.resumption,
            has_log=ticket.has_log,
            cpu_seconds=ticket.cpu_seconds,
            max_rss_mib=ticket.max_rss_mib,
            usage=Usage.of(ticket.usage or QUEUED_ONCE) + self._arrival,
            clear_number=ticket.clear_number,
            token=ticket.token,
        )

    def _claim(self, instance: TaskInstance) -> TaskInstance | None:
        """Make `instance` run here. None when it was claimed or changed by someone else."""
        now = self._worker.clock()
        record = draft.running(draft.requeued(instance, now), self._worker.name, now, self._cloud.settings.lease)
        more: list[Change] = []
        if instance.state is TaskState.UP_FOR_RETRY:
            more.append(KeepTry(instance))
            record = evolve(record, usage=record.usage.written())
        result = self._cloud.store.commit(
            [Replace(record), *more], lambda result: self._learn(record, isinstance(result, Committed))
        )
        if isinstance(result, Committed):
            return written(record, result.tokens[0])
        self._recover(instance.key)
        return None

    def _hold(self, instance: TaskInstance) -> None:
        """Wait for a retry that is due soon, without a slot; not longer than this worker may stay."""
        if instance.alarm_at is not None:
            self._departure.wait((instance.alarm_at - self._worker.clock()).total_seconds())

    def _recover(self, key: TaskKey, claim: str = "") -> None:
        """Someone else changed a task instance that this worker thought it had: see what became of it.

        `claim`: of the try that ran here until now.
        """
        # First of all: what ends here while the document is read must look for itself.
        self._run.let_go(key)
        stored = self._cloud.store.task(self._run.key, key)
        if stored is not None and stored.state is TaskState.RESTARTING and stored.claim == claim:
            self._progress.restart(stored)
            return
        if stored is None or not stored.state.is_terminal:
            return
        self._run.learn([stored])
        self._push_on(key)

    def _push_on(self, ended: TaskKey) -> None:
        """A task instance of this message had ended before: push the run on from all its documents, once a message."""
        self._progress.admit(self._run, self._run.limits(self._run.task(ended)).keys())
        with self._replanning:
            if not self._has_replanned and not self._run.is_closed:
                self._progress.replan(self._run, self._cloud.store.tasks(self._run.key))
                self._has_replanned = True

    def _learn(self, record: TaskInstance, is_committed: bool) -> None:
        if is_committed:
            self._run.learn([record])

    def _keeps(self, task: SerializedTask) -> bool:
        return task.queue == self._worker.queue and not self._departure.is_told and self._time.suits(task)
