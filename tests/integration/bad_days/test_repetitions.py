"""Ticks that come twice, messages that come three times, commits whose answer is lost: each thing is done once."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest
from bad_day import Standalone, eventually
from google.pubsub_v1 import SubscriberClient
from google.pubsub_v1.services.publisher import PublisherClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport

from localcloud.faults import FaultKind

SCHEDULED = """
from noted import note
from sailplane import DAG, task
import pendulum

@task
def step(ti=None):
    note(ti, f"{ti.dag_id}.{ti.run_id}")

def declare(dag_id, **options):
    with DAG(dag_id, **options):
        step.override(task_id="a")() >> step.override(task_id="b")()

JANUARY = pendulum.datetime(2024, 1, 1)
declare("yearly", schedule="@yearly", start_date=JANUARY, catchup=False)
declare("daily", schedule="@daily", start_date=JANUARY, end_date=JANUARY.add(days=4), catchup=True)
"""
ONCE = [("a", 1), ("b", 1), ("c", 1), ("d", 1)]


def test_ticks_at_once_create_each_due_run_once(start: Callable[..., Standalone], tmp_path: Path) -> None:
    (tmp_path / "dags" / "scheduled.py").write_text(SCHEDULED)
    standalone = start("--no-tick")
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda _: standalone.tick(), range(2)))
    assert [status for status, _report in answers] == [200, 200]
    assert sum(report["runs_created"] for _status, report in answers) == 6
    for dag_id, due in (("yearly", 1), ("daily", 5)):
        created = standalone.get(f"/api/v2/dags/{dag_id}/dagRuns")["dag_runs"]
        assert len(created) == due
        for run in created:
            assert standalone.wait_for_end(dag_id, run["dag_run_id"]) == "success"
            assert standalone.notes.tries(f"{dag_id}.{run['dag_run_id']}") == [("a", 1), ("b", 1)]


class Spy:
    """A second subscription to the workers' queue, and a way to send what it saw once more."""

    def __init__(self, standalone: Standalone) -> None:
        environment = standalone.environment
        self._channel = grpc.insecure_channel(environment["PUBSUB_EMULATOR_HOST"])
        self._subscriber = SubscriberClient(transport=SubscriberGrpcTransport(channel=self._channel))
        self._publisher = PublisherClient(transport=PublisherGrpcTransport(channel=self._channel))
        project = f"projects/{environment['GOOGLE_CLOUD_PROJECT']}"
        self._topic = f"{project}/topics/{environment['SAILPLANE_TOPIC_PREFIX']}-default"
        self._name = f"{project}/subscriptions/spy"
        self._subscriber.create_subscription(name=self._name, topic=self._topic)

    def take(self) -> list[bytes]:
        """The data of the messages that were published since; at least one."""
        answer = self._subscriber.pull(subscription=self._name, max_messages=100, timeout=20)
        self._subscriber.acknowledge(
            subscription=self._name, ack_ids=[received.ack_id for received in answer.received_messages]
        )
        return [received.message.data for received in answer.received_messages]

    def send(self, *data: bytes) -> None:
        self._publisher.publish(topic=self._topic, messages=[{"data": each} for each in data])

    def close(self) -> None:
        self._subscriber.delete_subscription(subscription=self._name)
        self._channel.close()


@pytest.fixture
def spy(standalone: Standalone) -> Iterator[Spy]:
    made = Spy(standalone)
    yield made
    made.close()


def test_a_message_that_comes_three_times_while_its_task_runs_and_twice_after_runs_it_once(
    standalone: Standalone, spy: Spy
) -> None:
    run_id = standalone.trigger("patient")
    (data,) = spy.take()
    standalone.notes.pid(run_id, "long")
    acked = standalone.counted("pubsub.acked")
    spy.send(data, data)
    eventually(lambda: standalone.counted("pubsub.acked") >= acked + 2, "the copies are acknowledged")
    standalone.notes.release(run_id, "long")
    assert standalone.wait_for_end("patient", run_id) == "success"
    acked = standalone.counted("pubsub.acked")
    spy.send(data, data)
    eventually(lambda: standalone.counted("pubsub.acked") >= acked + 2, "the late copies are acknowledged")
    assert standalone.notes.tries(run_id) == [("after", 1), ("before", 1), ("long", 1)]
    assert standalone.run_state("patient", run_id) == "success"


@pytest.mark.parametrize("point", ["pubsub.push", "pubsub.deliver"])
def test_deliveries_that_are_doubled_and_repeated_run_each_task_once(standalone: Standalone, point: str) -> None:
    """Each message is delivered twice at once, and again because its answer was lost."""
    delivered = standalone.counted("pubsub.delivered")
    for _ in range(4):
        standalone.inject(point, FaultKind.LOST_ANSWER)
        standalone.inject(point, FaultKind.DUPLICATE)
    run_id = standalone.trigger("diamond")
    assert standalone.wait_for_end("diamond", run_id) == "success"
    eventually(lambda: standalone.counted("pubsub.delivered") >= delivered + 3, "the message has come three times")
    assert standalone.notes.tries(run_id) == ONCE


@pytest.mark.parametrize("skip", range(6))
def test_a_commit_whose_answer_is_lost_is_known_again(standalone: Standalone, skip: int) -> None:
    """Wherever in the life of a run it happens, from the click that triggers it to its last word."""
    standalone.inject("firestore.Commit", FaultKind.LOST_ANSWER, skip=skip)
    run_id = standalone.trigger("diamond")
    assert standalone.wait_for_end("diamond", run_id) == "success"
    assert standalone.pending_faults() == 0
    assert standalone.notes.tries(run_id) == ONCE
    assert standalone.live_documents() == []


def test_a_run_whose_every_commit_loses_its_answer_ends_all_the_same(standalone: Standalone) -> None:
    for skip in range(40):
        standalone.inject("firestore.Commit", FaultKind.LOST_ANSWER, skip=skip)
    run_id = standalone.trigger("diamond")
    assert standalone.wait_for_end("diamond", run_id) == "success"
    assert standalone.notes.tries(run_id) == ONCE


@pytest.mark.parametrize(
    ("point", "skip"),
    [("pubsub.Publish", 0), ("pubsub.Publish", 1), *(("storage.insert", upload) for upload in range(4))],
)
def test_other_calls_whose_answer_is_lost_are_made_again(standalone: Standalone, point: str, skip: int) -> None:
    standalone.inject(point, FaultKind.LOST_ANSWER, skip=skip)
    run_id = standalone.trigger("diamond")
    assert standalone.wait_for_end("diamond", run_id) == "success"
    eventually(lambda: standalone.pending_faults() == 0, "the answer is lost")
    assert standalone.notes.tries(run_id) == ONCE
    assert "step d" in eventually(lambda: standalone.log("diamond", run_id, "d"), "the log is there")
