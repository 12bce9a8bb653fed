"""`python -m localcloud`, as a process of its own."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import grpc
import httpx
import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud import firestore, storage
from google.pubsub_v1 import PublisherClient, PubsubMessage, SubscriberClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport

VARIABLES = [
    "FIRESTORE_EMULATOR_HOST",
    "PUBSUB_EMULATOR_HOST",
    "STORAGE_EMULATOR_HOST",
    "GOOGLE_CLOUD_PROJECT",
    "CLOUD_RUN_EMULATOR_HOST",
    "LOCALCLOUD_ADMIN_URL",
]


class Running:
    """One `python -m localcloud`."""

    def __init__(self, data_dir: Path, *arguments: str) -> None:
        command = [sys.executable, "-m", "localcloud", "--data-dir", str(data_dir), *arguments]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        lines = [self.process.stdout.readline() for _ in VARIABLES]
        self.environment = dict(line.removeprefix("export ").strip().split("=", 1) for line in lines)

    def end(self, number: signal.Signals) -> int:
        if self.process.poll() is None:
            self.process.send_signal(number)
        code = self.process.wait(30)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code


@pytest.fixture
def start() -> Iterator[Callable[..., Running]]:
    running: list[Running] = []

    def start_one(data_dir: Path, *arguments: str) -> Running:
        running.append(Running(data_dir, *arguments))
        return running[-1]

    yield start_one
    for each in running:
        each.end(signal.SIGKILL)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_tells_the_environment_and_stops_cleanly(
    start: Callable[..., Running], tmp_path: Path, number: signal.Signals
) -> None:
    running = start(tmp_path, "--project", "airport")
    assert list(running.environment) == VARIABLES
    assert running.environment["GOOGLE_CLOUD_PROJECT"] == "airport"
    assert httpx.get(f"{running.environment['LOCALCLOUD_ADMIN_URL']}/health").json()["status"] == "ok"
    assert running.end(number) == 0


def test_ports_stay_the_same_over_restarts_and_give_way_when_taken(
    start: Callable[..., Running], tmp_path: Path
) -> None:
    first = start(tmp_path)
    first.end(signal.SIGTERM)
    second = start(tmp_path)
    assert second.environment == first.environment


def test_a_port_that_is_taken_is_a_clear_error(start: Callable[..., Running], tmp_path: Path) -> None:
    admin = start(tmp_path / "one").environment["LOCALCLOUD_ADMIN_URL"]
    port = admin.rsplit(":", 1)[1]
    command = [sys.executable, "-m", "localcloud", "--data-dir", str(tmp_path / "two"), "--admin-port", port]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert ended.returncode == 1
    assert f"cannot listen on 127.0.0.1:{port}" in ended.stderr


def _storage(running: Running) -> storage.Client:
    options = {"api_endpoint": running.environment["STORAGE_EMULATOR_HOST"]}
    return storage.Client(project="p", credentials=AnonymousCredentials(), client_options=options)


def test_a_data_directory_in_use_is_a_clear_error(start: Callable[..., Running], tmp_path: Path) -> None:
    start(tmp_path)
    command = [sys.executable, "-m", "localcloud", "--data-dir", str(tmp_path)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert f"{tmp_path} is in use by another local cloud" in ended.stderr


def test_what_was_acknowledged_survives_kill_9(
    start: Callable[..., Running], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic, subscription = "projects/p/topics/flights", "projects/p/subscriptions/flights"
    running = start(tmp_path)
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", running.environment["FIRESTORE_EMULATOR_HOST"])
    database = firestore.Client(project="p")
    channel = grpc.insecure_channel(running.environment["PUBSUB_EMULATOR_HOST"])
    publisher = PublisherClient(transport=PublisherGrpcTransport(channel=channel))
    subscriber = SubscriberClient(transport=SubscriberGrpcTransport(channel=channel))
    publisher.create_topic(name=topic)
    subscriber.create_subscription(name=subscription, topic=topic)
    bucket = _storage(running).create_bucket("flights")
    for number in range(20):
        database.document(f"flights/{number}").set({"number": number})
        publisher.publish(topic=topic, messages=[PubsubMessage(data=str(number).encode())])
        bucket.blob(f"{number % 7}").upload_from_string(str(number))
    running.end(signal.SIGKILL)

    again = start(tmp_path)
    assert again.environment == running.environment
    assert {each.id: each.get("number") for each in database.collection("flights").stream()} == {
        str(number): number for number in range(20)
    }
    received = []
    while len(received) < 20:
        answer = subscriber.pull(subscription=subscription, max_messages=20)
        received += [int(each.message.data) for each in answer.received_messages]
        subscriber.acknowledge(subscription=subscription, ack_ids=[each.ack_id for each in answer.received_messages])
    assert sorted(received) == list(range(20))
    contents = {int(blob.name): int(blob.download_as_text()) for blob in _storage(again).list_blobs("flights")}
    assert contents == {number % 7: number for number in range(20)}
    database.close()
    channel.close()


@pytest.mark.parametrize("zygote", ["None", "fork_zygote(('flask',))"])
def test_nothing_of_the_functions_outlives_kill_9_of_the_local_cloud(tmp_path: Path, zygote: str) -> None:
    source = tmp_path / "main.py"
    source.write_text("import os\n\n\ndef pids(request):\n    return f'{os.getpid()} {os.getppid()}'\n")
    script = f"""
import sys, time
from pathlib import Path
from localcloud import FunctionSpec, LocalCloudConfig, Spawn, fork_zygote
zygote = {zygote}
from localcloud import LocalCloudThread
with LocalCloudThread(LocalCloudConfig(data_dir=Path({str(tmp_path / "data")!r})), zygote) as cloud:
    for spawn in Spawn:
        print(cloud.add_function(FunctionSpec(name=spawn, source=Path({str(source)!r}), target="pids", spawn=spawn)))
    sys.stdout.flush()
    time.sleep(600)
"""
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        answers = [httpx.get(process.stdout.readline().strip(), timeout=60).text for _ in range(2)]
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
    assert len({word for answer in answers for word in answer.split()}) == 4
    for pid in (int(word) for answer in answers for word in answer.split()):
        _wait_for_end(pid)


def _wait_for_end(pid: int) -> None:
    deadline = time.monotonic() + 20
    while _lives(pid):
        assert time.monotonic() < deadline, f"process {pid} is still there"
        time.sleep(0.05)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        return "(zombie)" not in Path(f"/proc/{pid}/status").read_text()
    except (ProcessLookupError, FileNotFoundError):
        return False
