from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from small_dags import task

from sailplane.model.ids import RunKey
from sailplane.model.runs import TaskInstance
from sailplane.model.states import LIVE, TERMINAL, TaskState
from sailplane.planner.alarms import Action, answer, heartbeat, queued_alarm

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
LOAD = task("load", retries=2, retry_delay=timedelta(minutes=5))


def instance(state: TaskState, **fields: Any) -> TaskInstance:
    defaults: dict[str, Any] = {"alarm_at": NOON, "max_tries": 3}
    return TaskInstance(run=RunKey("sales", "r1"), task_id="load", state=state, **(defaults | fields))


@pytest.mark.parametrize(("alarms", "seconds"), [(0, 30), (1, 60), (2, 120), (4, 480), (5, 600), (10_000, 600)])
def test_waits_of_a_queued_task_instance_double_up_to_ten_minutes(alarms: int, seconds: int) -> None:
    assert queued_alarm(alarms) == timedelta(seconds=seconds)


def test_a_queued_task_instance_is_published_again_and_waited_for_longer() -> None:
    found = answer(instance(TaskState.QUEUED, alarms=1), LOAD, NOON)
    assert (found.action, found.at) == (Action.PUBLISH_AGAIN, NOON + timedelta(seconds=120))
    assert found.reason == "no worker claimed it; published again for the 2nd time"


def test_a_lost_lease_is_retried_after_the_delay() -> None:
    found = answer(instance(TaskState.RUNNING, try_number=2), LOAD, NOON)
    assert (found.action, found.at) == (Action.RETRY, NOON + timedelta(minutes=5))


def test_a_lost_lease_of_the_last_try_fails_it() -> None:
    found = answer(instance(TaskState.RUNNING, try_number=3), LOAD, NOON)
    assert (found.action, found.at) == (Action.FAIL, None)
    assert "worker was lost" in found.reason


def test_a_lost_lease_is_answered_without_the_dag_too() -> None:
    assert answer(instance(TaskState.RUNNING), None, NOON).action is Action.RETRY
    assert answer(instance(TaskState.RUNNING, max_tries=1), None, NOON).action is Action.FAIL


@pytest.mark.parametrize("state", sorted(LIVE - {TaskState.QUEUED, TaskState.RUNNING, TaskState.RESTARTING}))
def test_whatever_else_waits_is_queued(state: TaskState) -> None:
    assert answer(instance(state), LOAD, NOON).action is Action.QUEUE


def test_what_was_cleared_while_it_ran_begins_anew_when_its_lease_is_over() -> None:
    assert answer(instance(TaskState.RESTARTING), LOAD, NOON).action is Action.RESTART


@pytest.mark.parametrize("state", sorted(TERMINAL | {TaskState.NONE}))
def test_what_has_ended_is_left(state: TaskState) -> None:
    assert answer(instance(state), LOAD, NOON).action is Action.LEAVE


@pytest.mark.parametrize("alarm_at", [None, NOON + timedelta(seconds=1)])
def test_an_alarm_that_was_moved_is_left(alarm_at: datetime | None) -> None:
    assert answer(instance(TaskState.RUNNING, alarm_at=alarm_at), LOAD, NOON).action is Action.LEAVE


@pytest.mark.parametrize(("alarms", "word"), [(0, "1st"), (2, "3rd"), (3, "4th"), (10, "11th"), (21, "22nd")])
def test_the_reason_counts_in_words_that_people_use(alarms: int, word: str) -> None:
    assert f"for the {word} time" in answer(instance(TaskState.QUEUED, alarms=alarms), LOAD, NOON).reason


def test_two_heartbeats_may_be_lost_before_the_lease_is() -> None:
    lease = timedelta(seconds=60)
    assert 2 * heartbeat(lease) < lease <= 3 * heartbeat(lease)
