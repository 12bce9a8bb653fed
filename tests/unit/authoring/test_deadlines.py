"""Deadlines as DAG files write them, and what their callbacks are called with."""

import logging
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from authored_bundle import Bundle

from sailplane import (
    DAG,
    AsyncCallback,
    BaseDeadlineReference,
    DeadlineAlert,
    DeadlineReference,
    EmptyOperator,
    SyncCallback,
    VariableInterval,
    deadline_reference,
)
from sailplane.authoring.dag import DAG as DagClass
from sailplane.authoring.serialization import serialize
from sailplane.model.deadlines import AboutDeadline, ReferenceKind, SerializedDeadline
from sailplane.model.execution import Outcome, OutcomeKind
from sailplane.model.runs import ErrorInfo
from sailplane.model.states import RunState

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
QUEUED = DeadlineReference.DAGRUN_QUEUED_AT


def plain() -> None: ...


async def waited() -> None: ...


def alert(reference: BaseDeadlineReference = QUEUED, interval: Any = HOUR) -> DeadlineAlert:
    return DeadlineAlert(reference, interval, SyncCallback(plain))


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        (alert(), SerializedDeadline(reference=ReferenceKind.QUEUED_AT, interval=HOUR)),
        (
            alert(DeadlineReference.DAGRUN_LOGICAL_DATE),
            SerializedDeadline(reference=ReferenceKind.LOGICAL_DATE, interval=HOUR),
        ),
        (
            alert(DeadlineReference.FIXED_DATETIME(datetime(2026, 3, 1, 1, tzinfo=timezone(HOUR)))),
            SerializedDeadline(reference=ReferenceKind.FIXED, fixed_at=datetime(2026, 3, 1, tzinfo=UTC), interval=HOUR),
        ),
        (
            alert(DeadlineReference.AVERAGE_RUNTIME()),
            SerializedDeadline(reference=ReferenceKind.AVERAGE_RUNTIME, max_runs=10, min_runs=10, interval=HOUR),
        ),
        (
            alert(DeadlineReference.AVERAGE_RUNTIME(max_runs=5, min_runs=2), VariableInterval("patience")),
            SerializedDeadline(
                reference=ReferenceKind.AVERAGE_RUNTIME, max_runs=5, min_runs=2, interval_variable="patience"
            ),
        ),
    ],
)
def test_a_deadline_is_part_of_the_dags_version(given: DeadlineAlert, stored: SerializedDeadline) -> None:
    with DAG("flow", deadline=given) as dag:
        EmptyOperator(task_id="a")
    assert serialize(dag, "flow.py").deadlines == (stored,)


def test_deadlines_of_the_dag_come_first_then_those_of_tasks_and_groups(bundle: Bundle) -> None:
    dag = bundle.one("""
        from datetime import timedelta
        from sailplane import DAG, DeadlineAlert, DeadlineReference, EmptyOperator, SyncCallback, TaskGroup

        def call(): ...

        def after(minutes):
            return DeadlineAlert(
                DeadlineReference.DAGRUN_QUEUED_AT, timedelta(minutes=minutes), SyncCallback(call), name=str(minutes)
            )

        with DAG("flow", deadline=[after(1), after(2)]):
            with TaskGroup("g", deadline=after(4)):
                EmptyOperator(task_id="b", deadline=[after(3)])
    """)
    found = [(each.name, each.task_id, each.group_id) for each in serialize(dag, "flow.py").deadlines]
    assert found == [("1", None, None), ("2", None, None), ("3", "g.b", None), ("4", None, "g")]


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: DAG("x", deadline=3), TypeError, "DAG 'x': deadline must be a DeadlineAlert or a list of them, not 3"),
        (lambda: DeadlineAlert(QUEUED, HOUR, plain), ValueError, "Callbacks of type function are not"),  # type: ignore[arg-type]
        (lambda: DeadlineAlert("queued", HOUR, SyncCallback(plain)), TypeError, "must be a DeadlineReference"),  # type: ignore[arg-type]
        (lambda: alert(interval=3), TypeError, "interval must be a timedelta or a VariableInterval, not 3"),
        (lambda: AsyncCallback(plain), AttributeError, "is not awaitable"),
        (lambda: SyncCallback("no path"), ImportError, "doesn't look like a valid dot path"),
        (lambda: SyncCallback(plain, {"context": 1}), ValueError, "context is a reserved kwarg"),
        (lambda: DeadlineReference.AVERAGE_RUNTIME(3, 0), ValueError, "min_runs must be at least 1"),
    ],
)
def test_a_deadline_that_makes_no_sense_is_refused(make: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make()


def test_deadlines_and_callbacks_are_equal_when_they_say_the_same() -> None:
    assert alert() == alert()
    assert alert() != alert(interval=2 * HOUR)
    assert SyncCallback(plain) != AsyncCallback(waited)
    assert len({alert(), alert(), alert(DeadlineReference.DAGRUN_LOGICAL_DATE)}) == 2
    assert SyncCallback("a.b", {"c": 1}) == SyncCallback(" a.b ", {"c": 1})


def test_a_registered_reference_is_one_of_deadline_reference() -> None:
    @deadline_reference(DeadlineReference.TYPES.DAGRUN_QUEUED)
    class Mine(BaseDeadlineReference): ...

    try:
        assert DeadlineReference.Mine == Mine()  # type: ignore[attr-defined]
        with pytest.raises(ValueError, match="int must inherit from BaseDeadlineReference"):
            deadline_reference(int)
    finally:
        del DeadlineReference.Mine  # type: ignore[attr-defined]


CUSTOM = """
    from datetime import datetime, timedelta
    from sailplane import BaseDeadlineReference, DAG, DeadlineAlert, EmptyOperator, SyncCallback, VariableInterval

    class Mine(BaseDeadlineReference):
        required_kwargs = {{"dag_id", "run_id"}}

        def _evaluate_with(self, *, session, dag_id, run_id):
            assert (session, dag_id, run_id) == (None, "flow", "r1")
            return {returned}

    with DAG("flow", deadline=DeadlineAlert(Mine(), {interval}, SyncCallback("os.getcwd"))):
        EmptyOperator(task_id="a")
"""


def asked(bundle: Bundle, returned: str, interval: str = "timedelta(hours=1)", **about: Any) -> Outcome:
    dag = bundle.one(CUSTOM.format(returned=returned, interval=interval))
    told = AboutDeadline(**{"number": 0, "is_missed": False, **about})
    return bundle.run(dag, "a", job_task_id="~deadline-0", run_id="r1", about_deadline=told)


def test_a_reference_of_ones_own_says_when_the_alarm_is_to_ring(bundle: Bundle) -> None:
    bundle.services.variables["patience"] = "90"
    for interval, after in (("timedelta(hours=1)", HOUR), ("VariableInterval('patience')", timedelta(seconds=90))):
        outcome = asked(bundle, "datetime(2026, 3, 1, 12)", interval)
        assert (outcome.kind, outcome.resume_at) == (OutcomeKind.DEFERRED, NOW + after)
        assert outcome.resumption is not None
        assert outcome.resumption.timeout_at == NOW + after


def test_a_reference_of_ones_own_may_know_of_no_deadline(bundle: Bundle) -> None:
    assert asked(bundle, "None") == Outcome(kind=OutcomeKind.SUCCESS)


def test_what_a_reference_of_ones_own_returns_must_be_a_moment(bundle: Bundle) -> None:
    outcome = asked(bundle, "3")
    assert outcome.kind is OutcomeKind.FAILED
    assert outcome.error == ErrorInfo(
        kind="TypeError", message="Mine._evaluate_with() must return a datetime or None, not 3"
    )


def test_the_callback_is_told_of_the_run_as_the_api_shows_it(
    bundle: Bundle, capsys: pytest.CaptureFixture[str]
) -> None:
    dag: DagClass = bundle.one("""
        from datetime import timedelta
        from sailplane import DAG, DeadlineAlert, DeadlineReference, EmptyOperator, SyncCallback

        def call(context, **others):
            run = context["dag_run"]
            print(run["state"], run["queued_at"].hour, run["conf"], run["triggering_user_name"], others)
            print(context["deadline"]["deadline_time"].hour, context["deadline"]["name"], context["run_id"])

        alert = DeadlineAlert(
            DeadlineReference.DAGRUN_QUEUED_AT, timedelta(hours=1), SyncCallback(call, {"to": "ada"}), name="first"
        )
        with DAG("flow", deadline=alert):
            EmptyOperator(task_id="a")
    """)
    about = AboutDeadline(
        number=0, is_missed=True, at=NOW, state=RunState.FAILED, queued_at=NOW - HOUR, triggering_user="bob"
    )
    job = {"job_task_id": "~deadline-0", "run_id": "r1", "conf": {"n": 1}, "about_deadline": about}
    assert bundle.run(dag, "a", **job) == Outcome(kind=OutcomeKind.SUCCESS)
    assert capsys.readouterr().out == "failed 11 {'n': 1} bob {'to': 'ada'}\n12 first r1\n"


def test_a_mapped_task_may_have_a_deadline(bundle: Bundle) -> None:
    dag = bundle.one("""
        from datetime import timedelta
        from sailplane import BashOperator, DAG, DeadlineAlert, DeadlineReference, SyncCallback

        alert = DeadlineAlert(DeadlineReference.DAGRUN_QUEUED_AT, timedelta(hours=1), SyncCallback("os.getcwd"))
        with DAG("flow"):
            BashOperator.partial(task_id="each", deadline=alert).expand(bash_command=["true", "false"])
    """)
    assert [each.task_id for each in serialize(dag, "flow.py").deadlines] == ["each"]


def test_a_callback_that_raises_is_logged_and_that_is_all(bundle: Bundle, caplog: pytest.LogCaptureFixture) -> None:
    dag = bundle.one("""
        from datetime import timedelta
        from sailplane import DAG, DeadlineAlert, DeadlineReference, EmptyOperator, SyncCallback

        alert = DeadlineAlert(DeadlineReference.DAGRUN_QUEUED_AT, timedelta(hours=1), SyncCallback("nowhere.to_be"))
        with DAG("flow", deadline=alert):
            EmptyOperator(task_id="a")
    """)
    about = AboutDeadline(number=0, is_missed=True, at=NOW)
    with caplog.at_level(logging.ERROR):
        outcome = bundle.run(dag, "a", job_task_id="~deadline-0", about_deadline=about)
    assert outcome == Outcome(kind=OutcomeKind.SUCCESS)
    assert "deadline 0 failed" in caplog.text
