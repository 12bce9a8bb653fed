"""Timetables of an author's own: what they are told, what they plan, and what is said of wrong answers."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from authored_bundle import Bundle, Services, run_context

from sailplane.authoring.dag import DAG
from sailplane.authoring.execution import execute
from sailplane.authoring.serialization import serialize
from sailplane.model.dags import ScheduleKind
from sailplane.model.errors import AuthorError
from sailplane.model.execution import Outcome, OutcomeKind, TaskJob
from sailplane.model.planning import AboutSchedule, Plan, PlannedRun

NOW = datetime(2026, 3, 6, 12, tzinfo=UTC)  # A Friday.
WORKDAYS = """
    from datetime import timedelta

    from pendulum import UTC, Date, DateTime, Time

    from airflow import DAG
    from airflow.plugins_manager import AirflowPlugin
    from airflow.providers.standard.operators.empty import EmptyOperator
    from airflow.timetables.base import DagRunInfo, DataInterval, TimeRestriction, Timetable


    class Workdays(Timetable):
        def infer_manual_data_interval(self, *, run_after: DateTime) -> DataInterval:
            start = DateTime.combine((run_after - timedelta(days=1)).date(), Time.min).replace(tzinfo=UTC)
            return DataInterval(start=start, end=start.add(days=1))

        def next_dagrun_info(self, *, last_automated_data_interval, restriction: TimeRestriction):
            if last_automated_data_interval is not None:
                start = last_automated_data_interval.start.add(days=1)
            elif restriction.earliest is None:
                return None
            else:
                start = restriction.earliest
            while start.weekday() in (5, 6):
                start = start.add(days=1)
            if restriction.latest is not None and start > restriction.latest:
                return None
            return DagRunInfo.interval(start=start, end=start.add(days=1))


    class Plugin(AirflowPlugin):
        name = "workdays"
        timetables = [Workdays]
"""
FLOW = f"""{WORKDAYS}
    with DAG("flow", schedule=Workdays(), start_date=DateTime(2026, 3, 5, tzinfo=UTC)):
        EmptyOperator(task_id="land")
"""


def ask(dag: DAG, last: PlannedRun | None = None) -> Outcome:
    job = TaskJob(
        run=run_context(dag),
        task_id="~schedule",
        try_number=1,
        max_tries=1,
        started_at=NOW,
        about_schedule=AboutSchedule(last=last, now=NOW),
    )
    return execute(dag, job, Services())


def planned(dag: DAG, last: PlannedRun | None = None) -> list[str]:
    outcome = ask(dag, last)
    assert outcome.kind is OutcomeKind.SUCCESS, outcome.error
    return [f"{run.start:%a %d}" for run in msgspec.json.decode(outcome.xcoms["plan"], type=Plan).runs]


def test_a_timetable_plans_from_the_start_date_and_a_week_ahead(bundle: Bundle) -> None:
    dag = bundle.one(FLOW)
    assert planned(dag) == ["Thu 05", "Fri 06", "Mon 09", "Tue 10", "Wed 11", "Thu 12"]


def test_it_goes_on_after_the_run_that_was_made_last(bundle: Bundle) -> None:
    friday = datetime(2026, 3, 6, tzinfo=UTC)
    last = PlannedRun(run_after=friday + timedelta(days=1), start=friday, end=friday + timedelta(days=1))
    assert planned(bundle.one(FLOW), last)[:2] == ["Mon 09", "Tue 10"]


def test_a_timetable_that_knows_no_run_plans_none(bundle: Bundle) -> None:
    assert planned(bundle.one(FLOW.replace(", start_date=DateTime(2026, 3, 5, tzinfo=UTC)", ""))) == []


def test_the_next_run_is_planned_however_far_it_is(bundle: Bundle) -> None:
    assert planned(bundle.one(FLOW.replace("2026, 3, 5", "2027, 3, 5"))) == ["Fri 05"]


def test_a_serialized_dag_says_that_the_timetable_is_asked_and_nothing_that_changes_with_time(bundle: Bundle) -> None:
    schedule = serialize(bundle.one(FLOW), "flow.py").schedule
    assert (schedule.kind, schedule.summary) == (ScheduleKind.CUSTOM, "Workdays")


def test_a_run_by_hand_has_the_data_interval_that_its_timetable_infers(bundle: Bundle) -> None:
    dag = bundle.one(
        FLOW.replace(
            "EmptyOperator(task_id", "BashOperator(bash_command='echo {{ data_interval_start }}', task_id"
        ).replace("standard.operators.empty import EmptyOperator", "standard.operators.bash import BashOperator")
    )
    day = datetime(2026, 3, 10, 7, tzinfo=UTC)
    found = bundle.value(dag, "land", logical_date=day, data_interval_start=None, data_interval_end=None)
    assert found.startswith("2026-03-09")


def test_a_run_id_of_its_own_is_kept(bundle: Bundle) -> None:
    own = """
        def generate_run_id(self, *, run_type, run_after, data_interval, **extra):
            return f"workday_{data_interval.start:%d}"
    """
    dag = bundle.one(FLOW.replace("\n    class Plugin", f"{own}\n    class Plugin"))
    runs = msgspec.json.decode(ask(dag).xcoms["plan"], type=Plan).runs
    assert [run.run_id for run in runs][:2] == ["workday_05", "workday_06"]


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        ("tomorrow", "'tomorrow'"),
        ("1 / 0", "ZeroDivisionError"),
        ("DagRunInfo.exact(DateTime(2026, 1, 1))", "without a time zone"),
    ],
)
def test_a_timetable_that_answers_nonsense_is_told_of(bundle: Bundle, answer: str, complaint: str) -> None:
    answer = repr(answer) if answer == "tomorrow" else answer
    dag = bundle.one(FLOW.replace("return DagRunInfo.interval(start=start, end=start.add(days=1))", f"return {answer}"))
    outcome = ask(dag)
    assert outcome.kind is OutcomeKind.FAILED
    assert outcome.error is not None
    assert complaint in f"{outcome.error.kind}: {outcome.error.message}"


def test_validate_is_called_when_the_dag_is_made(bundle: Bundle) -> None:
    text = FLOW.replace(
        "class Workdays(Timetable):",
        "class Workdays(Timetable):\n        def validate(self):\n            raise ValueError('no calendar')\n",
    )
    with pytest.raises(AuthorError, match=r"DAG 'flow': ValueError: no calendar"):
        bundle.one(text)


def test_a_standard_timetable_with_dates_of_its_own_is_asked_and_may_ask_the_standard_one(bundle: Bundle) -> None:
    dag = bundle.one("""
        import pendulum
        from airflow.sdk import DAG
        from airflow.providers.standard.operators.empty import EmptyOperator
        from airflow.timetables.trigger import CronTriggerTimetable

        class NotOnThe13th(CronTriggerTimetable):
            def next_dagrun_info(self, *, last_automated_data_interval, restriction):
                found = super().next_dagrun_info(
                    last_automated_data_interval=last_automated_data_interval, restriction=restriction)
                while found.run_after.day == 8:
                    found = super().next_dagrun_info(
                        last_automated_data_interval=found.data_interval, restriction=restriction)
                return found

        with DAG("flow", schedule=NotOnThe13th("0 6 * * *", timezone="UTC"), catchup=True,
                 start_date=pendulum.datetime(2026, 3, 7)):
            EmptyOperator(task_id="land")
    """)
    assert serialize(dag, "flow.py").schedule.kind is ScheduleKind.CUSTOM
    assert planned(dag) == ["Sat 07", "Mon 09", "Tue 10", "Wed 11", "Thu 12", "Fri 13"]


def test_standard_timetables_answer_when_asked() -> None:
    from sailplane import CronDataIntervalTimetable, DataInterval, TimeRestriction

    daily = CronDataIntervalTimetable("@daily", timezone="UTC")
    interval = daily.infer_manual_data_interval(run_after=NOW)
    assert interval == DataInterval(datetime(2026, 3, 5, tzinfo=UTC), datetime(2026, 3, 6, tzinfo=UTC))
    found = daily.next_dagrun_info(
        last_automated_data_interval=interval, restriction=TimeRestriction(None, None, catchup=True)
    )
    assert found is not None
    assert found.run_after == datetime(2026, 3, 7, tzinfo=UTC)


def test_a_timetable_of_ones_own_beside_assets_is_asked_too(bundle: Bundle) -> None:
    schedule = "AssetOrTimeSchedule(timetable=Workdays(), assets=[Asset('a')])"
    text = FLOW.replace("schedule=Workdays()", f"schedule={schedule}").replace(
        "from airflow import DAG", "from airflow import DAG\n    from sailplane import Asset, AssetOrTimeSchedule"
    )
    dag = bundle.one(text)
    found = serialize(dag, "flow.py").schedule
    assert (found.kind, found.assets is not None) == (ScheduleKind.CUSTOM, True)
    assert planned(dag)[:2] == ["Thu 05", "Fri 06"]


LATEST = """
    from pendulum import datetime
    from sailplane import DAG, DagRunInfo, EmptyOperator, LatestOnlyOperator, Timetable

    class Daily(Timetable):
        def next_dagrun_info(self, *, last_automated_data_interval, restriction):
            end = last_automated_data_interval.end
            return None if end.year > 2030 else DagRunInfo.interval(end, end.add(days=1))

    with DAG("flow", schedule=Daily()):
        LatestOnlyOperator(task_id="latest") >> EmptyOperator(task_id="after")
"""


@pytest.mark.parametrize(("year", "skipped"), [(2024, ("after",)), (2031, ())])
def test_latest_only_asks_the_timetable_for_the_next_run(bundle: Bundle, year: int, skipped: tuple[str, ...]) -> None:
    dag = bundle.one(LATEST)
    start = datetime(year, 1, 1, tzinfo=UTC)
    dates = {"logical_date": start, "data_interval_start": start, "data_interval_end": start + timedelta(days=1)}
    outcome = bundle.run(dag, "latest", **dates)
    assert outcome.error is None
    assert outcome.skip_tasks == skipped
