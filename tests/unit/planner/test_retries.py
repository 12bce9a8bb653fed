"""Retries; the delays are compared with Airflow's own (tests/oracle/record_retry_delays.py)."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from small_dags import task

from sailplane.model.states import TaskState
from sailplane.planner.retries import LONGEST_DELAY, Failure, RetryDecision, decide, retry_delay

RECORDED = json.loads((Path(__file__).parents[2] / "oracle" / "retry_delays.json").read_text())
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def decided(failure: Failure = Failure.ORDINARY, *, try_number: int = 1, **more: Any) -> RetryDecision:
    return decide(
        task("load", retries=2, retry_delay=timedelta(minutes=5)),
        dag_id="sales",
        logical_date=None,
        try_number=try_number,
        max_tries=3,
        failure=failure,
        ended_at=NOON,
        **more,
    )


def test_delays_are_airflows_to_the_second() -> None:
    for delay, factor, longest, dag_id, task_id, date, try_number, seconds in RECORDED["delays"]:
        of = task(
            task_id,
            retry_delay=timedelta(seconds=delay),
            retry_exponential_backoff=factor,
            max_retry_delay=timedelta(seconds=longest),
        )
        logical_date = datetime.fromisoformat(date) if date else None
        found = retry_delay(of, dag_id=dag_id, logical_date=logical_date, try_number=try_number)
        assert found.total_seconds() == seconds, (delay, factor, longest, dag_id, task_id, date, try_number)


@pytest.mark.parametrize("failure", [Failure.ORDINARY, Failure.TIMEOUT, Failure.WORKER_LOST])
def test_a_failed_try_is_retried_after_the_delay(failure: Failure) -> None:
    decision = decided(failure)
    assert (decision.state, decision.at) == (TaskState.UP_FOR_RETRY, NOON + timedelta(minutes=5))
    assert decision.reason == f"{failure.value}; try 2 of 3 is due after 0:05:00"


def test_the_last_try_is_not_retried() -> None:
    decision = decided(try_number=3)
    assert (decision.state, decision.at) == (TaskState.FAILED, None)
    assert decision.reason == "the try failed; that was try 3 of 3"


def test_a_failure_for_good_is_not_retried() -> None:
    assert decided(Failure.FOR_GOOD).state is TaskState.FAILED


def test_a_delay_that_the_try_asked_for_comes_first() -> None:
    assert decided(retry_after=timedelta(seconds=7)).at == NOON + timedelta(seconds=7)


def test_no_delay_grows_beyond_a_day() -> None:
    of = task("load", retry_exponential_backoff=10.0, max_retry_delay=timedelta(days=90))
    assert retry_delay(of, dag_id="sales", logical_date=None, try_number=50) == LONGEST_DELAY
