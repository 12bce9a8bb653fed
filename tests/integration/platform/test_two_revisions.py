"""A rolling deploy: for a while workers of two versions are at work, and each reads what the other wrote."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from platform_stage import NAME, PROJECT, ROOT, Stage

from localcloud.cloudrun.spec import Spawn
from localcloud.pubsub import wire
from sailplane.model.ids import RunKey

MOST_ROUNDS = 12
SUBSCRIBER = "/google.pubsub.v1.Subscriber"
CHANGES = {
    "model/messages.py": (
        "    token: Token\n\n    @property\n    def key",
        '    token: Token\n    colour: str = "of the next version"\n\n    @property\n    def key',
    ),
    "cloud/codec.py": (
        '    fields["state"].string_value = record.state\n    fields["try_number"]',
        '    fields["colour"].string_value = "of the next version"\n'
        '    fields["state"].string_value = record.state\n    fields["try_number"]',
    ),
}
"""What the next version writes more than this one: into its messages, and into the documents of task instances."""


def next_version(folder: Path) -> Path:
    """A copy of the code in which messages and documents have fields that this version does not know."""
    shared = folder / "shared"
    shutil.copytree(ROOT / "shared", shared, ignore=shutil.ignore_patterns("__pycache__"))
    for name, (before, after) in CHANGES.items():
        file = shared / "sailplane" / name
        code = file.read_text()
        assert code.count(before) == 1, f"{name} has changed: this test has to know where to change it"
        file.write_text(code.replace(before, after))
    return shared


@pytest.fixture
def both(stage: Stage, tmp_path: Path) -> Iterator[Stage]:
    """Every message goes to both versions: each task instance is claimed by whoever is first."""
    path = f"{next_version(tmp_path)}"
    url = stage.deploy("worker-next", function="worker", env={"PYTHONPATH": path}, spawn=Spawn.EXEC).rstrip("/")
    name = f"projects/{PROJECT}/subscriptions/next"
    request = wire.Subscription(name=name, topic=f"projects/{PROJECT}/topics/{NAME}-default", ack_deadline_seconds=60)
    request.push_config.push_endpoint = f"{url}/projects/{PROJECT}/topics/{NAME}-default"
    with grpc.insecure_channel(stage.local.endpoints.pubsub) as channel:
        call(channel, "CreateSubscription", request, wire.Subscription)
        yield stage
        call(channel, "DeleteSubscription", wire.DeleteSubscriptionRequest(subscription=name), wire.Empty)
    stage.local.call(stage.local.cloud.cloud_run.remove("worker-next"))


def call(channel: grpc.Channel, method: str, request: wire.Pb, answer: wire.Pb) -> None:
    serializer = type(request).SerializeToString
    made = channel.unary_unary(
        f"{SUBSCRIBER}/{method}", request_serializer=serializer, response_deserializer=answer.FromString
    )
    made(request, timeout=20)


def workers(stage: Stage, run: RunKey) -> set[str]:
    """The functions whose instances ran tasks of the run."""
    return {instance.worker.rpartition("-")[0].rpartition("-")[0] for instance in stage.cloud.store.tasks(run)}


def test_two_versions_work_on_the_same_runs_and_nothing_runs_twice(both: Stage) -> None:
    """Whoever claims first; so a few runs are started until both have had their share."""
    stage = both
    claimed: set[str] = set()
    for _ in range(MOST_ROUNDS):
        runs = [stage.trigger("crowd"), *(stage.trigger("chain") for _ in range(3))]
        stage.release(runs[0], *(f"one_{number}" for number in range(6)))
        assert [stage.wait_for_end(run) for run in runs] == ["success"] * 4
        for run in runs:
            assert len(stage.tries(run)) == len(set(stage.tries(run)))
            assert all(number == 1 for _, number in stage.tries(run))
            claimed |= workers(stage, run)
        if claimed == {"worker", "worker-next"}:
            return
    raise AssertionError(f"only {claimed} had something to do")


def test_what_the_next_version_began_the_one_before_it_ends(both: Stage) -> None:
    """As when a new revision is taken back."""
    stage = both
    stage.local.call(stage.local.cloud.cloud_run.remove("worker"))
    run = stage.trigger("patient")
    stage.pid(run, "long")
    stage.deploy("worker")
    stage.scale_in("worker-next")
    stage.local.call(stage.local.cloud.cloud_run.remove("worker-next"))
    stage.pid(run, "long", 2)
    stage.release(run, "long")
    assert stage.wait_for_end(run) == "success"
    assert stage.tries(run) == [("after", 1), ("before", 1), ("long", 1), ("long", 2)]
    assert workers(stage, run) == {"worker", "worker-next"}
