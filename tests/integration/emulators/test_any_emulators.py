"""The integration tests against emulators in other processes, found by nothing but the variables."""

import contextlib
import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from rehearsal import ROOT, eventually

TESTS = (
    "tests/integration/engine/test_engine_runs.py",
    "tests/integration/hooks",
    "tests/integration/emulators/test_compose_rehearsal.py",
)
NEEDS = {"firestore.commits", "firestore.queries", "storage.class_a"}


@pytest.fixture
def other_process(tmp_path: Path) -> Iterator[dict[str, str]]:
    """The variables that `python -m localcloud` in a process of its own prints."""
    output = tmp_path / "localcloud.out"
    arguments = ["--data-dir", str(tmp_path / "cloud"), "--indexes", str(ROOT / "infra" / "firestore.indexes.json")]
    with output.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "localcloud", *arguments], env=clean_environment(), stdout=out, stderr=out
        )

    def printed() -> dict[str, str] | None:
        assert process.poll() is None, output.read_text()
        lines = [line.removeprefix("export ").partition("=") for line in output.read_text().splitlines()]
        variables = {name: value for name, _, value in lines}
        return variables if "LOCALCLOUD_ADMIN_URL" in variables else None

    try:
        yield eventually(printed, "the local cloud runs")
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(20)
        process.kill()


def clean_environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if "EMULATOR" not in name and "SAILPLANE" not in name}
    return {**kept, "PYTHONPATH": str(ROOT / "shared")}


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_integration_tests_run_on_whatever_the_variables_name(other_process: dict[str, str]) -> None:
    named = {name: value for name, value in other_process.items() if name.endswith("EMULATOR_HOST")}
    wanted = ["-m", "not localcloud and not slow", "-p", "no:cacheprovider", *TESTS]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *wanted],
        env={**clean_environment(), **named},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=250,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    with urllib.request.urlopen(f"{other_process['LOCALCLOUD_ADMIN_URL']}/counters") as answer:
        counters = json.loads(answer.read())
    assert {name for name in counters if counters[name]} >= NEEDS, counters
