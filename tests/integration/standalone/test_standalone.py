"""`sailplane standalone` as a user meets it."""

import json
import signal
import socket
import stat

import pytest

WAITING = """
from pathlib import Path
from sailplane import DAG
from sailplane.sensors.python import PythonSensor

with DAG("waiting", schedule=None):
    PythonSensor(
        task_id="until_file", python_callable=Path({file!r}).exists, mode="reschedule", poke_interval=3600
    )
"""


def test_a_triggered_run_ends_and_shows_its_log_and_xcom(start, dags):
    standalone = start("--no-tick")
    run_id = standalone.trigger("hello", conf={"more": 3})
    assert standalone.wait_for_end("hello", run_id) == "success"
    instances = f"/api/v2/dags/hello/dagRuns/{run_id}/taskInstances"
    log = standalone.get(f"{instances}/greet/logs/1")
    assert "hello there" in [line["event"] for line in log["content"]]
    assert log["continuation_token"] is None
    assert standalone.get(f"{instances}/greet/xcomEntries/return_value")["value"] == {"sum": 43}
    assert {one["state"] for one in standalone.get(instances)["task_instances"]} == {"success"}
    assert standalone.stop() == 0


def test_the_login_is_asked_for_kept_and_private(start, dags):
    standalone = start("--no-tick")
    assert standalone.ask("GET", "/api/v2/dags", login=False)[0] == 401
    assert standalone.ask("GET", "/api/v2/version", login=False)[0] == 200
    status, token = standalone.ask(
        "POST", "/auth/token", {"username": "admin", "password": standalone.password}, login=False
    )
    assert (status, list(token)) == (201, ["access_token"])
    assert standalone.password in standalone.output.read_text()
    for name in ("auth.json", "environment.json"):
        assert stat.S_IMODE((standalone.home / name).stat().st_mode) == 0o600
    assert standalone.stop(signal.SIGTERM) == 0
    assert not (standalone.home / "environment.json").exists()


def test_a_broken_file_shows_as_error_and_leaves_all_else_as_it_was(start, dags, wait_until):
    good = (dags / "hello.py").read_text()
    standalone = start("--no-tick")
    (dags / "hello.py").write_text(good + "\nraise RuntimeError('half saved')\n")
    (dags / "second.py").write_text(good.replace('"hello"', '"second"'))

    def errors():
        return standalone.get("/api/v2/importErrors")["import_errors"]

    (error,) = wait_until(errors, "the broken file shows")
    assert error["filename"] == "hello.py"
    assert "half saved" in error["stack_trace"]
    listed = standalone.get("/api/v2/dags")["dags"]
    assert {dag["dag_id"]: dag["has_import_errors"] for dag in listed} == {"hello": True, "second": False}
    for dag_id in ("second", "hello"):
        status, answer = standalone.ask("POST", f"/api/v2/dags/{dag_id}/dagRuns", {"logical_date": None})
        assert status == 200, answer
        assert standalone.wait_for_end(dag_id, answer["dag_run_id"]) == "success"
    (dags / "hello.py").write_text(good)
    wait_until(lambda: not errors(), "the mended file is read")
    assert standalone.stop() == 0


def test_a_file_that_goes_takes_its_dag_along(start, dags, wait_until):
    standalone = start("--no-tick")
    (dags / "hello.py").unlink()
    wait_until(lambda: not standalone.get("/api/v2/dags")["dags"], "the DAG is gone")
    assert standalone.get("/api/v2/dags?exclude_stale=false")["dags"][0]["is_stale"] is True


def test_a_second_start_on_the_same_home_goes_on_with_unfinished_runs(start, dags, tmp_path, wait_until):
    file = tmp_path / "the file"
    (dags / "waiting.py").write_text(WAITING.format(file=str(file)).replace("poke_interval=3600", "poke_interval=3"))
    first = start("--no-tick")
    run_id = first.trigger("waiting")
    path = f"/api/v2/dags/waiting/dagRuns/{run_id}/taskInstances/until_file"
    wait_until(lambda: first.get(path)["state"] == "up_for_reschedule", "the sensor waits")
    password = first.password
    assert first.stop() == 0
    file.touch()
    second = start()
    assert second.password == password
    assert second.wait_for_end("waiting", run_id) == "success"
    assert second.stop() == 0


@pytest.mark.localcloud  # Elsewhere nobody may tell Pub/Sub of the new object.
def test_an_object_wakes_the_sensor_that_waits_for_it(start, dags, wait_until):
    (dags / "object.py").write_text(
        "from sailplane import DAG\n"
        "from sailplane.sensors.gcs import GCSObjectExistenceSensor\n"
        "with DAG('object', schedule=None):\n"
        "    GCSObjectExistenceSensor(task_id='wait', bucket='sailplane', object='in/data.csv', poke_interval=3600,"
        " mode='reschedule')\n"
    )
    standalone = start("--no-tick")
    run_id = standalone.trigger("object")
    path = f"/api/v2/dags/object/dagRuns/{run_id}/taskInstances/wait"
    wait_until(lambda: standalone.get(path)["state"] == "up_for_reschedule", "the sensor waits")
    upload(standalone.environment, "in/data.csv", b"1,2")
    assert standalone.wait_for_end("object", run_id) == "success"


def upload(environment, name, data):
    import google.auth.credentials
    from google.cloud import storage

    client = storage.Client(
        project=environment["GOOGLE_CLOUD_PROJECT"],
        credentials=google.auth.credentials.AnonymousCredentials(),
        client_options={"api_endpoint": environment["STORAGE_EMULATOR_HOST"]},
    )
    client.bucket(environment["SAILPLANE_BUCKET"]).blob(name).upload_from_string(data)
    client.close()


def test_only_one_standalone_runs_in_a_home(start, dags, cli):
    standalone = start("--no-tick")
    answer = cli("standalone", "--home", str(standalone.home), "--port", "0")
    assert answer.returncode == 1
    assert f"process {standalone.process.pid}" in answer.stderr
    assert len(answer.stderr.splitlines()) == 1
    assert standalone.get("/api/v2/version")


def test_a_port_that_is_taken_is_a_clear_error(cli, dags, tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        answer = cli("standalone", "--home", str(tmp_path / "home"), "--dags", str(dags), "--port", port)
    assert answer.returncode == 1
    assert "--port" in answer.stderr
    assert len(answer.stderr.splitlines()) == 1


def test_the_cli_talks_to_the_standalone_of_its_home(start, dags, cli):
    standalone = start("--no-tick")
    home = ("--home", str(standalone.home), "-o", "json")
    listed = json.loads(cli("dags", "list", *home).stdout)
    assert [(dag["dag_id"], dag["tags"]) for dag in listed] == [("hello", ["small"])]
    ended = cli("dags", "trigger", "hello", "--conf", '{"more": 5}', "--run-id", "mine", "--wait", *home)
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout)["state"] == "success"
    states = json.loads(cli("tasks", "states-for-dag-run", "hello", "mine", *home).stdout)
    assert [(one["task_id"], one["state"]) for one in states] == [("greet", "success"), ("shout", "success")]
    log = cli("tasks", "logs", "hello", "mine", "shout", "--home", str(standalone.home))
    assert "got {'sum': 45}" in log.stdout
    assert cli("dags", "trigger", "absent", *home).returncode == 1
    pushed = cli("dags", "push", str(dags), *home)
    assert json.loads(pushed.stdout)["unchanged"] == ["hello"]
    standalone.stop()
    silent = cli("dags", "list", *home)
    assert (silent.returncode, silent.stdout) == (1, "")
    assert "sailplane standalone" in silent.stderr
