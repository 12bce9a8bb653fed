"""Tasks that wait."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from authored_bundle import Bundle

from sailplane.authoring.dag import DAG
from sailplane.model.execution import OutcomeKind
from sailplane.sensors.base import BaseSensorOperator

DAG_FILE = """
from datetime import timedelta
from sailplane import DAG, BaseSensorOperator, PokeReturnValue, AirflowSkipException, AirflowFailException
answers = {answers}
class Wait(BaseSensorOperator):
    def poke(self, context):
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, Exception): raise answer
        return answer
with DAG("x"):
    Wait(task_id="wait", poke_interval=0, {options})
"""


def wait(bundle: Bundle, answers: str, options: str = "", **job: Any) -> Any:
    return bundle.run(bundle.one(DAG_FILE.format(answers=answers, options=options)), "wait", **job)


@pytest.mark.parametrize(
    ("answers", "options", "kind", "error"),
    [
        ("[True]", "", OutcomeKind.SUCCESS, None),
        ("[False, False, True]", "", OutcomeKind.SUCCESS, None),
        ("[False]", "timeout=0", OutcomeKind.FAILED_FOR_GOOD, "AirflowSensorTimeout"),
        ("[False]", "timeout=0, soft_fail=True", OutcomeKind.SKIPPED, None),
        ("[ValueError(1)]", "", OutcomeKind.FAILED, "ValueError"),
        ("[ValueError(1), True]", "silent_fail=True", OutcomeKind.SUCCESS, None),
        ("[ValueError(1), True]", "never_fail=True", OutcomeKind.SKIPPED, None),
        ("[ValueError(1), True]", "soft_fail=True", OutcomeKind.FAILED, "ValueError"),
        ("[AirflowFailException('x')]", "soft_fail=True", OutcomeKind.SKIPPED, None),
        ("[AirflowFailException('x')]", "", OutcomeKind.FAILED_FOR_GOOD, "AirflowFailException"),
        ("[AirflowSkipException('x')]", "silent_fail=True", OutcomeKind.SKIPPED, None),
        ("[False]", "mode='reschedule'", OutcomeKind.RESCHEDULE, None),
        ("[True]", "mode='reschedule'", OutcomeKind.SUCCESS, None),
    ],
)
def test_how_a_wait_ends(bundle: Bundle, answers: str, options: str, kind: OutcomeKind, error: str | None) -> None:
    outcome = wait(bundle, answers, options)
    assert outcome.kind is kind
    assert (outcome.error.kind if outcome.error else None) == error


def test_a_rescheduled_sensor_says_when_it_wants_to_poke_again(bundle: Bundle) -> None:
    before = datetime.now(UTC)
    dag = bundle.one(
        DAG_FILE.format(answers="[False]", options="mode='reschedule'").replace("poke_interval=0", "poke_interval=90")
    )
    outcome = bundle.run(dag, "wait")
    assert outcome.resume_at is not None
    assert before + timedelta(seconds=90) <= outcome.resume_at <= datetime.now(UTC) + timedelta(seconds=90)
    assert outcome.waits_for == ()


def test_a_rescheduled_sensors_timeout_counts_from_its_first_poke(bundle: Bundle) -> None:
    options = "mode='reschedule', timeout=timedelta(minutes=5)"
    first = datetime.now(UTC) - timedelta(minutes=4)
    assert wait(bundle, "[False]", options, rescheduled_since=first).kind is OutcomeKind.RESCHEDULE
    outcome = wait(bundle, "[False]", options, rescheduled_since=first - timedelta(minutes=2))
    assert outcome.kind is OutcomeKind.FAILED_FOR_GOOD
    assert outcome.error.message.startswith("the sensor has waited 360.")
    assert outcome.error.message.endswith("s, longer than its timeout of 300 s")


@pytest.mark.parametrize(
    ("answer", "xcom"), [("PokeReturnValue(True, {'n': 1})", {"return_value": '{"n":1}'}), ("True", {})]
)
def test_a_poke_may_return_a_value(bundle: Bundle, answer: str, xcom: dict[str, str]) -> None:
    assert wait(bundle, f"[PokeReturnValue(False), {answer}]").xcoms == xcom


def test_a_function_may_be_a_sensor(bundle: Bundle) -> None:
    dag = bundle.one("""
        from sailplane import DAG, task, PokeReturnValue, PythonSensor
        with DAG("x"):
            @task.sensor(poke_interval=0, mode="poke")
            def ready(n, ds=None): return PokeReturnValue(is_done=n == 3, xcom_value=ds)
            @task
            def use(day): return day
            use(ready(3))
            PythonSensor(task_id="classic", python_callable=lambda ds, n: n and ds, op_kwargs={"n": "1"})
        """)
    assert bundle.value(dag, "ready") == "2024-05-01"
    assert dag.get_task("use").upstream_task_ids == {"ready"}
    assert bundle.run(dag, "classic").kind is OutcomeKind.SUCCESS


def sensor(**options: Any) -> BaseSensorOperator:
    return BaseSensorOperator(task_id="s", dag=DAG("x"), **options)


START = datetime(2024, 1, 1, tzinfo=UTC)


def test_the_waits_of_a_backoff_double_within_a_spread() -> None:
    waits = [sensor(poke_interval=8, exponential_backoff=True).next_wait(n, 0, START) for n in range(2, 8)]
    for n, seconds in enumerate(waits):
        assert 8 * 2**n <= seconds < 8 * 2 ** (n + 1)


def test_the_longest_wait_bounds_a_backoff() -> None:
    bounded = sensor(poke_interval=8, exponential_backoff=True, max_wait=timedelta(seconds=20))
    assert bounded.next_wait(30, 0, START) == 20


def test_no_wait_of_a_backoff_reaches_beyond_the_timeout() -> None:
    assert sensor(poke_interval=60, exponential_backoff=True, timeout=100).next_wait(9, 90, START) == 10


def test_a_rescheduled_backoff_grows_with_the_time_that_has_passed() -> None:
    waiting = sensor(poke_interval=10, exponential_backoff=True, mode="reschedule")
    waits = [waiting.next_wait(1, elapsed, START) for elapsed in (0, 100, 1000, 10000)]
    assert waits == sorted(waits)
    assert (waits[0] < 20, waits[-1] > 500) == (True, True)


def test_the_defaults_are_airflows() -> None:
    plain = sensor()
    assert (plain.poke_interval, plain.timeout, plain.mode) == (60, 7 * 24 * 3600, "poke")


def test_a_sensor_on_a_bucket_may_be_woken_by_its_notification() -> None:
    from sailplane.sensors.gcs import GCSObjectExistenceSensor

    waiting = GCSObjectExistenceSensor(task_id="s", bucket="b", object="a/b.csv", mode="reschedule", dag=DAG("x"))
    assert waiting.waits_for == ("gs://b/a/b.csv",)
