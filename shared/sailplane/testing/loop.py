"""A whole run in this process: the engine's decisions over a dictionary, each try run as a worker's child runs it."""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sailplane.authoring.dag import DAG
from sailplane.authoring.execution import execute
from sailplane.engine import draft, ends, mapping
from sailplane.engine.memory import RunMemory
from sailplane.model import xcom
from sailplane.model.callbacks import AboutRun, RunCallback
from sailplane.model.evolve import evolve
from sailplane.model.execution import Outcome, OutcomeKind, TaskJob
from sailplane.model.gates import is_gate
from sailplane.model.human_steps import HumanReply, HumanRequest
from sailplane.model.ids import TaskKey
from sailplane.model.resuming import Resumption
from sailplane.model.runs import ErrorInfo, TaskInstance
from sailplane.model.states import RunState, TaskState
from sailplane.planner.wiring import wiring
from sailplane.testing.clock import SkippingClock
from sailplane.testing.gates import Gates
from sailplane.testing.given import Given
from sailplane.testing.instances import Instances
from sailplane.testing.logbook import LogBook
from sailplane.testing.questions import Ask, gone_on, reply_of
from sailplane.testing.services import LocalServices

MOST_TRIES = 100_000
_LEASE = timedelta(hours=1)
_INTERRUPTIONS = frozenset({"KeyboardInterrupt", "BdbQuit"})
"""What whoever sits at the terminal does: it ends the run, and is no failure of the task."""
Choose = Callable[[Sequence[TaskInstance]], Sequence[TaskInstance]]
_WAITING = (TaskState.UP_FOR_RETRY, TaskState.UP_FOR_RESCHEDULE, TaskState.DEFERRED)


class RunDoesNotEnd(AssertionError):
    """A run has had more tries and pokes than any run would need."""


@dataclass
class RunLoop:
    """One run of `dag`, of which `memory` is the engine's view."""

    dag: DAG
    memory: RunMemory
    given: Given
    book: LogBook
    clock: SkippingClock
    waits_for_sensors: bool = False
    """True: a rescheduled sensor pokes again when it is due. False: at once, as if that time had passed."""
    ask: Ask | None = None
    """Who answers what tasks ask people, when no answer is given."""
    choose: Choose = tuple
    """Which of the queued task instances run before what follows from their ends is looked at: all, or fewer."""

    def __post_init__(self) -> None:
        self.instances = Instances()
        self.gates = Gates(self.memory, self.instances)
        self.services = LocalServices(self.given, self.instances, self.memory.dag)
        self.state = RunState.RUNNING
        self._tries = 0

    def run(self) -> None:
        """Run it to its end, one try after the other."""
        while True:
            self._create_due()
            queued = self.instances.in_state(TaskState.QUEUED)
            for instance in self.choose(queued):
                self._run_if_queued(instance.key)
            if not queued and not self._queue_waiting():
                break
        self._call_callbacks()

    def run_one(self, key: TaskKey) -> None:
        """Run one try of one task instance, whatever is before it."""
        self.instances.put(self._queued(key))
        self._run_if_queued(key)

    def _queued(self, key: TaskKey, size: int = 0) -> TaskInstance:
        """One after the other, no limit keeps any waiting."""
        return evolve(draft.queued(self.memory, key, self.clock.now(), size), limits={})

    def _create_due(self) -> None:
        """Create all that is due now, and end what does not run because its end is given."""
        while True:
            known = [*self.instances, *self.gates]
            drafted = draft.draft_all(self.memory.dag, mapping.whole_snapshot(self.memory.dag, known))
            now = self.clock.now()
            for settled in draft.settled_all(self.memory, drafted, now):
                self.instances.create(settled)
            self.state = drafted.run or self.state
            ended = [self._create(key, drafted.sizes.get(key.task_id, 0)) for key in drafted.starts]
            if not any(ended):
                return

    def _create(self, key: TaskKey, size: int) -> bool:
        """Create a task instance that is to run. True when it has ended by that."""
        if is_gate(key.task_id):
            if self.gates.decide(key, size, self.clock.now()) and not self.waits_for_sensors:
                self.clock.skip_to(self.clock.now() + self.memory.dag.gates[key.task_id].retry_delay)
            return True
        instance = self.instances.create(self._queued(key, size))
        if not self.given.spares(key.task_id):
            return False
        xcoms = self.given.xcoms_of(key)
        outcome = Outcome(kind=OutcomeKind.SUCCESS, xcoms=xcoms, map_length=_length(xcoms))
        self._end(draft.running(instance, "given", self.clock.now(), _LEASE), outcome)
        return True

    def _run_if_queued(self, key: TaskKey) -> None:
        """Run a try of it, unless fail_fast has ended it meanwhile."""
        queued = self.instances.get(key)
        if queued is None or queued.state is not TaskState.QUEUED:
            return
        self._tries += 1
        if self._tries > MOST_TRIES:
            raise RunDoesNotEnd(f"{key} and the others have had {MOST_TRIES:,} tries and pokes: is a timeout missing?")
        running = draft.running(queued, "test", self.clock.now(), _LEASE)
        self.instances.put(running)
        with self.book.open(key, queued.try_number):
            outcome = execute(self.dag, self._job(running), self.services)
        if outcome.error is not None and outcome.error.kind in _INTERRUPTIONS:
            raise KeyboardInterrupt(f"task {key} was interrupted")
        self._end(running, outcome)

    def _job(self, running: TaskInstance) -> TaskJob:
        since = running.rescheduled_since
        return TaskJob(
            run=self.memory.context,
            task_id=running.task_id,
            map_index=running.map_index,
            try_number=running.try_number,
            max_tries=running.max_tries,
            started_at=ends.began_at(running) or self.clock.now(),
            rescheduled_since=self.clock.to_real(since) if since is not None else None,
            resumption=self._resumption(running),
            execution_timeout=self.memory.dag.task_dict[running.task_id].execution_timeout,
        )

    def _resumption(self, running: TaskInstance) -> Resumption | None:
        """How it goes on, as if the time that was skipped had passed."""
        return _moved(running.resumption, self.clock.to_real)

    def _end(self, running: TaskInstance, outcome: Outcome) -> None:
        if outcome.resume_at is not None:
            outcome = evolve(outcome, resume_at=self.clock.from_real(outcome.resume_at))
        outcome = evolve(outcome, resumption=_moved(outcome.resumption, self.clock.from_real))
        ended = ends.ended(self.memory, running, outcome, outcome.xcoms, False, self.clock.now())
        if ended.state is TaskState.AWAITING_INPUT and outcome.question is not None:
            reply = self._reply(ended.key, outcome.question)
            ended = gone_on(self.memory, ended, outcome.question, reply, self.clock.now())
        self.services.local_assets.updates += outcome.asset_updates
        self.instances.put(ended)
        if ended.state is TaskState.FAILED and self.memory.dag.fail_fast:
            self._stop()

    def _reply(self, key: TaskKey, request: HumanRequest) -> HumanReply | None:
        given = self.given.answers.get(key.task_id)
        if given is not None:
            return reply_of(request, given)
        return self.ask(key, request) if self.ask is not None else None

    def _stop(self) -> None:
        """`fail_fast`: skip what has not ended, except teardowns."""
        for instance in self.instances.in_state(TaskState.QUEUED, *_WAITING):
            self._skip([instance.key], instance.map_size)
        sizes = mapping.sizes_of(self.memory.dag, self.instances)
        for node in wiring(self.memory.dag).by_rank:
            size = sizes.get(node.mapped_by or "", 0)
            if is_gate(node.key.task_id):
                for index in range(size) if size else [node.key.map_index]:
                    self.gates.settle(node.key_at(index), size, self.clock.now(), TaskState.SKIPPED)
            elif self.instances.get(node.key) is None:
                self._skip([node.key_at(index) for index in range(size)] if size else [node.key], size)

    def _skip(self, keys: Iterable[TaskKey], size: int) -> None:
        error = ErrorInfo(kind="Stopped", message="another task of the run failed, and its DAG says fail_fast")
        for key in keys:
            found = self.instances.get(key)
            has_ended = found is not None and found.state.is_terminal
            if not has_ended and not self.memory.dag.task_dict[key.task_id].is_teardown:
                skipped = draft.settled(self.memory, key, TaskState.SKIPPED, self.clock.now(), size)
                self.instances.put(evolve(skipped, error=error))

    def _queue_waiting(self) -> bool:
        """Queue what waits for its next try or poke, the first of it. False when nothing does."""
        waiting = self.instances.in_state(*_WAITING)
        if not waiting:
            return False
        first = min(self._due_at(each) for each in waiting)
        if self.waits_for_sensors and all(each.state is not TaskState.UP_FOR_RETRY for each in waiting):
            time.sleep(max((first - self.clock.now()).total_seconds(), 0))
        elif not self.waits_for_sensors:
            self.clock.skip_to(first)
        for each in waiting:
            is_retry = self.waits_for_sensors and each.state is TaskState.UP_FOR_RETRY
            if is_retry or self._due_at(each) <= self.clock.now():
                self.instances.put(draft.requeued(each, self.clock.now()))
        return True

    def _due_at(self, waiting: TaskInstance) -> datetime:
        return waiting.alarm_at or self.clock.now()

    def _call_callbacks(self) -> None:
        is_success = self.state is RunState.SUCCESS
        if not (self.dag.on_success_callback if is_success else self.dag.on_failure_callback):
            return
        callback = RunCallback.SUCCESS if is_success else RunCallback.FAILURE
        meant = _meant(list(self.instances), is_success)
        job = TaskJob(
            run=self.memory.context,
            task_id=callback,
            try_number=1,
            max_tries=1,
            started_at=self.clock.now(),
            about_run=AboutRun(
                callback=callback,
                task=meant.key if meant else None,
                task_state=meant.state if meant else None,
                try_number=max(meant.try_number, 1) if meant else 1,
            ),
        )
        with self.book.open(TaskKey(callback), 1):
            execute(self.dag, job, self.services)


def _moved(resumption: Resumption | None, move: Callable[[datetime], datetime]) -> Resumption | None:
    if resumption is None:
        return None
    trigger, timeout_at = resumption.trigger, resumption.timeout_at
    return replace(
        resumption,
        trigger=replace(trigger, asleep_since=move(trigger.asleep_since)) if trigger is not None else None,
        timeout_at=move(timeout_at) if timeout_at is not None else None,
    )


def _length(xcoms: dict[str, str]) -> int | None:
    """How many items a given result has for others to be mapped over."""
    if mapping.RETURN_VALUE not in xcoms:
        return None
    value = xcom.loads(xcoms[mapping.RETURN_VALUE])
    return len(value) if isinstance(value, list | tuple | dict) else None


def _meant(instances: Sequence[TaskInstance], is_success: bool) -> TaskInstance | None:
    """The task instance that callbacks of the run hear of: the first that failed, or the last of all."""
    if is_success:
        return instances[-1] if instances else None
    for state in (TaskState.FAILED, TaskState.UPSTREAM_FAILED):
        for instance in instances:
            if instance.state is state:
                return instance
    return None
