"""DAGs whose own timetable plans their runs: a worker asks it, the tick follows the list."""

import textwrap
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from engine_flights import Flight
from engine_stage import FAILED, Stage, dag, task

from sailplane.authoring.loading import load_file
from sailplane.authoring.serialization import serialize
from sailplane.cloud.changes import Replace
from sailplane.engine import planning, runs
from sailplane.engine.runs import set_paused
from sailplane.model.dags import Schedule, ScheduleKind, SerializedDag
from sailplane.model.execution import Outcome, OutcomeKind, TaskJob
from sailplane.model.planning import Plan, PlannedRun
from sailplane.model.runs import DagSchedule

OWN = Schedule(kind=ScheduleKind.CUSTOM, summary="Workdays")
FLOW = dag(task("land"), schedule=OWN)


def plans(stage: Stage, *run_afters: datetime) -> None:
    """What the timetable answers from now on."""
    found = [PlannedRun(run_after=at, start=at - timedelta(hours=1), end=at) for at in run_afters]
    envelope = msgspec.json.encode(Plan(runs=tuple(found))).decode()
    stage.runner.script[planning.NOBODY, 1] = Outcome(kind=OutcomeKind.SUCCESS, xcoms={"plan": envelope})


def schedule_of(stage: Stage) -> DagSchedule:
    return stage.cloud.store.schedules(["flight"])["flight"]


def asked(stage: Stage) -> list[TaskJob]:
    return [job for job in stage.runner.jobs if job.about_schedule is not None]


def begin(stage: Stage, *run_afters: datetime, flow: SerializedDag = FLOW) -> None:
    plans(stage, *run_afters)
    stage.push(flow)
    stage.tick()
    stage.deliver_all()


def run_ids(stage: Stage) -> list[str]:
    return sorted(run.key.run_id for run in stage.cloud.store.runs("flight", limit=50))


def test_a_pushed_dag_has_its_timetable_asked_and_its_runs_made_when_they_are_due(stage: Stage) -> None:
    first = stage.clock() + timedelta(minutes=10)
    begin(stage, first, first + timedelta(hours=1))
    assert schedule_of(stage).run_after == first
    assert stage.tick().runs_created == 0
    stage.clock.turn(minutes=10)
    assert stage.tick().runs_created == 1
    (run,) = stage.cloud.store.runs("flight", limit=5)
    assert (run.context.data_interval_start, run.context.data_interval_end) == (first - timedelta(hours=1), first)
    assert schedule_of(stage).run_after == first + timedelta(hours=1)
    assert len(asked(stage)) == 1


def test_when_the_list_is_used_up_the_timetable_is_told_of_the_last_run_and_asked_again(stage: Stage) -> None:
    first = stage.clock() + timedelta(minutes=10)
    begin(stage, first)
    stage.clock.turn(minutes=10)
    plans(stage, first + timedelta(hours=3))
    stage.tick()  # Makes the run,
    stage.tick()  # and asks.
    stage.deliver_all()
    about = asked(stage)[-1].about_schedule
    assert about is not None
    assert about.last == PlannedRun(run_after=first, start=first - timedelta(hours=1), end=first)
    assert schedule_of(stage).run_after == first + timedelta(hours=3)


def test_a_lost_request_is_sent_again(stage: Stage) -> None:
    plans(stage, stage.clock() + timedelta(hours=1))
    stage.push(FLOW)
    stage.tick()
    stage.bus.take()  # Lost.
    stage.tick()
    assert not stage.bus.held
    stage.clock.turn(seconds=61)
    stage.tick()
    stage.deliver_all()
    assert schedule_of(stage).run_after is not None


def test_a_request_that_comes_twice_asks_the_timetable_once(stage: Stage) -> None:
    plans(stage, stage.clock() + timedelta(hours=1))
    stage.push(FLOW)
    stage.tick()
    (message,) = stage.bus.take()
    stage.worker.handle(message)
    stage.worker.handle(message)
    assert len(asked(stage)) == 1


def test_a_plan_that_lay_while_the_schedule_changed_is_dropped_and_asked_for_again(stage: Stage) -> None:
    plans(stage, stage.clock() + timedelta(hours=1))
    stage.push(FLOW)
    stage.tick()

    def disturbed(job: TaskJob) -> Outcome:
        alarm_at = stage.clock() + timedelta(seconds=30)
        stage.cloud.store.commit([Replace(replace(schedule_of(stage), alarm_at=alarm_at))])
        return FAILED

    stage.runner.script[planning.NOBODY, 1] = disturbed
    stage.deliver_all()
    assert stage.cloud.store.file_errors() == []
    plans(stage, stage.clock() + timedelta(hours=1))
    stage.clock.turn(seconds=61)
    stage.tick()
    stage.deliver_all()
    assert schedule_of(stage).run_after is not None


def test_a_timetable_that_fails_is_told_of_beside_the_files_that_cannot_be_read(stage: Stage) -> None:
    stage.runner.script[planning.NOBODY, 1] = FAILED
    stage.push(FLOW)
    stage.tick()
    stage.deliver_all()
    (error,) = stage.cloud.store.file_errors()
    assert error.file == "dags.py (the timetable of flight)"
    assert "its timetable cannot say when the next run is due: ValueError: no" in error.message
    plans(stage, stage.clock() + timedelta(hours=1))
    stage.clock.turn(minutes=11)
    stage.tick()
    stage.deliver_all()
    assert stage.cloud.store.file_errors() == []
    assert schedule_of(stage).run_after is not None


def test_a_timetable_that_knows_no_run_is_asked_again_an_hour_later(stage: Stage) -> None:
    begin(stage)
    stage.clock.turn(minutes=59)
    stage.tick()
    stage.deliver_all()
    assert len(asked(stage)) == 1
    stage.clock.turn(minutes=2)
    stage.tick()
    stage.deliver_all()
    assert len(asked(stage)) == 2


def test_runs_that_were_missed_are_asked_about_anew_and_then_made_as_the_timetable_says(stage: Stage) -> None:
    first = stage.clock() + timedelta(minutes=10)
    begin(stage, *(first + timedelta(hours=n) for n in range(5)))
    stage.clock.turn(hours=4)
    plans(stage, first + timedelta(hours=2), first + timedelta(hours=3), first + timedelta(hours=4))
    stage.tick()
    stage.deliver_all()
    assert run_ids(stage) == []
    while stage.tick().runs_created:
        stage.deliver_all()
    assert len(run_ids(stage)) == 2  # The third is not due yet.
    assert len(asked(stage)) == 2


def test_runs_that_a_tick_comes_too_late_for_by_a_minute_are_made_from_the_list(stage: Stage) -> None:
    first = stage.clock() + timedelta(seconds=30)
    begin(stage, *(first + timedelta(seconds=30 * n) for n in range(6)))
    stage.clock.turn(minutes=1)
    made = 0
    while started := stage.tick().runs_created:
        made += started
    assert made == 2
    assert len(asked(stage)) == 1


def test_a_paused_dag_is_not_asked_and_let_go_on_it_is_asked_at_once(stage: Stage) -> None:
    begin(stage, stage.clock() + timedelta(minutes=10))
    set_paused(stage.cloud, "flight", True, stage.clock())
    stage.clock.turn(hours=1)
    assert stage.tick().runs_created == 0
    set_paused(stage.cloud, "flight", False, stage.clock())
    plans(stage, stage.clock() + timedelta(minutes=3))
    stage.tick()
    stage.deliver_all()
    assert schedule_of(stage).run_after == stage.clock() + timedelta(minutes=3)


def test_a_run_by_hand_leaves_its_data_interval_to_the_timetable(stage: Stage) -> None:
    begin(stage, stage.clock() + timedelta(hours=1))
    made = runs.trigger(stage.cloud, "flight", logical_date=stage.clock(), now=stage.clock())
    assert made.context.logical_date == stage.clock()
    assert made.context.data_interval_start is None


@pytest.mark.localcloud
def test_a_run_of_a_dag_with_a_timetable_of_its_own_takes_no_more_operations_than_another(stage: Stage) -> None:
    every_hour = Schedule(kind=ScheduleKind.DELTA, delta=timedelta(hours=1))
    usual = dag(task("land"), dag_id="usual", schedule=every_hour, start_date=stage.clock() + timedelta(minutes=70))
    first = stage.clock() + timedelta(minutes=10)
    begin(stage, first, first + timedelta(days=1))
    stage.push(FLOW, usual)
    used = []
    for minutes in (10, 60):
        stage.clock.turn(minutes=minutes)
        before = stage.count()
        assert stage.tick().runs_created == 1
        found = stage.since(before)
        used.append((found["firestore.writes"], found["firestore.reads"]))
        stage.deliver_all()
    assert used[0] <= used[1]


def test_the_code_of_a_timetable_runs_in_a_child_of_the_worker(stage: Stage, flight: Flight) -> None:
    text = """
        from pendulum import datetime
        from sailplane import DAG, DagRunInfo, EmptyOperator, Timetable, Variable

        class AtTheHourSet(Timetable):
            def next_dagrun_info(self, *, last_automated_data_interval, restriction):
                if last_automated_data_interval is not None:
                    return None
                return DagRunInfo.exact(datetime(2026, 3, 2, int(Variable.get("hour", default=7))))

        with DAG("flight", schedule=AtTheHourSet()):
            EmptyOperator(task_id="land")
    """
    (stage.bundle / "dags.py").write_text(textwrap.dedent(text))
    stage.push(*(serialize(each, "dags.py") for each in load_file(stage.bundle, "dags.py").values()))
    stage.tick()
    for message in stage.bus.take():
        flight.worker.handle(message)
    assert schedule_of(stage).run_after == datetime(2026, 3, 2, 7, tzinfo=UTC)
