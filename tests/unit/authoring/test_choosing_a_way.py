"""Branches by time, conditions of tasks, and what only the newest run does."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from authored_bundle import Bundle

from sailplane.authoring.dag import DAG
from sailplane.model.errors import AuthorError
from sailplane.model.execution import OutcomeKind
from sailplane.model.states import RunType

HEAD = """
from datetime import datetime, time, timedelta, timezone
from sailplane import *
from sailplane import (DAG, BaseBranchOperator, BranchDateTimeOperator, BranchDayOfWeekOperator, EmptyOperator,
    LatestOnlyOperator, CronDataIntervalTimetable, ShortCircuitOperator, SkipMixin, BaseOperator, WeekDay, task)
WAYS = {"follow_task_ids_if_true": "yes", "follow_task_ids_if_false": "no"}
with DAG("x", schedule=SCHEDULE, start_date=datetime(2024, 1, 1)) as dag:
    yes, no = EmptyOperator(task_id="yes"), EmptyOperator(task_id="no")
"""


def declared(bundle: Bundle, line: str, schedule: str = "None") -> DAG:
    text = HEAD.replace("from sailplane import *\n", "").replace("SCHEDULE", schedule)
    return bundle.one(text + "".join(f"    {part}\n" for part in line.splitlines()))


def chosen(bundle: Bundle, line: str, schedule: str = "None", **job: Any) -> set[str]:
    dag = declared(bundle, f"{line} >> [yes, no]", schedule)
    outcome = bundle.run(dag, "pick", **job)
    assert (outcome.kind, outcome.error) == (OutcomeKind.SUCCESS, None)
    return {"yes", "no"} - set(outcome.skip_tasks)


BY_LOGICAL_DATE = {
    # The run's logical date is Wednesday 2024-05-01 06:00.
    "BranchDateTimeOperator(task_id='pick', target_lower=time(5), target_upper=time(7), {})": "yes",
    "BranchDateTimeOperator(task_id='pick', target_lower=time(6), target_upper=time(6), {})": "yes",
    "BranchDateTimeOperator(task_id='pick', target_lower=time(7), target_upper=time(9), {})": "no",
    "BranchDateTimeOperator(task_id='pick', target_lower=time(5), target_upper=time(3), {})": "yes",
    "BranchDateTimeOperator(task_id='pick', target_lower=time(7), target_upper=time(3), {})": "no",
    "BranchDateTimeOperator(task_id='pick', target_lower=None, target_upper=time(5), {})": "no",
    "BranchDateTimeOperator(task_id='pick', target_lower=datetime(2024, 5, 1), target_upper=None, {})": "yes",
    "BranchDateTimeOperator(task_id='pick', target_lower=datetime(2024, 5, 2), target_upper=None, {})": "no",
    "BranchDateTimeOperator(task_id='pick', target_lower=datetime(2024, 6, 1), "
    "target_upper=datetime(2024, 4, 1), {})": "no",
    "BranchDayOfWeekOperator(task_id='pick', week_day='Wednesday', {})": "yes",
    "BranchDayOfWeekOperator(task_id='pick', week_day={{'monday', 'WEDNESDAY'}}, {})": "yes",
    "BranchDayOfWeekOperator(task_id='pick', week_day=WeekDay.TUESDAY, {})": "no",
    "BranchDayOfWeekOperator(task_id='pick', week_day=[WeekDay.SATURDAY, WeekDay.SUNDAY], {})": "no",
}


@pytest.mark.parametrize(("line", "way"), BY_LOGICAL_DATE.items(), ids=list(BY_LOGICAL_DATE))
def test_branches_by_the_logical_date(bundle: Bundle, line: str, way: str) -> None:
    assert chosen(bundle, line.format("use_task_logical_date=True, **WAYS")) == {way}


def test_branches_by_the_clock(bundle: Bundle) -> None:
    past, future = "datetime(2020, 1, 1)", "datetime(2200, 1, 1)"
    line = "BranchDateTimeOperator(task_id='pick', target_lower={}, target_upper={}, **WAYS)"
    assert chosen(bundle, line.format(past, future)) == {"yes"}
    assert chosen(bundle, line.format(future, "None")) == {"no"}
    assert chosen(bundle, "BranchDayOfWeekOperator(task_id='pick', week_day=list(WeekDay), **WAYS)") == {"yes"}


def test_an_operators_own_choice(bundle: Bundle) -> None:
    line = (
        "class Own(BaseBranchOperator):\n    def choose_branch(self, context): return 'yes'\n"
        "class Skips(SkipMixin, BaseOperator):\n    def execute(self, context): self.skip(context['ti'], no)\n"
        "skips = Skips(task_id='skips')\nOwn(task_id='pick')"
    )
    assert chosen(bundle, line) == {"yes"}
    assert bundle.run(declared(bundle, line), "skips").skip_tasks == ("no",)


def test_a_branch_may_choose_a_task_further_down_as_in_airflow(bundle: Bundle) -> None:
    line = "class Own(BaseBranchOperator):\n    def choose_branch(self, context): return 'far'\n"
    dag = declared(bundle, f"{line}Own(task_id='pick') >> [yes, no]\nyes >> EmptyOperator(task_id='far')")
    assert set(bundle.run(dag, "pick").skip_tasks) == {"yes", "no"}


def test_a_short_circuit_skips_no_teardown(bundle: Bundle) -> None:
    line = "ShortCircuitOperator(task_id='pick', python_callable=lambda: False) >> yes >> no.as_teardown()"
    assert bundle.run(declared(bundle, line), "pick").skip_tasks == ("yes",)


HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("schedule", "start", "end", "ways"),
    [
        ("timedelta(hours=2)", -1, -1, {"yes", "no"}),
        ("timedelta(hours=2)", -3, -3, set()),
        ("CronDataIntervalTimetable('0 * * * *', 'UTC')", -1, 0, {"yes", "no"}),
        ("CronDataIntervalTimetable('0 * * * *', 'UTC')", -5, -4, set()),
        ("'@once'", -9, -9, {"yes", "no"}),
    ],
)
def test_only_the_newest_run_goes_on(bundle: Bundle, schedule: str, start: float, end: float, ways: set[str]) -> None:
    now = datetime.now(UTC)
    now = now.replace(minute=0, second=0, microsecond=0) if "Cron" in schedule else now
    dates = {"logical_date": now + start * HOUR, "data_interval_start": now + start * HOUR}
    found = chosen(bundle, "LatestOnlyOperator(task_id='pick')", schedule, data_interval_end=now + end * HOUR, **dates)
    assert found == ways


def test_a_run_started_by_hand_counts_as_the_newest(bundle: Bundle) -> None:
    line = "LatestOnlyOperator(task_id='pick')"
    assert chosen(bundle, line, "timedelta(hours=2)", run_type=RunType.MANUAL) == {"yes", "no"}


CONDITIONS = {
    "@task.run_if(lambda context: True)": OutcomeKind.SUCCESS,
    "@task.run_if(lambda context: False)": OutcomeKind.SKIPPED,
    "@task.skip_if(lambda context: True)": OutcomeKind.SKIPPED,
    "@task.skip_if(lambda context: False)": OutcomeKind.SUCCESS,
    "@task.skip_if(lambda context: context['task'].task_id == 't')": OutcomeKind.SKIPPED,
    "@task.run_if(lambda context: (False, 'not today'))": OutcomeKind.SKIPPED,
    "@task.run_if(lambda context: True)\n@task.skip_if(lambda context: True)": OutcomeKind.SKIPPED,
    "@task.run_if(lambda context: 1 / 0)": OutcomeKind.FAILED,
}


@pytest.mark.parametrize(("decorators", "kind"), CONDITIONS.items(), ids=list(CONDITIONS))
@pytest.mark.parametrize("call", ["t()", "t.override(retries=1)()", "t.expand(n=[1])"])
def test_a_condition_decides_whether_a_task_runs(bundle: Bundle, decorators: str, kind: OutcomeKind, call: str) -> None:
    dag = declared(bundle, f"{decorators}\n@task\ndef t(n=1): return n\n{call}")
    index = {"map_index": 0} if "expand" in call else {}
    assert bundle.run(dag, "t", **index).kind is kind


def test_the_reason_of_a_skip_is_logged(bundle: Bundle, caplog: pytest.LogCaptureFixture) -> None:
    dag = declared(bundle, "@task.skip_if(lambda context: True, 'a holiday')\n@task.bash\ndef t(): return 'true'\nt()")
    with caplog.at_level("INFO"):
        bundle.run(dag, "t")
    assert "Skipping task: a holiday" in caplog.text


MISTAKES = {
    "BranchDateTimeOperator(task_id='c', target_lower=None, target_upper=None, **WAYS)": "at least one must be given",
    "BranchDateTimeOperator(task_id='c', target_lower='6', target_upper=None, **WAYS)": "task 'c': target_lower must "
    "be a datetime or a time, not '6'",
    "BranchDayOfWeekOperator(task_id='c', week_day='Mon', **WAYS)": "there is no week day 'Mon'; there are Monday,",
    "BranchDayOfWeekOperator(task_id='c', week_day=3, **WAYS)": "week_day must be a name such as 'Monday'",
    "task.run_if(lambda context: True)(print)": "@task.run_if stands above @task: decorate",
    "task.run_if(task(lambda: 1))": "@task.run_if takes a function of the context",
    "task.skip_if(True)": "@task.skip_if takes a function of the context, as @task.skip_if(is_due), not True",
}


@pytest.mark.parametrize(("line", "message"), MISTAKES.items(), ids=list(MISTAKES))
def test_a_mistake_says_what_would_be_right(bundle: Bundle, line: str, message: str) -> None:
    with pytest.raises(AuthorError, match=rf"^flow\.py, line 7, DAG 'x': .*{re.escape(message)}"):
        declared(bundle, line)


def test_an_operator_of_ones_own_branches_by_the_mixin(bundle: Bundle) -> None:
    dag = bundle.one("""
        from airflow.sdk import DAG, BaseOperator, BranchMixIn
        from airflow.providers.standard.operators.empty import EmptyOperator
        class Look(BaseOperator, BranchMixIn):
            def execute(self, context):
                return self.do_branch(context, "fly")
        with DAG("x"):
            Look(task_id="look") >> [EmptyOperator(task_id="fly"), EmptyOperator(task_id="stay")]
    """)
    outcome = bundle.run(dag, "look")
    assert outcome.error is None
    assert outcome.skip_tasks == ("stay",)
