"""A standalone that bad things happen to: its processes, its faults, and what its tasks noted."""

import base64
import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import psutil

from localcloud.faults import Fault, FaultKind
from sailplane.cloud.settings import Settings
from sailplane.cloud.wiring import Cloud, connect
from sailplane.model.ids import RunKey

SHARED = Path(__file__).parents[3] / "shared"
DAGS = Path(__file__).parent / "dags"
PATIENCE_SECONDS = 60.0
QUICK = {"SAILPLANE_LEASE_SECONDS": "3", "SAILPLANE_CALL_DEADLINE": "2", "SAILPLANE_LOG_FLUSH": "0.5"}
"""A killed worker is noticed after three seconds, and a call to a cloud that does not answer fails after two."""


def eventually(probe: Callable[[], Any], what: str, seconds: float = PATIENCE_SECONDS) -> Any:
    """The first true answer of `probe`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        answer = probe()
        if answer:
            return answer
        time.sleep(0.05)
    raise AssertionError(f"gave up waiting until {what}")


class Notes:
    """What tasks noted, and what they wait for; see `dags/noted.py`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(exist_ok=True)

    def lines(self, run_id: str) -> list[list[str]]:
        """Each execution of a task of the run: task_id, try number, pid."""
        file = self._folder / f"{run_id}.notes"
        return [line.split() for line in file.read_text().splitlines()] if file.exists() else []

    def tries(self, run_id: str) -> list[tuple[str, int]]:
        """Each execution of a task of the run, sorted."""
        return sorted((task_id, int(number)) for task_id, number, _pid in self.lines(run_id))

    def repeated(self, run_id: str) -> dict[tuple[str, int], int]:
        """Tries that were executed more than once."""
        return {key: times for key, times in Counter(self.tries(run_id)).items() if times > 1}

    def pid(self, run_id: str, task_id: str, try_number: int = 1) -> int:
        """The process that executes a try; waits until it began."""

        def find() -> int:
            found = [int(pid) for one, number, pid in self.lines(run_id) if (one, int(number)) == (task_id, try_number)]
            return found[0] if found else 0

        pid: int = eventually(find, f"try {try_number} of {task_id} has begun")
        return pid

    def release(self, run_id: str, task_id: str) -> None:
        """Let a task that waits go on."""
        (self._folder / f"{run_id}.{task_id}.released").touch()


class Standalone:
    """One `sailplane standalone` under way, in a process of its own."""

    def __init__(self, home: Path, dags: Path, *options: str, **variables: str) -> None:
        self.home = home
        self.output = home.parent / f"{home.name}.out"
        self.notes = Notes(home.parent / "notes")
        arguments = ["--home", str(home), "--dags", str(dags), "--port", "0", *options]
        environment = {**_outer_environment(), **QUICK, **variables, "BAD_DAY_NOTES": str(home.parent / "notes")}
        with self.output.open("w") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "sailplane.cli", "standalone", *arguments],
                env=environment,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def wait_until_ready(self) -> "Standalone":
        def ready() -> bool:
            assert self.process.poll() is None, self.output.read_text()
            return "Stop it with Ctrl-C" in self.output.read_text()

        eventually(ready, "the standalone runs")
        return self

    @cached_property
    def environment(self) -> dict[str, str]:
        environment: dict[str, str] = json.loads((self.home / "environment.json").read_text())
        return environment

    @cached_property
    def cloud(self) -> Cloud:
        """The same clients as the functions have."""
        return connect(Settings.from_mapping(self.environment))

    # As its user

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Status and JSON of an answer of the web function."""
        password = json.loads((self.home / "auth.json").read_text())["password"]
        login = base64.b64encode(f"admin:{password}".encode()).decode()
        url = self.environment["SAILPLANE_URL"].rstrip("/") + path
        status, text = call(method, url, body, {"Authorization": f"Basic {login}"})
        return status, _decoded(text)

    def get(self, path: str) -> Any:
        status, document = self.ask("GET", path)
        assert status == 200, document
        return document

    def trigger(self, dag_id: str, **body: Any) -> str:
        status, run = self.ask("POST", f"/api/v2/dags/{dag_id}/dagRuns", {"logical_date": None, **body})
        assert status == 200, run
        run_id: str = run["dag_run_id"]
        return run_id

    def run_state(self, dag_id: str, run_id: str) -> str:
        state: str = self.get(f"/api/v2/dags/{dag_id}/dagRuns/{run_id}")["state"]
        return state

    def wait_for_end(self, dag_id: str, run_id: str, seconds: float = PATIENCE_SECONDS) -> str:
        def ended() -> str | None:
            state = self.run_state(dag_id, run_id)
            return state if state in ("success", "failed") else None

        try:
            state: str = eventually(ended, f"run {run_id} has ended", seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}:\n{self.situation(dag_id, run_id)}") from None
        return state

    def situation(self, dag_id: str, run_id: str) -> str:
        """What can be said of a run that does not end."""
        tasks = self.cloud.store.tasks(RunKey(dag_id, run_id))
        lines = [f"{one.key} {one.state} try={one.try_number} alarm={one.alarm_at} {one.error}" for one in tasks]
        for file in sorted((self.home / "cloud" / "logs").glob("*.log")):
            lines.append(f"{file.name}: {file.read_text(errors='replace')[-2000:]}")
        return "\n".join([f"now {datetime.now(UTC)}, run {self.cloud.store.run(RunKey(dag_id, run_id))}", *lines])

    def tasks(self, dag_id: str, run_id: str) -> dict[str, dict[str, Any]]:
        """What the command line shows of a run's task instances, by task_id."""
        shown = self.cli("tasks", "states-for-dag-run", dag_id, run_id, "-o", "json")
        return {row["task_id"]: row for row in json.loads(shown)}

    def log(self, dag_id: str, run_id: str, task_id: str, try_number: int = 1) -> str:
        """The events of a try's log, as the API shows them."""
        log = self.get(f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/logs/{try_number}")
        return "\n".join(line["event"] for line in log["content"])

    def xcom(self, dag_id: str, run_id: str, task_id: str) -> Any:
        path = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/xcomEntries/return_value"
        return self.get(path)["value"]

    def cli(self, *arguments: str) -> str:
        """Standard output of a command that has to succeed."""
        done = subprocess.run(
            [sys.executable, "-m", "sailplane.cli", *arguments, "--home", str(self.home)],
            env=_outer_environment(),
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    # As the world around it

    def admin(self, method: str, path: str, body: Any = None) -> Any:
        status, text = call(method, self.environment["LOCALCLOUD_ADMIN_URL"] + path, body)
        assert status < 300, text
        return _decoded(text)

    def inject(self, point: str, kind: FaultKind, **fields: Any) -> None:
        fault = Fault(point=point, kind=kind, **fields)
        self.admin("POST", "/faults", {name: getattr(fault, name) for name in Fault.__dataclass_fields__})

    def clear_faults(self) -> None:
        self.admin("DELETE", "/faults")

    def pending_faults(self) -> int:
        return len(self.admin("GET", "/faults"))

    def counted(self, name: str) -> int:
        count: int = self.admin("GET", "/counters").get(name, 0)
        return count

    def instances(self, function: str) -> list[int]:
        """Process ids of the function's instances."""
        found = self.admin("GET", "/functions")["functions"][function]["instances"]
        return [instance["pid"] for instance in found if instance["pid"]]

    def url(self, function: str) -> str:
        url: str = self.admin("GET", "/functions")["functions"][function]["url"]
        return url

    def tick(self) -> tuple[int, Any]:
        """One call of the tick function; status and report."""
        status, text = call("POST", self.url("tick"))
        return status, _decoded(text)

    @contextlib.contextmanager
    def ticking(self) -> Iterator[None]:
        """Inside, tick follows tick, as if every second were a new minute."""
        ended = threading.Event()

        def tick_on() -> None:
            while not ended.is_set():
                self.tick()
                ended.wait(1)

        thread = threading.Thread(target=tick_on)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            while thread.is_alive():
                # A tick may stay for a minute. It has nothing to lose.
                self.kill_instances("tick")
                thread.join(0.2)

    def kill_instances(self, function: str) -> None:
        for pid in self.instances(function):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def live_documents(self) -> list[str]:
        """Runs and task instances that something still has to be done about."""
        store, runs = self.cloud.store, self.cloud.store.runs(limit=10_000)
        found = [str(run.key) for run in runs if not run.state.is_terminal or run.alarm_at is not None]
        for run in runs:
            tasks = [one for one in store.tasks(run.key) if not one.state.is_terminal or one.alarm_at is not None]
            found += [f"{run.key} {one.key} {one.state}" for one in tasks]
        return found

    # Its processes

    def family(self) -> list[psutil.Process]:
        """All processes that it started, and those that they started."""
        return psutil.Process(self.process.pid).children(recursive=True)

    def kill(self) -> None:
        """`kill -9` of the process that is the local cloud. Fails when it leaves a process behind."""
        family = self.family()
        self.process.kill()
        self.process.wait()
        assert_gone(family)

    def stop(self, number: int = signal.SIGTERM, seconds: float = 20) -> int:
        """Its exit code. Fails when it leaves a process behind."""
        family = self.family()
        self.process.send_signal(number)
        code = self.process.wait(seconds)
        assert_gone(family)
        return code

    def clean_up(self) -> None:
        if "cloud" in self.__dict__:
            self.cloud.close()
        if self.process.poll() is None:
            for one in [*self.family(), self.process]:
                with contextlib.suppress(psutil.NoSuchProcess):
                    one.kill()
        self.process.wait()


def assert_gone(processes: list[psutil.Process]) -> None:
    _gone, alive = psutil.wait_procs(processes, timeout=10)
    assert not alive, f"left behind: {[one.cmdline() for one in alive]}"


def is_running(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def call(
    method: str, url: str, body: Any = None, headers: Mapping[str, str] | None = None, seconds: float = PATIENCE_SECONDS
) -> tuple[int, bytes]:
    """Status and body of an answer. `body` is sent as JSON unless it is bytes."""
    request = urllib.request.Request(url, method=method, headers=dict(headers or {}))
    if body is not None:
        request.data = body if isinstance(body, bytes) else json.dumps(body).encode()
        request.add_header("Content-Type", "application/json")
    elif method == "POST":
        request.data = b""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=seconds) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def _outer_environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if "EMULATOR" not in name and "SAILPLANE" not in name}
    return {**kept, "PYTHONPATH": str(SHARED), "PYTHONUNBUFFERED": "1"}


def _decoded(data: bytes) -> Any:
    try:
        return json.loads(data)
    except ValueError:
        return data.decode(errors="replace")
