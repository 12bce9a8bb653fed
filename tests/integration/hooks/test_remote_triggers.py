"""Triggers that look into a bucket or ask an endpoint, against real ones."""

import threading
import uuid
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from sailplane import (
    DAG,
    BaseTrigger,
    GCSBlobTrigger,
    GCSCheckBlobUpdateTimeTrigger,
    GCSHook,
    GCSObjectExistenceAsyncSensor,
    GCSObjectsWithPrefixExistenceSensor,
    GCSObjectUpdateSensor,
    GCSPrefixBlobTrigger,
    HttpSensor,
    HttpSensorTrigger,
    TaskDeferred,
    TriggerEvent,
)
from sailplane.authoring.exceptions import AirflowException
from sailplane.authoring.trigger_loop import watch

BUCKET = f"triggers-{uuid.uuid4().hex[:12]}"
LONG_AGO, LATER = datetime(2020, 1, 1, tzinfo=UTC), datetime.now(UTC) + timedelta(days=1)
SUCCESS = {"status": "success", "message": "success"}


@pytest.fixture
def bucket(emulators: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", emulators["STORAGE_EMULATOR_HOST"])
    hook = GCSHook()
    hook.create_bucket(BUCKET)
    hook.upload(BUCKET, "a/1.csv", data="one")
    yield BUCKET
    hook.delete_bucket(BUCKET, force=True)
    hook.client.close()


def event_of(trigger: BaseTrigger) -> TriggerEvent | None:
    """What the trigger fires, made anew from what it serialized; None when it would sleep for a minute."""
    path, arguments = trigger.serialize()
    assert path == f"{type(trigger).__module__}.{type(trigger).__name__}"
    watched = watch(type(trigger)(**arguments))
    assert watched.event is not None or 59 < watched.sleeps_for <= 60
    return watched.event


def test_a_trigger_fires_when_the_object_is_there(bucket: str) -> None:
    assert event_of(GCSBlobTrigger(bucket, "a/1.csv")) == TriggerEvent(SUCCESS)
    assert event_of(GCSBlobTrigger(bucket, "a/2.csv")) is None
    globbed = event_of(GCSBlobTrigger(bucket, "a/*.csv", use_glob=True))
    assert globbed == TriggerEvent({"status": "success", "message": ["a/1.csv"]})


def test_a_trigger_fires_when_the_object_is_new_enough(bucket: str) -> None:
    assert event_of(GCSCheckBlobUpdateTimeTrigger(bucket, "a/1.csv", LONG_AGO)) == TriggerEvent(SUCCESS)
    assert event_of(GCSCheckBlobUpdateTimeTrigger(bucket, "a/1.csv", LATER)) is None


def test_a_trigger_fires_with_the_names_that_begin_so(bucket: str) -> None:
    found = event_of(GCSPrefixBlobTrigger(bucket, "a/"))
    assert found is not None
    assert found.payload["matches"] == ["a/1.csv"]
    assert event_of(GCSPrefixBlobTrigger(bucket, "b/")) is None


def deferral_of(sensor: Any) -> TaskDeferred:
    with pytest.raises(TaskDeferred) as deferred:
        sensor.execute({"data_interval_end": LONG_AGO})
    return deferred.value


def test_sensors_on_a_bucket_name_what_may_wake_them(bucket: str) -> None:
    with DAG("x"):
        one = GCSObjectExistenceAsyncSensor(task_id="a", bucket=bucket, object="a/1.csv")
        new = GCSObjectUpdateSensor(task_id="b", bucket=bucket, object="a/1.csv", deferrable=True)
        some = GCSObjectsWithPrefixExistenceSensor(task_id="c", bucket=bucket, prefix="a/", deferrable=True)
    events = [deferral_of(sensor).trigger.waits_for for sensor in (one, new, some)]
    assert events == [(f"gs://{bucket}/a/1.csv",), (f"gs://{bucket}/a/1.csv",), (f"gs://{bucket}/a/*",)]
    assert one.execute_complete({}, SUCCESS) is True
    assert some.execute_complete({}, {"status": "success", "matches": ["a/1.csv"]}) == ["a/1.csv"]


class Answers(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(int(self.path.rpartition("/")[2]))
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing."""


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    monkeypatch.setenv("AIRFLOW_CONN_ANSWERS", f"http://127.0.0.1:{server.server_address[1]}")
    yield "answers"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_trigger_fires_when_the_endpoint_answers(endpoint: str) -> None:
    def asks(status: int) -> TriggerEvent | None:
        return event_of(HttpSensorTrigger(f"status/{status}", http_conn_id=endpoint, poke_interval=60))

    assert asks(200) == TriggerEvent(True)
    assert asks(404) is None
    with pytest.raises(AirflowException, match="answered 500"):
        asks(500)


def test_a_sensor_on_an_endpoint_defers_unless_it_has_a_check_of_its_own(endpoint: str) -> None:
    with DAG("x"):
        plain = HttpSensor(task_id="a", http_conn_id=endpoint, endpoint="status/404", deferrable=True)
        checks = HttpSensor(
            task_id="b", http_conn_id=endpoint, endpoint="status/404", deferrable=True, response_check=bool
        )
    assert isinstance(deferral_of(plain).trigger, HttpSensorTrigger)
    assert (checks.deferrable, checks.reschedule) == (False, True)
