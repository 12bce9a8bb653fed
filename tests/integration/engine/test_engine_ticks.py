"""A tick that stays for what rings within its minute: nothing is missed, and nothing is read again and again."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from engine_stage import Stage, dag, task

from sailplane.engine.alarms import Alarms
from sailplane.engine.tick import tick
from sailplane.model.execution import Outcome, OutcomeKind
from sailplane.model.states import TaskState


@pytest.mark.localcloud
def test_sensors_that_poke_at_odd_moments_of_a_minute_are_read_two_or_three_times_each(stage: Stage) -> None:
    sensors = 24
    begun = stage.clock()
    due_at = {f"s{n:02}": begun + timedelta(seconds=1.7 + 2.1 * n) for n in range(sensors)}
    for name, at in due_at.items():
        stage.runner.script[name, 1] = Outcome(kind=OutcomeKind.RESCHEDULE, resume_at=at)
    stage.start(dag(*map(task, due_at)))
    stage.deliver_all()
    stage.runner.script.clear()
    before, by_workers = stage.count(), 0
    moments: list[datetime] = []

    def sleep(seconds: float) -> None:
        nonlocal by_workers
        counted = stage.count()
        stage.deliver_all()
        by_workers += stage.since(counted).get("firestore.reads", 0)
        stage.clock.sleep(seconds)
        moments.append(stage.clock())

    report = tick(stage.cloud, stage.clock, stay=timedelta(seconds=55), sleep=sleep)
    assert report.alarms_answered == sensors
    assert set(due_at.values()) <= set(moments)
    # Once by the first look and once by the one shortly before; the run, and looks that find nothing.
    assert stage.since(before)["firestore.reads"] - by_workers <= 2 * sensors + 4 * report.looks + 4
    assert report.looks <= 12


def test_a_poke_that_an_answer_led_to_is_seen_though_others_were_known_to_come_later(stage: Stage) -> None:
    """The looks in between see a few seconds ahead; the next poke of `busy` lies behind that, and `late` is woken."""
    begun = stage.clock()
    for name, first in (("busy", 2), ("late", 20)):
        stage.runner.script[name, 1] = Outcome(kind=OutcomeKind.RESCHEDULE, resume_at=begun + timedelta(seconds=first))
    key = stage.start(dag(task("busy"), task("late")))
    stage.deliver_all()
    stage.runner.script["busy", 1] = Outcome(kind=OutcomeKind.RESCHEDULE, resume_at=begun + timedelta(seconds=40))

    def sleep(seconds: float) -> None:
        stage.clock.sleep(seconds)
        if stage.clock() < begun + timedelta(seconds=15):
            stage.deliver_all()
            Alarms(stage.cloud, stage.clock).wake(stage.instance(key, "late"))
            stage.deliver_all()

    stage.runner.script["late", 1] = Outcome(kind=OutcomeKind.RESCHEDULE, resume_at=begun + timedelta(minutes=9))
    report = tick(stage.cloud, stage.clock, stay=timedelta(seconds=55), sleep=sleep)
    assert report.alarms_answered == 2
    assert stage.instance(key, "busy").state is TaskState.QUEUED


def test_a_tick_stays_no_longer_than_the_settings_say(stage: Stage) -> None:
    at = stage.clock() + timedelta(seconds=30)
    stage.runner.script["wait", 1] = Outcome(kind=OutcomeKind.RESCHEDULE, resume_at=at)
    stage.start(dag(task("wait")))
    stage.deliver_all()
    hasty = replace(stage.cloud, settings=replace(stage.settings, tick_stay=timedelta(seconds=10)))
    assert tick(hasty, stage.clock, sleep=stage.clock.sleep).alarms_answered == 0
    assert stage.clock() < at
    assert tick(stage.cloud, stage.clock, sleep=stage.clock.sleep).alarms_answered == 1
    assert stage.clock() >= at
