"""Packages that DAGs need beside Sailplane: one set beside the DAG files, and a queue's own."""

import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from bad_day import Standalone, eventually

DAG_FILE = """
import plumage

from sailplane import DAG, task


@task
def look():
    import plumage
    import grpc

    return [plumage.COLOUR, bool(grpc.__version__)]


with DAG("coloured", schedule=None, tags=[plumage.COLOUR]):
    for queue in ("default", "own", "vm"):
        look.override(task_id=queue, queue=queue)()
"""
CONFIG = """
[queues.own]
kind = "job"
requirements = "own/requirements.txt"

[queues.vm]
kind = "pull"
"""


def make_wheel(folder: Path, version: str, colour: str) -> str:
    """A package `plumage`, as a file in `folder`; its name."""
    name = f"plumage-{version}-py3-none-any.whl"
    info = f"plumage-{version}.dist-info"
    with zipfile.ZipFile(folder / name, "w") as wheel:
        wheel.writestr("plumage.py", f"COLOUR = {colour!r}\n")
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: plumage\nVersion: {version}\n")
        wheel.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(f"{info}/RECORD", f"plumage.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n")
    return name


@pytest.fixture
def dags(tmp_path: Path) -> Path:
    folder = tmp_path / "dags"
    (folder / "own").mkdir(parents=True)
    (folder / "coloured.py").write_text(DAG_FILE)
    (folder / "sailplane.toml").write_text(CONFIG)
    (folder / "requirements.txt").write_text(f"./{make_wheel(folder, '1.0', 'white')}\n")
    (folder / "own" / "requirements.txt").write_text(f"./{make_wheel(folder / 'own', '2.0', 'red')}\n")
    return folder


@pytest.fixture
def standalone(tmp_path: Path, dags: Path) -> Iterator[Standalone]:
    running = Standalone(tmp_path / "home", dags, "--no-tick")
    try:
        yield running.wait_until_ready()
    finally:
        running.clean_up()


@pytest.mark.slow
def test_dag_files_and_each_queue_have_the_packages_that_they_ask_for(standalone: Standalone) -> None:
    assert standalone.get("/api/v2/dags/coloured")["tags"][0]["name"] == "white"
    run_id = standalone.trigger("coloured")
    assert standalone.wait_for_end("coloured", run_id) == "success"
    assert {queue: standalone.xcom("coloured", run_id, queue) for queue in ("default", "own", "vm")} == {
        "default": ["white", True],
        "own": ["red", True],
        "vm": ["white", True],
    }
    assert standalone.output.read_text().count("Installing what") == 2
    assert len(list((standalone.home / "environments").glob("*/ready"))) == 2


@pytest.mark.slow
def test_packages_and_queues_that_change_are_taken_up_while_it_runs(standalone: Standalone, dags: Path) -> None:
    (dags / "requirements.txt").write_text(f"./{make_wheel(dags, '3.0', 'blue')}\n")
    (dags / "sailplane.toml").write_text('[queues.own]\nkind = "function"\n[queues.vm]\nkind = "pull"\nconcurrency = 2')
    eventually(lambda: "as the files say now" in standalone.output.read_text(), "the change was taken up")
    eventually(
        lambda: standalone.get("/api/v2/dags/coloured")["tags"][0]["name"] == "blue", "the DAG file was read again"
    )
    run_id = standalone.trigger("coloured")
    assert standalone.wait_for_end("coloured", run_id) == "success"
    found = {queue: standalone.xcom("coloured", run_id, queue) for queue in ("default", "own", "vm")}
    assert set(map(tuple, found.values())) == {("blue", True)}
    (dags / "sailplane.toml").write_text("[queues.own]\nkind = 'balloon'")
    eventually(lambda: "The queues stay as they were" in standalone.output.read_text(), "the mistake was told")
    assert standalone.wait_for_end("coloured", standalone.trigger("coloured")) == "success"


def test_what_cannot_be_installed_stops_the_start_and_is_named(tmp_path: Path, dags: Path) -> None:
    (dags / "requirements.txt").write_text("./not-there-1.0-py3-none-any.whl\n")
    done = subprocess.run(
        [sys.executable, "-m", "sailplane.cli", "standalone", "--home", str(tmp_path / "home"), "--dags", str(dags)],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 1
    assert "not-there-1.0-py3-none-any.whl" in done.stderr
    assert "Traceback" not in done.stderr
