"""Cloud Run's operator against the local cloud's Admin API, whose jobs are real processes."""

import asyncio
import sys
from collections.abc import Iterator, Mapping
from types import SimpleNamespace
from typing import Any

import pytest

from localcloud import LocalCloudConfig, LocalCloudThread
from localcloud.cloudrun.jobs_spec import JobSpec
from sailplane import DAG, CloudRunExecuteJobOperator
from sailplane.authoring.exceptions import AirflowException, TaskDeferred
from sailplane.hooks.cloud_run import CloudRunHook, failure_of
from sailplane.hooks.google_rest import GoogleApiError

CODE = "import os, sys, time; time.sleep(float(os.environ.get('SECONDS', '0'))); sys.exit(int(sys.argv[1]))"
PLACE = {"project_id": "p", "region": "europe-west1", "job_name": "crunch"}


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloudThread]:
    job = JobSpec(name="crunch", location="europe-west1", command=(sys.executable, "-c", CODE), args=("0",))
    config = LocalCloudConfig(data_dir=tmp_path_factory.mktemp("cloud"), run_jobs=(job,))
    with LocalCloudThread(config) as thread:
        yield thread


@pytest.fixture(autouse=True)
def variables(cloud: LocalCloudThread, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLOUD_RUN_EMULATOR_HOST", cloud.environment()["CLOUD_RUN_EMULATOR_HOST"])


def make(**arguments: Any) -> CloudRunExecuteJobOperator:
    with DAG("x"):
        return CloudRunExecuteJobOperator(task_id="t", polling_period_seconds=0.05, **{**PLACE, **arguments})


def context(store: dict[str, Any] | None = None) -> Mapping[str, Any]:
    kept = {} if store is None else store
    return {"task_state_store": SimpleNamespace(get=kept.get, set=kept.__setitem__)}


def overrides(code: int, seconds: float = 0.0) -> dict[str, Any]:
    return {"container_overrides": [{"args": [str(code)], "env": [{"name": "SECONDS", "value": str(seconds)}]}]}


def test_a_job_runs_to_its_end() -> None:
    store: dict[str, Any] = {}
    job = make(overrides={**overrides(0), "timeout": {"seconds": 60}, "task_count": 1}).execute(context(store))
    assert job["name"] == "projects/p/locations/europe-west1/jobs/crunch"
    execution = CloudRunHook().get_execution(store["cloud_run_execution"])
    assert execution["template"]["timeout"] == "60s"


def test_a_job_that_fails_fails_the_task_with_the_place_of_its_logs() -> None:
    with pytest.raises(
        AirflowException, match=r"of 1 tasks of the Cloud Run execution projects/\S+ 0 succeeded, 1 fai"
    ):
        make(overrides=overrides(3)).execute(context())


def test_a_later_try_goes_on_with_an_execution_that_runs_or_has_succeeded_and_begins_anew_after_others() -> None:
    store: dict[str, Any] = {}
    make(overrides=overrides(0, 0.3)).submit_job(context())
    first = make(overrides=overrides(0, 0.3))
    first._submit(context(store))
    name = store["cloud_run_execution"]
    for _ in range(2):
        make(overrides=overrides(1)).execute(context(store))
        assert store["cloud_run_execution"] == name
        del store["cloud_run_execution.ended"]  # As when its worker dies before the task has ended.
    store["cloud_run_execution"] = f"{name}-gone"
    with pytest.raises(AirflowException, match="1 failed"):
        make(overrides=overrides(1)).execute(context(store))


def test_a_task_that_is_stopped_cancels_its_execution() -> None:
    operator = make(overrides=overrides(0, 60))
    operator.on_kill()
    name = operator.submit_job(context())
    operator.on_kill()
    with pytest.raises(AirflowException, match="1 were cancelled"):
        operator.poll_until_complete(name, context())


def test_a_wait_may_end_before_the_execution() -> None:
    operator = make(overrides=overrides(0, 60), timeout_seconds=0.01)
    with pytest.raises(AirflowException, match=r"has not ended within timeout_seconds=0\.01; it goes on"):
        operator.execute(context())
    operator.on_kill()


@pytest.mark.parametrize("code", [0, 3])
def test_a_deferred_execution_is_waited_for_by_its_trigger(code: int) -> None:
    operator = make(overrides=overrides(code, 0.2), deferrable=True)
    with pytest.raises(TaskDeferred) as deferred:
        operator.execute(context())
    trigger = deferred.value.trigger
    again = type(trigger)(**trigger.serialize()[1])

    async def first() -> Any:
        async for event in again.run():
            return event.payload
        raise AssertionError("the trigger fired nothing")

    event = asyncio.run(first())
    if code == 0:
        assert operator.execute_complete(context(), event)["name"].endswith("/crunch")
    else:
        with pytest.raises(AirflowException, match="1 failed"):
            operator.execute_complete(context(), event)


def test_a_job_that_is_not_there_is_named() -> None:
    with pytest.raises(GoogleApiError, match=r"POST /v2/projects/p/\S+/jobs/gone:run answered 404: Resource 'gone'"):
        make(job_name="gone").execute(context())


def test_all_tasks_of_an_execution_must_succeed() -> None:
    assert failure_of({"taskCount": 3, "succeededCount": 3}) is None
    told = failure_of({"name": "n", "taskCount": 3, "succeededCount": 2, "failedCount": 1, "logUri": "http://l"})
    assert told == (
        "of 3 tasks of the Cloud Run execution n 2 succeeded, 1 failed and 0 were cancelled; its logs are at http://l"
    )
