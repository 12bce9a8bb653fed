"""All of `emulator-compose.yml` but its containers: set up, push DAGs, tick, push to functions, end a run."""

import uuid
from collections.abc import Iterator, Mapping

import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud import pubsub_v1, storage
from rehearsal import PATIENCE_SECONDS, ROOT, Rehearsal, eventually

DAG_ID = "weather_report"
DATA = "seattle-weather.csv"


@pytest.fixture(scope="module")
def rehearsal(emulators: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rehearsal]:
    unique = uuid.uuid4().hex[:12]
    made = Rehearsal(emulators, f"project-{unique}", f"sailplane-{unique}", tmp_path_factory.mktemp("rehearsal"))
    made.run("set-up")
    yield made
    made.stop()


@pytest.fixture(scope="module")
def subscriber(emulators: Mapping[str, str]) -> Iterator[pubsub_v1.SubscriberClient]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PUBSUB_EMULATOR_HOST", emulators["PUBSUB_EMULATOR_HOST"])
        client = pubsub_v1.SubscriberClient()
    yield client
    client.close()


def subscription_of(
    subscriber: pubsub_v1.SubscriberClient, rehearsal: Rehearsal, name: str
) -> pubsub_v1.types.Subscription:
    project = rehearsal.names["GOOGLE_CLOUD_PROJECT"]
    return subscriber.get_subscription(subscription=f"projects/{project}/subscriptions/sailplane-{name}")


@pytest.mark.parametrize(("name", "function"), [("default", "worker"), ("events", "events")])
def test_the_set_up_pushes_to_the_functions_by_their_names(
    rehearsal: Rehearsal, subscriber: pubsub_v1.SubscriberClient, name: str, function: str
) -> None:
    rehearsal.run("set-up")  # Again: it points at today's URLs whatever they were.
    found = subscription_of(subscriber, rehearsal, name)
    project = rehearsal.names["GOOGLE_CLOUD_PROJECT"]
    topic = f"projects/{project}/topics/sailplane-{name}"
    assert found.push_config.push_endpoint == f"http://{function}:8080/{topic}"
    assert found.topic == topic
    assert found.ack_deadline_seconds == 600
    assert found.dead_letter_policy.dead_letter_topic == f"projects/{project}/topics/sailplane-dead-letters"


def test_dead_letters_are_kept_to_be_pulled(rehearsal: Rehearsal, subscriber: pubsub_v1.SubscriberClient) -> None:
    found = subscription_of(subscriber, rehearsal, "dead-letters")
    assert not found.push_config.push_endpoint


def test_setting_up_twice_changes_nothing(rehearsal: Rehearsal) -> None:
    said = rehearsal.run("set-up")
    assert f"Bucket {rehearsal.names['SAILPLANE_BUCKET']}: was there" in said
    assert "made" not in said


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_run_whose_sensor_waits_for_a_file_succeeds(
    rehearsal: Rehearsal, subscriber: pubsub_v1.SubscriberClient, emulators: Mapping[str, str]
) -> None:
    """Woken by the bucket's notification, or, where an emulator sends none, by the sensor's next look."""
    point_at_ports(rehearsal, subscriber)
    assert DAG_ID in rehearsal.run("dags")
    rehearsal.start("tick", "worker", "events", "web", "clock")
    run_id = rehearsal.ask(f"/api/v2/dags/{DAG_ID}/dagRuns", {"logical_date": None})["dag_run_id"]
    path = f"/api/v2/dags/{DAG_ID}/dagRuns/{run_id}"
    eventually(lambda: "up_for_reschedule" in states(rehearsal, path), "the sensor waits")
    upload(rehearsal, emulators)
    ended = eventually(lambda: ended_state(rehearsal, path), "the run has ended")
    assert ended == "success", states(rehearsal, path)
    assert rehearsal.output("clock").read_text() == ""


def point_at_ports(rehearsal: Rehearsal, subscriber: pubsub_v1.SubscriberClient) -> None:
    for name, function in (("default", "worker"), ("events", "events")):
        found = subscription_of(subscriber, rehearsal, name)
        here = f"http://127.0.0.1:{rehearsal.ports[function]}/{found.topic}"
        subscriber.modify_push_config(
            subscription=found.name,
            push_config=pubsub_v1.types.PushConfig(push_endpoint=here),
            timeout=PATIENCE_SECONDS,
        )


def states(rehearsal: Rehearsal, path: str) -> list[str]:
    return [each["state"] for each in rehearsal.ask(f"{path}/taskInstances")["task_instances"]]


def ended_state(rehearsal: Rehearsal, path: str) -> str | None:
    state: str = rehearsal.ask(path)["state"]
    return state if state in ("success", "failed") else None


def upload(rehearsal: Rehearsal, emulators: Mapping[str, str]) -> None:
    client = storage.Client(
        project="tests",
        credentials=AnonymousCredentials(),
        client_options={"api_endpoint": emulators["STORAGE_EMULATOR_HOST"]},
    )
    blob = client.bucket(rehearsal.names["SAILPLANE_BUCKET"]).blob(f"incoming/{DATA}")
    blob.upload_from_filename(ROOT / "dags" / "data" / DATA)
    client.close()
