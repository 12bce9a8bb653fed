"""A DAG whose tasks ask a person, through the real engine, child processes and local cloud."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

SHARED = Path(__file__).parents[3] / "shared"
DAGS = """
from datetime import timedelta

from sailplane import DAG, ApprovalOperator, HITLEntryOperator, Param, task

with DAG("asks", schedule=None):
    pieces = HITLEntryOperator(task_id="pieces", subject="How many?", params={"n": Param(3, type="integer")})

    @task
    def order(answer):
        print("ordered", answer["params_input"]["n"] * 2)

    order(pieces.output)

with DAG("decides", schedule=None):
    ApprovalOperator(
        task_id="approve", subject="Deploy?", defaults="Approve", response_timeout=timedelta(seconds=1)
    )
"""


@pytest.fixture
def command(tmp_path: Path) -> list[str]:
    (tmp_path / "dags").mkdir()
    (tmp_path / "dags" / "dags.py").write_text(DAGS)
    return [sys.executable, "-m", "sailplane.cli", "dags", "test", "--dags", str(tmp_path / "dags")]


def environment(tmp_path: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(SHARED), "SAILPLANE_HOME": str(tmp_path / "home")}


def test_whoever_sits_at_the_terminal_is_asked(command: list[str], tmp_path: Path) -> None:
    keyboard, terminal = pty.openpty()
    os.write(keyboard, b"Maybe\n\nOK\n21\n")  # The first is no option, and is asked for again.
    try:
        done = subprocess.run(
            [*command, "asks"],
            env=environment(tmp_path),
            stdin=terminal,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    finally:
        os.close(keyboard)
        os.close(terminal)
    assert done.returncode == 0, done.stderr
    assert "pieces asks: How many?" in done.stdout
    assert "Invalid options ['Maybe']" in done.stderr
    assert "ordered 42" in done.stderr


@pytest.mark.parametrize(
    ("dag_id", "code", "said"), [("asks", 1, "task pieces waits for a person, and nobody is there"), ("decides", 0, "")]
)
def test_where_nobody_is_a_task_takes_its_defaults_or_says_that_it_cannot(
    command: list[str], tmp_path: Path, dag_id: str, code: int, said: str
) -> None:
    done = subprocess.run(
        [*command, dag_id],
        env=environment(tmp_path),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, said in done.stderr) == (code, True), done.stderr
