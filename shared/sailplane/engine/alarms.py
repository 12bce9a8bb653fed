"""Answering alarms: what is late is published again, retried, failed or planned again."""

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

from sailplane.cloud import codec, paths
from sailplane.cloud.asset_codec import GuardedAsset
from sailplane.cloud.changes import Beat, Change, Delete, KeepTry, Replace
from sailplane.cloud.codec import Guarded
from sailplane.cloud.committer import Committed
from sailplane.cloud.wiring import Cloud
from sailplane.engine import draft, ends, gates, interventions, journal, lateness, turns
from sailplane.engine.answering import time_out
from sailplane.engine.memory import RunMemory
from sailplane.engine.metering import written
from sailplane.engine.past import PAST_ALARM, Past
from sailplane.engine.progress import Progress
from sailplane.engine.stopping import Stop
from sailplane.model.deadlines import is_deadline
from sailplane.model.errors import NotFound, SailplaneError, TransientError
from sailplane.model.gates import is_gate
from sailplane.model.ids import RunKey
from sailplane.model.messages import AlarmWave
from sailplane.model.runs import DagRun, TaskInstance
from sailplane.model.states import RunState, TaskState
from sailplane.model.usage import Usage
from sailplane.planner import alarms as planner
from sailplane.planner.alarms import RUN_ALARM, Action, Answer

_log = logging.getLogger(__name__)


_STARTS = frozenset({Action.PUBLISH_AGAIN, Action.QUEUE})
UNANSWERED = timedelta(minutes=10)
"""When an alarm rings again that could not be answered."""

T = TypeVar("T")


class Alarms:
    """Answers alarms; each run is read once."""

    def __init__(
        self,
        cloud: Cloud,
        clock: Callable[[], datetime],
        *,
        on_alarm: Callable[[TaskInstance], object] | None = None,
    ) -> None:
        """`on_alarm` is told of task instances that got an alarm by the answer to another's."""
        self._cloud = cloud
        self._clock = clock
        self._runs: dict[RunKey, RunMemory] = {}
        on_close = partial(turns.start_waiting, cloud, clock)
        self._progress = Progress(cloud, clock, on_close=on_close, on_alarm=on_alarm)

    def answer_wave(self, wave: AlarmWave) -> None:
        """Look at the named documents again and answer those whose alarm is due still."""
        for key in wave.runs:
            run = self._cloud.store.run(key)
            if run is not None:
                self.guarded(run, partial(self.answer_run, run))
        for run_key, task_key in wave.tasks:
            instance = self._cloud.store.task(run_key, task_key)
            if instance is not None:
                self.guarded(instance, partial(self.answer_task, instance))

    def guarded(self, record: Guarded | GuardedAsset, answer: Callable[[], T]) -> T | None:
        """What `answer` returns; None when that alarm cannot be answered, which must not keep the others waiting.

        It is told, and rings again later. So does one that meets a mistake of the program, which is raised: the next
        tick would find it first again, and never come to the others.
        """
        try:
            return answer()
        except TransientError:
            raise
        except SailplaneError as error:
            _log.error("the alarm of %s could not be answered: %s", codec.path_of(record), error)
            self._ring_later(record)
            return None
        except Exception:
            self._ring_later(record)
            raise

    def _ring_later(self, record: Guarded | GuardedAsset) -> None:
        self._cloud.store.commit([Beat(codec.path_of(record), record.token, self._clock() + UNANSWERED)])

    def answer_run(self, run: DagRun) -> None:
        """Plan a live run again from its documents, and set its next alarm."""
        now = self._clock()
        if run.alarm_at is None or run.alarm_at > now:
            return
        if run.intervention is not None:
            interventions.carry_out(self._cloud, self._clock, run)
            return
        if run.state.is_terminal:
            return
        if run.hold is not None:
            from sailplane.engine import holding  # It answers the alarms of what waited meanwhile.

            holding.answer(self._cloud, self._clock, run)
            return
        after = now + RUN_ALARM
        if run.state is RunState.QUEUED:
            turns.start_waiting(self._cloud, self._clock, run.key.dag_id)
        else:
            memory = RunMemory.of(run, self._cloud.store.version(run.key.dag_id, run.context.version))
            after = planner.run_alarm(run.context, memory.dag, now)
            instances = self._cloud.store.tasks(run.key)
            if planner.is_late(run.context, memory.dag, now):
                self._progress.stop(memory, instances, Stop.TIMEOUT)
            else:
                self._progress.replan(memory, instances)
                # When the run was closed or started just now, this finds another token and does nothing.
                after = planner.run_alarm(
                    run.context, self._cloud.store.version(run.key.dag_id, run.context.version), now
                )
        self._cloud.store.commit([Replace(replace(run, alarm_at=after))])

    def answer_task(self, instance: TaskInstance) -> None:
        """Do what the alarm of a task instance asks for, if it is due. Raises `NotFound` when its run is gone."""
        run = self._run(instance.run, instance.clear_number)
        if is_deadline(instance.task_id) and instance.state is TaskState.DEFERRED:
            if instance.alarm_at is not None and instance.alarm_at <= self._clock():
                lateness.ring(self._cloud, self._progress, run, instance, self._clock())
            return
        if is_gate(instance.task_id):
            self._answer_gate(run, instance)
            return
        task = run.dag.task_dict.get(instance.task_id)
        answer = planner.answer(instance, task, self._clock(), logical_date=run.context.logical_date)
        self._act(run, instance, answer)

    def wake(self, instance: TaskInstance) -> bool:
        """Queue a rescheduled sensor or a deferred task before its alarm. False when it does not wait (any more)."""
        if instance.state not in (TaskState.UP_FOR_RESCHEDULE, TaskState.DEFERRED):
            return False
        run = self._run(instance.run, instance.clear_number)
        return not run.is_held and self._queue(run, instance)

    def _act(self, run: RunMemory, instance: TaskInstance, answer: Answer) -> None:
        if answer.action is Action.LEAVE:
            return
        about = journal.about(instance)
        _log.info("run=%s task=%s try=%d: %s", run.key, instance.key, instance.try_number, answer.reason, extra=about)
        # The alarm of one that waits for a pool's rate is that of all who wait for it, in other runs too.
        if run.is_held and answer.action in _STARTS and not instance.waits_for_slots:
            self._put_off(instance)
            return
        match answer.action:
            case Action.RESTART:
                self._progress.restart(instance)
            case Action.PUBLISH_AGAIN:
                again = replace(instance, alarm_at=answer.at, alarms=instance.alarms + 1, claim=draft.nonce())
                self._commit_and_publish(run, again, [Replace(again)])
            case Action.QUEUE:
                self._queue(run, instance)
            case Action.RETRY:
                waiting = ends.lost(run, instance, TaskState.UP_FOR_RETRY, answer.at, self._clock())
                self._cloud.store.commit([Replace(waiting)])
                self._progress.free(run, instance)
            case Action.FAIL:
                self._progress.end(run, ends.lost(run, instance, TaskState.FAILED, None, self._clock()))

    def _answer_gate(self, run: RunMemory, gate: TaskInstance) -> None:
        if not gate.state.is_live or gate.alarm_at is None or gate.alarm_at > self._clock():
            return
        if run.is_held:
            self._put_off(gate)
        elif gate.state is TaskState.UP_FOR_RETRY:
            gates.retry(self._cloud, self._clock, run.key, gate)
        elif gate.task_id in run.dag.gates:
            gates.decide(self._cloud, self._progress, run, gate, self._clock())

    def _put_off(self, instance: TaskInstance) -> None:
        """Nothing of its run may start now: who lets a held run go on looks at all its task instances.

        Who only clears or marks something in it does not, and is soon done.
        """
        run = self._cloud.store.run(instance.run)
        if run is not None and run.hold is not None:
            put_off = replace(instance, alarm_at=self._clock() + RUN_ALARM, alarms=interventions.PUT_OFF)
        else:
            put_off = replace(instance, alarm_at=self._clock() + interventions.UNFINISHED_ALARM)
        self._cloud.store.commit([Replace(put_off)])

    def _queue(self, run: RunMemory, instance: TaskInstance) -> bool:
        if instance.waits_for_slots:
            self._cloud.store.commit([Replace(replace(instance, alarm_at=None))])
            self._progress.admit(run, instance.limits.keys())
            return True
        if instance.state is TaskState.AWAITING_INPUT:
            return time_out(self._cloud, self._progress, run, instance, self._clock())
        if instance.state is TaskState.SCHEDULED and Past(cloud=self._cloud, run=run).held([instance.key]):
            self._cloud.store.commit([Replace(replace(instance, alarm_at=self._clock() + PAST_ALARM))])
            return False
        again = draft.requeued(instance, self._clock())
        more: list[Change] = []
        if instance.state is TaskState.UP_FOR_RETRY:
            more.append(KeepTry(instance))
            again = draft.ranked(run, replace(again, usage=again.usage.written()), self._clock())
        if instance.waits_for:
            more.append(Delete(paths.wait(instance.run, instance.key)))
            again = replace(again, usage=again.usage + Usage(deletes=1))
        return self._commit_and_publish(run, again, [Replace(again), *more])

    def _commit_and_publish(self, run: RunMemory, instance: TaskInstance, changes: list[Change]) -> bool:
        result = self._cloud.store.commit(changes)
        if not isinstance(result, Committed):
            return False
        self._progress.publish(run, [written(instance, result.tokens[0])])
        return True

    def _run(self, key: RunKey, clear_number: int = 0) -> RunMemory:
        """The run of a task instance. Raises `NotFound` when it or its DAG's version is gone."""
        known = self._runs.get(key)
        if known is None or known.is_held or known.context.clear_number < clear_number:
            stored = self._cloud.store.run(key)
            if stored is None:
                raise NotFound(f"run {key} is gone, and one of its task instances is left")
            dag = self._cloud.store.version(key.dag_id, stored.context.version)
            self._runs[key] = RunMemory.of(stored, dag)
        return self._runs[key]
