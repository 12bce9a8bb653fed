"""Cloud Run jobs of the local cloud, over the Admin API's requests."""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from localcloud import JobSpec, LocalCloudConfig, LocalCloudThread
from localcloud.faults import Fault, FaultKind

PARENT = "/v2/projects/p/locations/here/jobs"
ECHO = """
import os, sys
print(os.environ["GREETING"], sys.argv[1:], os.environ["CLOUD_RUN_EXECUTION"], os.environ["CLOUD_RUN_JOB"], flush=True)
"""
STUBBORN = """
import os, pathlib, signal, time
signal.signal(signal.SIGTERM, lambda *_: print("asked to stop", flush=True))
pathlib.Path(os.environ["PID_FILE"]).write_text(str(os.getpid()))
while True:
    time.sleep(1)
"""
POLITE = STUBBORN.replace('lambda *_: print("asked to stop", flush=True)', "lambda *_: exit(3)")


def job(name: str, code: str, **fields: Any) -> JobSpec:
    return JobSpec(name=name, location="here", command=(sys.executable, "-c", code), **fields)


class Bench:
    """A local cloud with jobs."""

    def __init__(self, folder: Path, *jobs: JobSpec, **fields: Any) -> None:
        self.folder = folder
        self.thread = LocalCloudThread(LocalCloudConfig(data_dir=folder / "cloud", run_jobs=jobs, **fields))
        self.thread.start()
        self.http = httpx.Client(base_url=f"http://{self.thread.environment()['CLOUD_RUN_EMULATOR_HOST']}")

    def run(self, name: str, **overrides: Any) -> str:
        """Start an execution; its path."""
        answer = self.http.post(f"{PARENT}/{name}:run", json={"overrides": overrides})
        assert answer.status_code == 200, answer.text
        started = answer.json()["metadata"]
        assert started["@type"] == "type.googleapis.com/google.cloud.run.v2.Execution"
        return f"/v2/{started['name']}"

    def get(self, path: str) -> Any:
        answer = self.http.get(path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def ended(self, path: str) -> Any:
        return until(lambda: (found := self.get(path)).get("completionTime") and found)

    def close(self) -> None:
        self.http.close()
        self.thread.stop()


def until(probe: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if answer := probe():
            return answer
        time.sleep(0.02)
    raise AssertionError("gave up waiting")


def pid_in(file: Path) -> int:
    return int(until(lambda: file.exists() and file.read_text()))


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Bench]]:
    benches: list[Bench] = []

    def start_one(*jobs: JobSpec, **fields: Any) -> Bench:
        benches.append(Bench(tmp_path, *jobs, **fields))
        return benches[-1]

    yield start_one
    for bench in benches:
        if bench.http.is_closed is False:
            bench.close()


def test_an_execution_runs_the_command_with_what_overrides_it(start: Callable[..., Bench]) -> None:
    bench = start(job("echo", ECHO, args=("plain",), env={"GREETING": "hello"}))
    plain = bench.ended(bench.run("echo"))
    other = bench.ended(
        bench.run("echo", containerOverrides=[{"env": [{"name": "GREETING", "value": "hi"}], "args": ["a"]}])
    )
    assert plain["succeededCount"] == other["succeededCount"] == 1
    ending = plain["name"].rpartition("/")[2]
    assert Path(plain["logUri"]).read_text() == f"hello ['plain'] {ending} echo\n"
    assert Path(other["logUri"]).read_text().startswith("hi ['a'] ")


def test_executions_are_listed_newest_first(start: Callable[..., Bench]) -> None:
    bench = start(job("echo", ECHO, env={"GREETING": "hello"}))
    paths = [bench.run("echo") for _ in range(3)]
    listed = bench.get(f"{PARENT}/echo/executions?pageSize=2")
    rest = bench.get(f"{PARENT}/echo/executions?pageSize=2&pageToken={listed['nextPageToken']}")
    assert [f"/v2/{each['name']}" for each in listed["executions"] + rest["executions"]] == paths[::-1]


def test_a_job_that_is_not_there_is_not_found(start: Callable[..., Bench]) -> None:
    bench = start()
    answer = bench.http.post(f"{PARENT}/none:run", json={})
    assert answer.status_code == 404
    assert answer.json()["error"]["status"] == "NOT_FOUND"


def test_a_request_with_an_unknown_field_is_refused(start: Callable[..., Bench]) -> None:
    bench = start(job("echo", ECHO))
    answer = bench.http.post(f"{PARENT}/echo:run", json={"overrides": {"enviroment": []}})
    assert answer.status_code == 400
    assert "enviroment" in answer.json()["error"]["message"]


def test_a_command_that_fails_or_is_missing_fails_its_execution(start: Callable[..., Bench]) -> None:
    bench = start(job("bad", "exit(7)"), JobSpec(name="missing", location="here", command=("/no/such/program",)))
    bad, missing = bench.ended(bench.run("bad")), bench.ended(bench.run("missing"))
    assert bad["failedCount"] == missing["failedCount"] == 1
    assert bad["conditions"][0]["message"] == "the container exited with code 7"
    assert "/no/such/program" in Path(missing["logUri"]).read_text()


def test_what_is_over_its_timeout_gets_sigterm(start: Callable[..., Bench], tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    polite = job("polite", POLITE, env={"PID_FILE": str(pid_file)}, timeout=timedelta(seconds=1))
    bench = start(polite)
    ended = bench.ended(bench.run("polite"))
    assert "timeout of 1 s" in ended["conditions"][0]["message"]
    assert not psutil.pid_exists(pid_in(pid_file))


@pytest.mark.slow
def test_what_does_not_react_to_sigterm_is_killed_ten_seconds_later(
    start: Callable[..., Bench], tmp_path: Path
) -> None:
    bench = start(job("stubborn", STUBBORN, env={"PID_FILE": str(tmp_path / "pid")}))
    path = bench.run("stubborn")
    pid_in(tmp_path / "pid")
    assert bench.http.post(f"{path}:cancel").status_code == 200
    ended = bench.ended(path)
    assert ended["cancelledCount"] == 1
    assert Path(ended["logUri"]).read_text() == "asked to stop\n"


def test_as_many_run_side_by_side_as_there_is_room_for(start: Callable[..., Bench], tmp_path: Path) -> None:
    bench = start(job("polite", POLITE, env={"PID_FILE": str(tmp_path / "pid")}), max_executions=1)
    first, second = bench.run("polite"), bench.run("polite")
    pid_in(tmp_path / "pid")
    assert bench.get(second)["conditions"][0]["state"] == "CONDITION_PENDING"
    bench.http.post(f"{first}:cancel")
    bench.ended(first)
    until(lambda: bench.get(second).get("runningCount"))


def test_what_waited_starts_after_a_restart_and_what_ran_has_failed(
    start: Callable[..., Bench], tmp_path: Path
) -> None:
    polite = job("polite", POLITE, env={"PID_FILE": str(tmp_path / "pid")})
    bench = start(polite, max_executions=1)
    first, second = bench.run("polite"), bench.run("polite")
    pid = pid_in(tmp_path / "pid")
    bench.close()
    assert not psutil.pid_exists(pid)
    again = start(polite)
    assert again.get(first)["completionTime"]
    until(lambda: again.get(second).get("runningCount"))


def test_a_lost_answer_has_started_an_execution_all_the_same(start: Callable[..., Bench]) -> None:
    bench = start(job("echo", ECHO, env={"GREETING": "hello"}))
    bench.thread.cloud.faults.inject(Fault(point="cloudrun.jobs.run", kind=FaultKind.LOST_ANSWER, status="503"))
    assert bench.http.post(f"{PARENT}/echo:run", json={}).status_code == 503
    assert len(bench.get(f"{PARENT}/echo/executions")["executions"]) == 1


def test_an_execution_dies_with_the_local_cloud(start: Callable[..., Bench], tmp_path: Path) -> None:
    """The guard ends it when its parent, here a process that stands in for the local cloud, is killed."""
    from localcloud.cloudrun import process_death

    pid_file = tmp_path / "pid"
    child = [sys.executable, "-IS", process_death.__file__, "PARENT", sys.executable, "-c", STUBBORN]
    parent = f"import os, subprocess; subprocess.run({child!r}[:3] + [str(os.getpid())] + {child!r}[4:])"
    stand_in = psutil.Popen([sys.executable, "-c", parent], env={**os.environ, "PID_FILE": str(pid_file)})
    pid = pid_in(pid_file)
    stand_in.send_signal(signal.SIGKILL)
    stand_in.wait()
    until(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
