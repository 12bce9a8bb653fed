"""The staged functions, installed as Google's build installs them, against the bytes that Google sends."""

import contextlib
import json
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import pytest
from function_container import Container
from google_requests import message_of, object_notification, push_request, scheduler_request
from staged_deployment import DAGS, DESIGN, FUNCTIONS, PROJECT, Deployment, Staged, checked_token

from localcloud.pubsub import wire

pytestmark = [pytest.mark.localcloud, pytest.mark.slow, pytest.mark.timeout(420)]
WaitUntil = Callable[[Callable[[], Any], str], Any]
EVERYTHING_SUCCEEDED = dict.fromkeys(("wait", "read", "count", "longest", "reply"), "success")


def pull(deployment: Deployment, subscription: str) -> bytes:
    """The data of one message, which is acknowledged."""
    path = f"projects/{PROJECT}/subscriptions/{subscription}"
    with grpc.insecure_channel(deployment.cloud.endpoints.pubsub) as channel:
        request = wire.PullRequest(subscription=path, max_messages=1)
        call = channel.unary_unary(
            "/google.pubsub.v1.Subscriber/Pull",
            request_serializer=wire.PullRequest.SerializeToString,
            response_deserializer=wire.PullResponse.FromString,
        )
        (received,) = call(request, timeout=30).received_messages
        acknowledge = channel.unary_unary(
            "/google.pubsub.v1.Subscriber/Acknowledge",
            request_serializer=wire.AcknowledgeRequest.SerializeToString,
            response_deserializer=wire.Empty.FromString,
        )
        acknowledge(wire.AcknowledgeRequest(subscription=path, ack_ids=[received.ack_id]), timeout=30)
        data: bytes = received.message.data
        return data


def test_functions_without_packages_of_the_dags_are_built_from_equal_files(staged: Staged) -> None:
    def packages(function: str) -> dict[str, bytes]:
        kept = {path.name: path for path in staged.folders[function].iterdir() if path.suffix in (".whl", ".txt")}
        return {name: path.read_bytes() for name, path in kept.items()}

    assert packages("tick") == packages("events") == packages("web")
    assert packages("worker").keys() == packages("tick").keys()


def test_only_the_worker_has_the_packages_of_the_dags(staged: Staged) -> None:
    def lines(function: str) -> set[str]:
        return set((staged.folders[function] / "requirements.txt").read_text().splitlines())

    assert {line.partition("==")[0] for line in lines("worker") - lines("tick")} == {"sortedcontainers"}


def test_functions_have_neither_the_local_cloud_nor_the_command_line(staged: Staged) -> None:
    site = next(staged.commands["tick"].parent.glob("lib/python3*/site-packages"))
    there = {path.name for path in site.iterdir()}
    assert there & {"aiohttp", "typer", "rich", "gcp_storage_emulator", "localcloud"} == set()
    assert {path.name for path in (site / "sailplane").iterdir()} & {"cli", "standalone", "deploy"} == set()


def test_the_clock_rings(deployment: Deployment) -> None:
    status, body = deployment.containers["sailplane-tick"].receives(scheduler_request())
    assert status == 200
    assert json.loads(body).keys() == {"looks", "runs_created", "alarms_answered"}


def test_a_pushed_wave_runs_its_task_and_the_second_delivery_changes_nothing(deployment: Deployment) -> None:
    deployment.push_dags(DAGS)
    run = deployment.ask("POST", "/api/v2/dags/by_hand/dagRuns", {"logical_date": None})["dag_run_id"]
    message = message_of(pull(deployment, DESIGN.topology.topic("by-hand")))
    path = f"/api/v2/dags/by_hand/dagRuns/{run}/taskInstances/note"
    assert deployment.ask("GET", path)["state"] == "queued"

    worker = deployment.containers["sailplane-worker-by-hand"]
    assert worker.receives(push_request("sailplane-by-hand", message, 1)) == (200, b"OK")
    ended = deployment.ask("GET", path)
    assert ended["state"] == "success", worker.output.read_text()

    assert worker.receives(push_request("sailplane-by-hand", message, 2)) == (200, b"OK")
    assert deployment.ask("GET", path) == ended


def test_what_an_image_is_built_from_works_off_a_queue(
    image: Path, deployment: Deployment, tmp_path: Path, wait_until: WaitUntil
) -> None:
    deployment.push_dags(DAGS)
    run = deployment.ask("POST", "/api/v2/dags/by_hand/dagRuns", {"logical_date": None})["dag_run_id"]
    environment = {"PATH": f"{image}:/usr/bin:/bin", "HOME": str(tmp_path), "TMPDIR": str(tmp_path)}
    worker = subprocess.Popen(
        [str(image / "sailplane"), "worker", "--queue", "by-hand"],
        env={**deployment.environment, **environment},
        cwd=tmp_path,
        start_new_session=True,
    )
    try:
        wait_until(lambda: deployment.tasks("by_hand", run) == {"note": "success"}, "the task has run")
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(20) == 0
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(worker.pid, signal.SIGKILL)
        worker.wait()


def test_what_is_no_wave_comes_again_and_goes_to_the_dead_letters_in_the_end(deployment: Deployment) -> None:
    request = push_request("sailplane-default", message_of(b"not ours"), 1)
    status, _body = deployment.containers["sailplane-worker"].receives(request)
    assert status == 500


def test_a_notification_of_an_object_that_nobody_waits_for_is_acknowledged(deployment: Deployment) -> None:
    message = object_notification(DESIGN.bucket, "elsewhere/letter.txt")
    events = deployment.containers["sailplane-events"]
    assert events.receives(push_request("sailplane-events", message, 1)) == (200, b"OK")


@pytest.mark.parametrize("function", ["worker", "events"])
def test_what_is_no_event_is_refused(deployment: Deployment, function: str) -> None:
    status, _body = deployment.containers[f"sailplane-{function}"].receives(scheduler_request())
    assert status in (400, 415)


def test_the_web_function_lets_in_whom_cloud_run_has_checked_and_nobody_else(deployment: Deployment) -> None:
    def asks(*headers: str) -> int:
        lines = ("GET /api/v2/dags HTTP/1.1", "Host: sailplane-web-123456789012.europe-west1.run.app", *headers)
        request = "".join(f"{line}\r\n" for line in lines).encode() + b"\r\n"
        return deployment.containers["sailplane-web"].receives(request)[0]

    assert asks(f"Authorization: Bearer {checked_token('ada@example.org')}") == 200
    assert asks() == 401
    assert asks("Authorization: Basic YWRtaW46YWRtaW4=") == 401


def test_a_dag_flies_through_the_four_functions(deployment: Deployment, wait_until: WaitUntil) -> None:
    """The tick starts the run, the worker works, the sensor's letter comes by the events, and web tells of it."""
    deployment.push_dags(DAGS)
    deployment.containers["sailplane-tick"].receives(scheduler_request())
    run = "scheduled__2026-01-01T00:00:00+00:00"

    def states() -> dict[str, str]:
        return deployment.tasks("letters", run)

    wait_until(lambda: states().get("wait") == "up_for_reschedule", "the sensor waits")
    deployment.upload("post/letter.txt", b"up up and away")
    wait_until(lambda: states() == EVERYTHING_SUCCEEDED, "every task has succeeded")
    assert deployment.download("post/reply.txt") == b"{'and': 1, 'away': 1, 'up': 2} away"
    assert deployment.ask("GET", f"/api/v2/dags/letters/dagRuns/{run}")["state"] == "success"


@pytest.mark.parametrize("function", FUNCTIONS)
def test_an_instance_that_cloud_run_stops_goes_within_its_ten_seconds(
    staged: Staged, deployment: Deployment, function: str
) -> None:
    source, commands = staged.folders[function], staged.commands[function]
    second = Container(f"second-{function}", source, commands, target=function, environment=deployment.environment)
    try:
        second.wait_until_it_listens()
        assert second.stop() == 0, second.output.read_text()
    finally:
        second.kill()
