"""A DAG with mapped tasks and groups through the real engine, child processes and local cloud."""

import json
import os
import subprocess
import sys
from pathlib import Path

SHARED = Path(__file__).parents[3] / "shared"
DAG = """
from sailplane import DAG, AirflowSkipException, get_current_context, task, task_group

with DAG("fleet", schedule=None):

    @task
    def planes():
        return [{"name": f"plane {n}", "seats": n} for n in range(120)]

    @task(map_index_template="{{ plane['name'] }}", retries=1, retry_delay=0)
    def check(plane, base, ti=None):
        get_current_context()["plane"] = plane
        if plane["seats"] == 7 and ti.try_number == 1:
            raise ValueError("not yet")
        if plane["seats"] % 40 == 3:
            raise AirflowSkipException("in the hangar")
        return plane["seats"] + base

    @task(trigger_rule="none_failed")
    def count(seats):
        print(f"flying {len(seats)}, last {seats[-1]}, first {list(seats[:3])}")
        return sum(seats)

    checked = check.partial(base=1000).expand(plane=planes())
    count(checked)

    @task
    def load(crew):
        return crew * 50_000  # More than a document holds.

    @task
    def unload(cargo):
        return len(cargo)

    @task_group
    def trip(crew):
        return unload(load(crew))

    @task
    def tons(cargo):
        print(f"cargo {list(cargo)}")

    tons(trip.expand(crew=["a", "bb"]))

    @task
    def nobody():
        return []

    tons.override(task_id="none_at_all")(trip.override(group_id="no_trip").expand(crew=nobody()))
"""


def test_mapped_tasks_and_groups_fly(tmp_path: Path) -> None:
    (tmp_path / "dags").mkdir()
    (tmp_path / "dags" / "fleet.py").write_text(DAG)
    command = [sys.executable, "-m", "sailplane.cli", "dags", "test", "fleet", "--dags", str(tmp_path / "dags")]
    done = subprocess.run(
        [*command, "-o", "json"],
        env={**os.environ, "PYTHONPATH": str(SHARED)},
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    run = json.loads(done.stdout)
    assert run["state"] == "success"
    by_key = {(each["task_id"], each["map_index"]): each for each in run["task_instances"]}
    checks = [by_key["check", index] for index in range(120)]
    assert [each["map_index"] for each in checks if each["state"] == "skipped"] == [3, 43, 83]
    assert [each["map_index"] for each in checks if each["try_number"] == 2] == [7]
    assert checks[12]["rendered_map_index"] == "plane 12"
    assert "flying 117, last 1119, first [1000, 1001, 1002]" in done.stderr
    assert "cargo [50000, 100000]" in done.stderr
    skipped = {task_id for (task_id, index), each in by_key.items() if index == -1 and each["state"] == "skipped"}
    assert skipped == {"no_trip.load", "no_trip.unload", "none_at_all"}
    assert len(by_key) == 1 + 120 + 1 + 2 * 2 + 1 + 1 + 3
