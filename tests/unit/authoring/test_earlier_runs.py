"""What a task can learn of earlier runs: facts of the last success, previous runs and instances, XComs of before."""

from datetime import UTC, datetime

import pytest
from authored_bundle import LOGICAL_DATE, Bundle

from sailplane.model import xcom
from sailplane.model.execution import XComRef
from sailplane.model.other_runs import InstanceFacts, RunAnswer, RunFacts, RunQuery
from sailplane.model.states import RunState, RunType, TaskState

BEFORE = RunFacts(
    run_id="yesterday",
    state=RunState.SUCCESS,
    run_type=RunType.SCHEDULED,
    logical_date=datetime(2024, 4, 30, tzinfo=UTC),
    run_after=datetime(2024, 5, 1, tzinfo=UTC),
    data_interval_start=datetime(2024, 4, 30, tzinfo=UTC),
    data_interval_end=datetime(2024, 5, 1, tzinfo=UTC),
    started_at=datetime(2024, 5, 1, 0, 1, tzinfo=UTC),
    ended_at=datetime(2024, 5, 1, 0, 9, tzinfo=UTC),
    conf={"wind": 5},
    triggered_by="timetable",
    instance=InstanceFacts(
        state=TaskState.FAILED,
        try_number=2,
        started_at=datetime(2024, 5, 1, 0, 2, tzinfo=UTC),
        ended_at=datetime(2024, 5, 1, 0, 3, tzinfo=UTC),
    ),
)
FLOW = """
from sailplane import DAG, BashOperator, get_current_context, task
with DAG("x"):
    @task
    def f({parameters}):
        {body}
    f()
"""


def value(bundle: Bundle, body: str, parameters: str = "", *, found: bool = True, **job: object) -> object:
    bundle.services.answers = [RunAnswer(runs=(BEFORE,) if found else ())]
    return bundle.value(bundle.one(FLOW.format(parameters=parameters, body=body)), "f", **job)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("prev_data_interval_start_success", "2024-04-30T00:00:00+00:00"),
        ("prev_data_interval_end_success", "2024-05-01T00:00:00+00:00"),
        ("prev_start_date_success", "2024-05-01T00:01:00+00:00"),
        ("prev_end_date_success", "2024-05-01T00:09:00+00:00"),
    ],
)
@pytest.mark.parametrize("way", ["asked by name", "of the context", "of all keywords", "in a template"])
def test_facts_of_the_run_that_succeeded_last(bundle: Bundle, name: str, expected: str, way: str) -> None:
    found = {
        "asked by name": lambda: value(bundle, f"return {name}.isoformat()", f"{name}=None"),
        "of the context": lambda: value(bundle, f"return get_current_context()['{name}'].isoformat()"),
        "of all keywords": lambda: value(bundle, f"return context['{name}'].isoformat()", "**context"),
        "in a template": lambda: rendered(bundle, f"{{{{ {name}.isoformat() }}}}"),
    }[way]()
    assert found == expected
    (query,) = bundle.services.queries
    assert query == RunQuery(dag_id="x", before=LOGICAL_DATE, run_states=(RunState.SUCCESS,))


def rendered(bundle: Bundle, template: str, *, found: bool = True) -> object:
    bundle.services.answers = [RunAnswer(runs=(BEFORE,) if found else ())]
    dag = bundle.one(f"""
        from sailplane import DAG, BashOperator
        with DAG("x"):
            BashOperator(task_id="f", bash_command="echo '{template}'")
    """)
    return bundle.value(dag, "f")


def test_nothing_is_asked_as_long_as_nobody_uses_them(bundle: Bundle) -> None:
    value(bundle, "return sorted(context)[0]", "**context")
    assert bundle.services.queries == []


def test_without_an_earlier_success_they_are_nothing(bundle: Bundle) -> None:
    assert value(bundle, "return prev_start_date_success is None", "prev_start_date_success=None", found=False) is True
    assert rendered(bundle, "{{ prev_start_date_success is none }} {{ prev_end_date_success | ds }}", found=False) == (
        "True None"
    )


def test_they_compare_and_subtract_like_dates(bundle: Bundle) -> None:
    text = FLOW.format(
        parameters="**context",
        body="""
        start, end = context['prev_start_date_success'], context['prev_end_date_success']
        logical_date = context['logical_date']
        return [(end - start).seconds, start < end, end > logical_date, f'{start:%d}', isinstance(start, datetime),
                (logical_date - start).seconds, bool(start), start.day, hash(start) == hash(start + timedelta())]
        """,
    ).replace("from sailplane", "from datetime import datetime, timedelta\nfrom sailplane", 1)
    bundle.services.answers = [RunAnswer(runs=(BEFORE,))]
    found = bundle.value(bundle.one(text), "f")
    assert found == [480, True, False, "01", True, 21540, True, 1, True]


def test_a_fact_that_is_returned_is_stored_as_the_date_that_it_is(bundle: Bundle) -> None:
    assert value(bundle, "return context['prev_end_date_success']", "**context") == BEFORE.ended_at


def test_the_interval_facts_exist_without_a_date_too_and_are_nothing(bundle: Bundle) -> None:
    body = "return [prev_data_interval_start_success, prev_start_date_success]"
    parameters = "prev_data_interval_start_success=None, prev_start_date_success=None"
    dates = {"logical_date": None, "data_interval_start": None, "data_interval_end": None}
    assert value(bundle, body, parameters, **dates) == [None, None]


def test_the_previous_run_and_the_previous_one_in_a_state(bundle: Bundle) -> None:
    body = "run = ti.get_previous_dagrun(state='success'); return [run.run_id, run.conf, str(run.state), run.end_date]"
    assert value(bundle, body, "ti=None") == ["yesterday", {"wind": 5}, "success", BEFORE.ended_at]
    assert value(bundle, "return ti.get_previous_dagrun() is None", "ti=None", found=False) is True


def test_the_previous_instance_of_the_task(bundle: Bundle) -> None:
    body = "was = ti.get_previous_ti(state='failed'); return [was.run_id, was.state, was.try_number, was.duration]"
    assert value(bundle, body, "ti=None") == ["yesterday", "failed", 2, 60.0]
    (query,) = bundle.services.queries
    assert (query.instance, query.instance_states) == ("f:-1", (TaskState.FAILED,))


def test_an_xcom_of_an_earlier_run_is_asked_for_only_with_include_prior_dates(bundle: Bundle) -> None:
    prior = XComRef(task_id="f", include_prior=True)
    bundle.services.xcoms[prior] = xcom.dumps("from before")
    assert value(bundle, "return ti.xcom_pull(include_prior_dates=True)", "ti=None") == "from before"
    assert value(bundle, "return ti.xcom_pull()", "ti=None") is None


def test_all_runs_of_a_dag_are_counted_when_none_is_named(bundle: Bundle) -> None:
    assert value(bundle, "return ti.get_dr_count('other', states=['success'])", "ti=None") == 1
    assert bundle.services.queries[0].takes_all


def test_who_started_the_run_is_asked_once_and_only_when_somebody_wants_to_know(bundle: Bundle) -> None:
    own = RunFacts(run_id="own", state=RunState.RUNNING, triggering_user="ada", note="mind the wind")
    bundle.services.answers = [RunAnswer(runs=(own,))]
    body = "return [dag_run.triggering_user_name, dag_run.note, dag_run.clear_number, dag_run.partition_key]"
    found = bundle.value(bundle.one(FLOW.format(parameters="dag_run=None", body=body)), "f")
    assert found == ["ada", "mind the wind", 0, None]
    assert bundle.services.queries == [RunQuery(dag_id="x", run_ids=("scheduled__2024-05-01",))]
