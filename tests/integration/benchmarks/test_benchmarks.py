"""The benchmark script, on its shortest scenario. What it measures is not judged here."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
SCRIPT = ROOT / "benchmarks" / "run.py"
SYSTEMS = ("Sailplane", "goal", "Airflow", "Prefect", "Dagster", "DBOS", "Celery")


def run_script(*arguments: str, timeout: float) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(SCRIPT), *arguments], capture_output=True, text=True, timeout=timeout, check=False
    )


@pytest.mark.slow
def test_one_scenario_gives_a_table_and_json(tmp_path):
    file = tmp_path / "result.json"
    done = run_script("--only", "A", "--repeats", "1", "--json", str(file), timeout=110)
    assert done.returncode == 0, done.stderr
    for system in SYSTEMS:
        assert system in done.stdout
    document = json.loads(file.read_text())
    assert document["repeats"] == 1
    assert document["machine"]["cores"] == len(os.sched_getaffinity(0))
    assert list(document["scenarios"]) == ["A"]
    check_result(document["scenarios"]["A"])


def check_result(result):
    assert result["tasks"] == 50
    seconds = result["seconds"]
    assert 0 < seconds["min"] <= seconds["median"] <= seconds["max"]
    assert seconds["all"] == [seconds["median"]]
    assert set(result["per_task"]) == {"reads", "writes", "commits", "messages", "objects"}
    assert result["per_task"]["writes"]["median"] > 0
    assert {"standalone", "zygote", "web", "worker"} <= set(result["pss_mib"])
    assert sum(result["cpu_seconds"].values()) > 0


def test_an_unknown_scenario_is_refused():
    done = run_script("--only", "A,Z", timeout=60)
    assert done.returncode == 2
    assert "A,B,C,D,E,F" in done.stderr
