"""Firestore does not answer, or late: functions say so in time, messages come again, runs end."""

import base64
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

from bad_day import Standalone, call, eventually

from localcloud.faults import FaultKind
from sailplane.cloud.changes import Create
from sailplane.cloud.committer import Committed
from sailplane.cloud.firestore import Refused
from sailplane.model.ids import RunKey
from sailplane.model.messages import AlarmWave, Message, encode
from sailplane.model.runs import ErrorInfo, TaskInstance
from sailplane.model.states import TaskState

MANY = 1_000_000


def post_message(standalone: Standalone, message: Message) -> int:
    """The worker function's answer to a push, within a time that it would not need if it gave up at its deadline."""
    data = base64.b64encode(encode(message)).decode()
    body = {"message": {"data": data, "messageId": "1", "publishTime": "2026-03-01T12:00:00Z", "attributes": {}}}
    url = f"{standalone.url('worker')}projects/p/topics/t"
    status, _body = call("POST", url, {**body, "subscription": "projects/p/subscriptions/s"}, seconds=20)
    return status


def test_functions_answer_5xx_within_their_deadline_while_firestore_is_away(standalone: Standalone) -> None:
    standalone.inject("firestore.*", FaultKind.ERROR, times=MANY)
    asked = Message(alarms=AlarmWave(runs=(RunKey("diamond", "no_such_run"),)))
    assert post_message(standalone, asked) == 500
    assert standalone.tick()[0] == 500
    status, answer = standalone.ask("GET", "/api/v2/dags")
    assert (status, "Firestore did not answer in time" in str(answer)) == (503, True)
    status, health = standalone.ask("GET", "/api/v2/monitor/health")
    assert (status, health["metadatabase"]["status"]) == (200, "unhealthy")
    standalone.clear_faults()
    assert post_message(standalone, asked) < 300
    assert standalone.tick()[0] == 200


def test_a_task_that_cannot_be_claimed_comes_again_until_it_can(standalone: Standalone) -> None:
    """The click gets through, then nothing does."""
    delivered = standalone.counted("pubsub.delivered")
    standalone.inject("firestore.Commit", FaultKind.ERROR, skip=1, times=MANY)
    run_id = standalone.trigger("diamond")
    eventually(lambda: standalone.counted("pubsub.delivered") >= delivered + 2, "the message has come again")
    standalone.clear_faults()
    assert standalone.wait_for_end("diamond", run_id) == "success"
    assert standalone.notes.tries(run_id) == [("a", 1), ("b", 1), ("c", 1), ("d", 1)]


def test_a_task_that_ends_while_firestore_is_away_for_a_moment_is_not_run_again(standalone: Standalone) -> None:
    run_id = standalone.trigger("patient")
    standalone.notes.pid(run_id, "long")
    standalone.inject("firestore.*", FaultKind.ERROR, times=4)
    standalone.inject("firestore.Commit", FaultKind.LATENCY, seconds=0.5, times=3)
    standalone.notes.release(run_id, "long")
    assert standalone.wait_for_end("patient", run_id) == "success"
    assert standalone.notes.tries(run_id) == [("after", 1), ("before", 1), ("long", 1)]


def test_a_task_that_ends_while_firestore_is_away_for_long_is_tried_again_once_its_lease_is_over(
    standalone: Standalone,
) -> None:
    run_id = standalone.trigger("patient")
    standalone.notes.pid(run_id, "long")
    delivered = standalone.counted("pubsub.delivered")
    standalone.inject("firestore.*", FaultKind.ERROR, times=MANY)
    standalone.notes.release(run_id, "long")
    eventually(lambda: standalone.counted("pubsub.delivered") > delivered, "the message has come again")
    standalone.clear_faults()
    with standalone.ticking():
        assert standalone.wait_for_end("patient", run_id) == "success"
    assert standalone.notes.tries(run_id) == [("after", 1), ("before", 1), ("long", 1), ("long", 2)]
    assert standalone.live_documents() == []


def test_answers_that_come_later_than_the_deadline_are_known_again(standalone: Standalone) -> None:
    standalone.inject("firestore.Commit", FaultKind.LATENCY, seconds=2.5, skip=3)
    run_id = standalone.trigger("diamond")
    with standalone.ticking():
        assert standalone.wait_for_end("diamond", run_id) == "success"
    assert standalone.notes.repeated(run_id) == {}


def test_a_commit_that_is_refused_does_not_take_along_those_that_it_was_grouped_with(standalone: Standalone) -> None:
    def record(task_id: str, message: str) -> Create:
        error = ErrorInfo(kind="E", message=message)
        now = datetime.now(UTC)
        run = RunKey("diamond", "no_such_run")
        return Create(TaskInstance(run=run, task_id=task_id, state=TaskState.SKIPPED, ended_at=now, error=error))

    store = standalone.cloud.store
    commits = standalone.counted("firestore.commits")
    standalone.inject("firestore.Commit", FaultKind.LATENCY, seconds=1.0)
    began = threading.Barrier(4, timeout=10)

    def commit(change: Create, *, is_first: bool = False) -> object:
        if not is_first:
            began.wait()
        try:
            return store.commit([change])
        except Refused as error:
            return error

    with ThreadPoolExecutor(4) as pool:
        first = pool.submit(commit, record("first", ""), is_first=True)
        eventually(lambda: standalone.pending_faults() == 0, "the first commit is under way")
        later = [
            pool.submit(commit, record(name, text)) for name, text in (("x", ""), ("huge", "m" * 2_000_000), ("y", ""))
        ]
        began.wait()
        results = [one.result(20) for one in (first, *later)]
    assert [type(result) for result in results] == [Committed, Committed, Refused, Committed]
    assert standalone.counted("firestore.commits") - commits == 3
