"""The tick: creates due runs and answers alarms, once a minute, and stays while something is due within its minute."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

from sailplane.cloud.wiring import Cloud
from sailplane.engine import asset_runs, turns
from sailplane.engine.agenda import Agenda
from sailplane.engine.alarms import Alarms
from sailplane.model.assets import AssetQueue
from sailplane.model.dags import DEFAULT_QUEUE
from sailplane.model.messages import AlarmWave, Message
from sailplane.model.runs import DagRun, DagSchedule, TaskInstance

MOST = 500
"""Documents of a kind that one look takes."""
FAN_OUT = 100
"""More due alarms than this go to workers over Pub/Sub, in messages of this size."""
MOST_LOOKS = 200
"""A tick that finds something new each time leaves the rest to the next one."""
LOOK_AGAIN = timedelta(seconds=5)
"""How long a look holds. After something was answered, the next one: what that led to may have set an alarm within this
minute."""


@dataclass(frozen=True, kw_only=True)
class TickReport:
    """What one tick did."""

    looks: int
    runs_created: int
    alarms_answered: int


def tick(
    cloud: Cloud,
    clock: Callable[[], datetime],
    *,
    stay: timedelta | None = None,
    sleep: Callable[[float], object] = time.sleep,
) -> TickReport:
    """Answer all that is due. Two reads and no write when nothing is due before the next tick.

    It stays at most `stay`, or as long as the settings say, for what rings meanwhile.
    `sleep` may return something true before its time is over: the tick then ends, and the next one goes on.
    """
    stay = cloud.settings.tick_stay if stay is None else stay
    return _Tick(cloud, clock, clock() + stay).run(sleep)


class _Tick:
    def __init__(self, cloud: Cloud, clock: Callable[[], datetime], ends_at: datetime) -> None:
        self._cloud = cloud
        self._clock = clock
        self._ends_at = ends_at
        self._agenda = Agenda()
        self._alarms = Alarms(cloud, clock, on_alarm=self._agenda.note)
        self._looked_at: datetime | None = None
        self._sees_until = ends_at
        """As far as the latest look saw; what rings later is known from an earlier one, if at all."""
        self._must_look = True
        self._handed_over: set[object] = set()
        """Alarms that went to workers: they are not sent twice by one tick, however long a worker takes to answer."""
        self._looks = self._created = self._answered = 0

    def run(self, sleep: Callable[[float], object]) -> TickReport:
        while True:
            next_turn = self._turn()
            if next_turn is None or next_turn >= self._ends_at or self._looks >= MOST_LOOKS:
                break
            if sleep(max((next_turn - self._clock()).total_seconds(), 0)):
                break
        return TickReport(looks=self._looks, runs_created=self._created, alarms_answered=self._answered)

    def _turn(self) -> datetime | None:
        """Answer what rings; returns when the next turn is, None when there is no need for one."""
        now = self._clock()
        has_more = self._is_time_to_look(now) and self._look(now)
        if self._must_look:
            return self._clock()
        ringing = self._agenda.take(now)
        started = sum(self._start(each) for each in ringing if isinstance(each, DagSchedule))
        started += self._look_at_assets([each for each in ringing if isinstance(each, AssetQueue)])
        answered, sent = self._answer(
            [each for each in ringing if isinstance(each, DagRun)],
            [each for each in ringing if isinstance(each, TaskInstance)],
        )
        self._created += started
        self._answered += answered + sent
        # A schedule may have missed more than the run that was started now.
        self._must_look = started > 0
        return now if started else self._next_turn(has_answered=answered > 0 or has_more)

    def _is_time_to_look(self, now: datetime) -> bool:
        """In between, what rings was read a moment ago, and is answered from that."""
        return self._must_look or self._looked_at is None or now - self._looked_at >= LOOK_AGAIN

    def _look(self, now: datetime) -> bool:
        """Read what is due, into the agenda; whether there is more than that.

        The first look sees all that rings before the tick ends, and so does each that finds the agenda empty. Those in
        between see only as far as the next one: otherwise each would read again what all the others read.
        """
        self._sees_until = max(self._ends_at, now)
        if self._agenda.last is not None and self._agenda.last > now + LOOK_AGAIN:
            self._sees_until = now + LOOK_AGAIN
        due = self._cloud.store.due(now, self._sees_until, limit=MOST)
        self._looks += 1
        drift = self._clock() - now
        # The answer has put this machine's clock right: what seemed to be due may not be, or more is.
        self._must_look = not timedelta() <= drift < LOOK_AGAIN
        if self._must_look:
            self._ends_at += drift
            return False
        self._looked_at = now
        self._agenda.learn(due, self._sees_until)
        return len(due.runs) + len(due.queues) >= MOST or len(due.tasks) >= MOST

    def _start(self, schedule: DagSchedule) -> int:
        start = partial(turns.start_due, self._cloud, schedule, self._clock)
        return self._alarms.guarded(schedule, start) or 0

    def _look_at_assets(self, queues: list[AssetQueue]) -> int:
        """Look at updated assets for whoever wrote the updates and did not; how many runs that started."""
        by_dag = {queue.dag_id: queue for queue in queues}
        looks = (
            self._alarms.guarded(queue, partial(asset_runs.look, self._cloud, self._clock, dag_id))
            for dag_id, queue in by_dag.items()
        )
        return sum(map(bool, looks))

    def _answer(self, runs: list[DagRun], tasks: list[TaskInstance]) -> tuple[int, int]:
        """Answer alarms here, or hand them to workers when they are many; how many of each."""
        if len(runs) + len(tasks) > FAN_OUT or self._handed_over:
            return 0, self._hand_over(runs, tasks)
        for run in runs:
            self._alarms.guarded(run, partial(self._alarms.answer_run, run))
        for task in tasks:
            self._alarms.guarded(task, partial(self._alarms.answer_task, task))
        return len(runs) + len(tasks), 0

    def _hand_over(self, runs: list[DagRun], tasks: list[TaskInstance]) -> int:
        new_runs = [run.key for run in runs if run.key not in self._handed_over]
        new_tasks = [(task.run, task.key) for task in tasks if (task.run, task.key) not in self._handed_over]
        self._handed_over.update(new_runs)
        self._handed_over.update(new_tasks)
        waves = [
            *(AlarmWave(runs=part) for part in _parts(new_runs)),
            *(AlarmWave(tasks=part) for part in _parts(new_tasks)),
        ]
        if waves:
            self._cloud.bus.publish(DEFAULT_QUEUE, [Message(alarms=wave) for wave in waves])
        return len(new_runs) + len(new_tasks)

    def _next_turn(self, *, has_answered: bool) -> datetime | None:
        """Soon after something was answered, as that may have set an alarm within this minute; else at the next alarm.
        Before the tick ends for want of alarms, it looks as far as its end once more."""
        again = self._clock() + LOOK_AGAIN if has_answered else None
        upcoming = self._agenda.next
        if again is None and upcoming is None and self._sees_until < self._ends_at:
            self._must_look = True
            return self._clock()
        return min((each for each in (again, upcoming) if each), default=None)


T = TypeVar("T")


def _parts(items: list[T]) -> Iterable[tuple[T, ...]]:
    return (tuple(items[begin : begin + FAN_OUT]) for begin in range(0, len(items), FAN_OUT))
