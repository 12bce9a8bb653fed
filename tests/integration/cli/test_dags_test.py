"""`sailplane dags test`: one DAG to its end, on a cloud that is gone afterwards."""

import json
import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

SHARED = Path(__file__).parents[3] / "shared"
DAGS = """
from datetime import timedelta
from sailplane import DAG
from sailplane import TriggerDagRunOperator, task, task_group
from sailplane.sensors.python import PythonSensor

@task(retries=1, retry_delay=timedelta(seconds=1))
def shaky(ti=None):
    print(f"this is try {ti.try_number}")
    if ti.try_number == 1:
        raise ValueError("not yet")
    return 20

@task
def double(value, params=None):
    return value * params["factor"]

@task
def boom():
    raise RuntimeError("no good")

with DAG("steady", schedule="@hourly", params={"factor": 2}, catchup=True):
    double(shaky())

with DAG("failing", schedule=None):
    boom()

with DAG("again", schedule=None):

    @task_group(retries=1, retry_delay=timedelta(seconds=1))
    def round():
        @task
        def once(ti=None):
            assert ti.try_number > 1

        once()

    round()

with DAG("starter", schedule=None):
    TriggerDagRunOperator(task_id="start", trigger_dag_id="elsewhere")

with DAG("patient", schedule=None):
    PythonSensor(
        task_id="look_twice",
        python_callable=lambda ti: ti.start_date is not None and (ti.xcom_pull(key="seen") or False),
        poke_interval=1,
        timeout=4,
        mode="reschedule",
    )
"""


@pytest.fixture
def folder(tmp_path):
    dags = tmp_path / "dags"
    dags.mkdir()
    (dags / "dags.py").write_text(DAGS)
    return dags


@pytest.fixture
def run_test(folder, tmp_path):
    def invoke(*arguments):
        scratch = tmp_path / "scratch"
        scratch.mkdir(exist_ok=True)
        done = subprocess.run(
            [sys.executable, "-m", "sailplane.cli", "dags", "test", *arguments, "--dags", str(folder)],
            env={**os.environ, "PYTHONPATH": str(SHARED), "TMPDIR": str(scratch)},
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )
        left = [one for one in scratch.iterdir() if one.name.startswith("sailplane-test-")]
        assert not left, "the cloud's folder is still there"
        assert not _processes_in(scratch)
        return done

    return invoke


def _processes_in(folder):
    return [one for one in psutil.process_iter(["cmdline"]) if str(folder) in " ".join(one.info["cmdline"] or ())]


def test_a_run_with_a_retry_ends_and_is_told_as_one_document(run_test):
    done = run_test("steady", "--logical-date", "2026-03-01", "--conf", '{"factor": 3}', "-o", "json")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert (document["dag_id"], document["state"]) == ("steady", "success")
    assert document["logical_date"] == "2026-03-01T00:00:00+00:00"
    assert [
        (one["task_id"], one["map_index"], one["state"], one["try_number"]) for one in document["task_instances"]
    ] == [
        ("shaky", -1, "success", 2),
        ("double", -1, "success", 1),
    ]
    assert all(
        one["start_date"] and one["end_date"] and one["duration"] is not None for one in document["task_instances"]
    )
    for words in ("this is try 1", "ValueError: not yet", "this is try 2", "Returned value was: 60"):
        assert words in done.stderr


def test_a_run_that_fails_is_told_by_the_exit_code(run_test):
    done = run_test("failing", "-o", "json")
    assert done.returncode == 1
    document = json.loads(done.stdout)
    assert document["state"] == "failed"
    assert "no good" in document["task_instances"][0]["error"]
    assert "RuntimeError: no good" in done.stderr


def test_a_group_that_retries_itself_is_told_by_its_tasks_alone(run_test):
    done = run_test("again", "-o", "json")
    assert done.returncode == 0, done.stderr
    assert [(one["task_id"], one["try_number"]) for one in json.loads(done.stdout)["task_instances"]] == [
        ("round.once", 2)
    ]


def test_a_run_that_is_to_be_started_for_now_is_asked_of_the_supervisor(run_test):
    done = run_test("starter", "-o", "json")
    (start,) = json.loads(done.stdout)["task_instances"]
    assert start["error"].startswith("DagNotFound: there is no DAG 'elsewhere'")


def test_a_sensor_that_gives_its_slot_back_is_looked_at_again_without_a_clock(run_test):
    done = run_test("patient", "-o", "json")
    (sensor,) = json.loads(done.stdout)["task_instances"]
    assert (done.returncode, sensor["state"]) == (1, "failed")
    assert sensor["duration"] is not None


def test_a_dag_that_is_not_there_is_told_in_one_line(run_test):
    done = run_test("absent")
    assert (done.returncode, done.stdout) == (1, "")
    assert "its DAGs are: again, failing, patient, starter, steady" in done.stderr
    assert len(done.stderr.splitlines()) == 1
