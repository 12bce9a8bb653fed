"""The small example DAGs do what their comments say. `weather_report` flies with the demo."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[3]


def fly(dag_id: str, *arguments: str) -> tuple[dict[str, Any], str]:
    """The run as `sailplane dags test` tells it, and the log lines."""
    done = subprocess.run(
        [sys.executable, "-m", "sailplane.cli", "dags", "test", dag_id, "--dags", "dags", "-o", "json", *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT / "shared")},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    run: dict[str, Any] = json.loads(done.stdout)
    return run, done.stderr


def instances(run: dict[str, Any]) -> dict[str, tuple[str, int]]:
    return {each["task_id"]: (each["state"], each["try_number"]) for each in run["task_instances"]}


def test_retries_and_rules_succeeds_although_a_task_of_it_fails() -> None:
    run, log = fly("retries_and_rules")
    assert run["state"] == "success"
    assert instances(run) == {
        "lucky_third_try": ("success", 3),
        "hopeless": ("failed", 1),
        "alert": ("success", 1),
        "tidy_up": ("success", 1),
    }
    assert "the order does not exist" in log


def test_nightly_backup_packs_what_its_params_and_its_date_say() -> None:
    run, log = fly("nightly_backup", "--logical-date", "2026-01-03", "--conf", '{"rows": 7}')
    assert run["state"] == "success"
    assert instances(run) == {"pack": ("success", 1), "check": ("success", 1)}
    assert "shop-20260103.tar.gz" in log
    assert "backup of 2026-01-03: 7 rows" in log
