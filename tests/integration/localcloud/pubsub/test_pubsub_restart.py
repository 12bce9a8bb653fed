"""What outlives the process."""

import contextlib
import os
import queue
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from google.api_core import exceptions
from pubsub_actors import Clients, Endpoint, Loop, Mail, data_of

import localcloud
from localcloud.counters import Counters
from localcloud.faults import Faults
from localcloud.pubsub import PubSubService

SERVER = Path(__file__).with_name("pubsub_process.py")


class Process:
    """A service in a process of its own, to be killed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.port = 0
        self.start()

    def start(self) -> None:
        command = [sys.executable, str(SERVER), str(self._path), str(self.port)]
        environment = os.environ | {"PYTHONPATH": str(Path(localcloud.__file__).parents[1])}
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())

    def kill(self) -> None:
        """`kill -9`."""
        self._process.kill()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()


@pytest.fixture
def process(tmp_path: Path) -> Iterator[Process]:
    made = Process(tmp_path / "pubsub.db")
    yield made
    made.kill()


def test_kill_9_loses_no_message_and_no_ack(process: Process, endpoint: Endpoint) -> None:
    clients = Clients(process.port)
    mail = Mail(None, clients.publisher, clients.subscriber)  # type: ignore[arg-type]
    topic, subscription = mail.pair(labels={"a": "1"})
    mail.publish(topic, *[b"%d" % number for number in range(100)])
    received = mail.pull(subscription, 60)
    mail.ack(subscription, received[:50])
    process.kill()
    process.start()
    left = sorted(int(data) for data in data_of(mail.pull(subscription, 50)))
    assert left == list(range(50, 100))
    assert mail.peek(subscription) == []
    assert mail.subscriber.get_subscription(subscription=subscription).labels == {"a": "1"}
    clients.close()


def test_kill_9_in_the_middle_of_publishing_loses_nothing_that_was_answered(process: Process) -> None:
    clients = Clients(process.port)
    mail = Mail(None, clients.publisher, clients.subscriber)  # type: ignore[arg-type]
    topic, subscription = mail.pair()
    answered: list[str] = []

    def publish() -> None:
        with contextlib.suppress(exceptions.ServiceUnavailable):
            while True:
                messages = [{"data": b"x"}] * 3
                answered.extend(clients.publisher.plain.publish(topic=topic, messages=messages, retry=None).message_ids)

    with ThreadPoolExecutor(3) as pool:
        running = [pool.submit(publish) for _ in range(3)]
        while len(answered) < 300:
            time.sleep(0.001)
        process.kill()
        for one in running:
            one.result(20)
    process.start()
    found: set[str] = set()
    while not set(answered) <= found:
        found |= {one.message.message_id for one in mail.peek(subscription, 1000)}
    clients.close()


def test_what_was_being_pushed_when_the_process_died_is_pushed_again(process: Process, endpoint: Endpoint) -> None:
    clients = Clients(process.port)
    mail = Mail(None, clients.publisher, clients.subscriber)  # type: ignore[arg-type]
    topic = mail.topic()
    backoff = {"minimum_backoff": {"seconds": 600}, "maximum_backoff": {"seconds": 600}}
    mail.subscription(topic, push_config={"push_endpoint": endpoint.url}, retry_policy=backoff)
    endpoint.statuses = [500]
    [message_id] = mail.publish(topic, b"x")
    endpoint.wait_for(1)
    process.kill()
    process.start()
    assert [push.message_id for push in endpoint.wait_for(2)] == [message_id] * 2
    clients.close()


def test_a_restart_keeps_attempts_snapshots_and_acks_of_leases_from_before(own_mail: Callable[..., Mail]) -> None:
    mail = own_mail()
    letters = mail.topic()
    policy = {"dead_letter_topic": letters, "max_delivery_attempts": 5}
    topic, subscription = mail.pair(dead_letter_policy=policy)
    snapshot = mail.name("snapshots")
    mail.subscriber.create_snapshot(name=snapshot, subscription=subscription)
    mail.publish(topic, b"1", b"2")
    for _ in range(2):
        mail.nack(subscription, mail.pull(subscription, 2))
    leased = mail.pull(subscription, 2)
    assert [one.delivery_attempt for one in leased] == [3, 3]
    mail.server.stop()
    mail.server.start()
    mail.ack(subscription, leased[:1])
    again = mail.pull(subscription)
    assert data_of(again) == data_of(leased[1:])
    assert again[0].delivery_attempt == 3
    mail.subscriber.seek(request={"subscription": subscription, "snapshot": snapshot})
    assert data_of(mail.pull(subscription, 2)) == [b"1", b"2"]


def test_message_ids_are_not_used_again_after_a_restart(own_mail: Callable[..., Mail]) -> None:
    mail = own_mail()
    topic, _ = mail.pair()
    before = mail.publish(topic, b"1")
    mail.server.stop()
    mail.server.start()
    assert int(mail.publish(topic, b"2")[0]) > int(before[0])


def test_two_services_cannot_share_a_file(own_mail: Callable[..., Mail], loop: Loop) -> None:
    mail = own_mail()
    other = PubSubService(mail.server.path, counters=Counters(), faults=Faults())
    with pytest.raises(OSError, match="another local cloud"):
        loop.run(other.start())


def test_messages_and_snapshots_are_dropped_when_they_come_of_age(own_mail: Callable[..., Mail], loop: Loop) -> None:
    mail = own_mail()
    topic = mail.topic(message_retention_duration={"seconds": 2 * 86400})
    day = mail.subscription(topic, message_retention_duration={"seconds": 86400})
    week = mail.subscription(topic)
    snapshot = mail.name("snapshots")
    mail.subscriber.create_snapshot(name=snapshot, subscription=week)
    mail.publish(topic, b"1", b"2")
    leased = mail.pull(day)
    now = time.time()
    loop.call(lambda: mail.server.service.sweep(now + 86000))
    assert data_of(mail.peek(day)) == [b"2"]
    loop.call(lambda: mail.server.service.sweep(now + 87000))
    mail.nack(day, leased)
    assert mail.peek(day) == []
    assert data_of(mail.pull(week, 2)) == [b"1", b"2"]
    loop.call(lambda: mail.server.service.sweep(now + 8 * 86400))
    with pytest.raises(exceptions.NotFound):
        mail.subscriber.get_snapshot(snapshot=snapshot)


@pytest.mark.slow
def test_a_listening_client_goes_on_after_a_restart(own_mail: Callable[..., Mail]) -> None:
    mail = own_mail()
    topic, subscription = mail.pair()
    got: queue.Queue[bytes] = queue.Queue()

    def callback(message: object) -> None:
        message.ack()  # type: ignore[attr-defined]
        got.put(message.data)  # type: ignore[attr-defined]

    listening = mail.subscriber.subscribe(subscription, callback)
    mail.publish(topic, b"before")
    assert got.get(timeout=20) == b"before"
    mail.server.stop()
    mail.server.start()
    mail.publish(topic, b"after")
    while got.get(timeout=45) != b"after":  # Google's client opens its stream again every ten seconds only
        """The first message may come again: its ack was on its way when the server stopped."""
    listening.cancel()
    listening.result(20)
