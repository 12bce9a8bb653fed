"""`sailplane demo` on real data."""

import contextlib
import json
import os
import pty
import subprocess
import sys

import psutil
import pytest

REPORT = "reports/seattle-weather/"


def test_the_demo_flies_shows_and_ends(cli, tmp_path):
    home = tmp_path / "home"
    done = cli("demo", "--exit", "--home", str(home), "--port", "0")
    assert done.returncode == 0, done.stdout + done.stderr
    order = ("wait_for_data: up_for_reschedule", "Uploaded gs://", "wait_for_data: success", "write_report: success")
    positions = [done.stdout.index(words) for words in order]
    assert positions == sorted(positions)
    for name in ("report.md", "chart.svg", "summary.json"):
        assert f"gs://sailplane/{REPORT}{name}" in done.stdout
    assert "weather_report manual__" in done.stdout
    assert not (home / "environment.json").exists()


def test_the_demo_goes_on_serving_until_it_is_stopped(start_demo, wait_until, cli):
    demo, home = start_demo()
    wait_until(lambda: "Stop it with Ctrl-C" in demo.text(), "the demo has flown")
    listed = json.loads(cli("runs", "list", "weather_report", "--home", str(home), "-o", "json").stdout)
    assert [run["state"] for run in listed] == ["success"]
    assert "login    admin / " in demo.text()
    assert demo.interrupt() == 0


def test_the_demo_can_be_stopped_on_its_way(start_demo, wait_until):
    demo, home = start_demo()
    wait_until((home / "environment.json").exists, "the demo is on its way")
    assert demo.interrupt() == 0


class DemoOnTerminal:
    """A demo that believes to write to a terminal."""

    def __init__(self, home, environment):
        master, slave = pty.openpty()
        self._master = master
        self._seen = b""
        os.set_blocking(master, False)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "sailplane.cli", "demo", "--home", str(home), "--port", "0"],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env={**environment, "COLUMNS": "200", "TERM": "xterm"},
            start_new_session=True,
        )
        os.close(slave)

    def text(self):
        try:
            while data := os.read(self._master, 65536):
                self._seen += data
        except (BlockingIOError, OSError):
            pass
        return self._seen.decode(errors="replace")

    def interrupt(self):
        family = psutil.Process(self.process.pid).children(recursive=True)
        self.process.send_signal(2)
        code = self.process.wait(60)
        _gone, alive = psutil.wait_procs(family, timeout=10)
        assert not alive
        return code

    def clean_up(self):
        with contextlib.suppress(psutil.NoSuchProcess):
            for one in psutil.Process(self.process.pid).children(recursive=True):
                one.kill()
        self.process.kill()
        self.process.wait()
        os.close(self._master)


@pytest.fixture
def start_demo(tmp_path, environment_of):
    started = []

    def start():
        home = tmp_path / "home"
        started.append(DemoOnTerminal(home, environment_of(home)))
        return started[-1], home

    yield start
    for demo in started:
        demo.clean_up()
