"""Accounts and estimates of runs that really flew, against what the local cloud counted."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]
sys.path.insert(0, str(ROOT / "benchmarks"))

from standalone_process import Admin, Api, StandaloneProcess  # noqa: E402

pytestmark = [pytest.mark.localcloud, pytest.mark.slow]

DAGS = """
import time
from sailplane import DAG, chain
from sailplane.operators.python import PythonOperator

def work():
    print("at work")
    time.sleep(0.3)

with DAG("flight", schedule=None):
    first, *middle, last = (PythonOperator(task_id=f"t{n}", python_callable=work) for n in range(5))
    first >> middle >> last

with DAG("never", schedule=None):
    chain(*(PythonOperator(task_id=f"t{n}", python_callable=work) for n in range(3)))
"""
PATIENCE_SECONDS = 60
ROUNDING_SECONDS = 0.05
"""That each request adds to its account."""


class Flown:
    """A run of `flight`, ended, with what was counted while it flew."""

    def __init__(self, standalone: StandaloneProcess) -> None:
        self.home = standalone.home
        self.api: Api = standalone.api()
        self.admin: Admin = standalone.admin()
        before = self.admin.settled_counters()
        self.api.trigger("flight", "one")
        deadline = time.monotonic() + PATIENCE_SECONDS
        while self.api.run("flight", "one")["state"] != "success":
            assert time.monotonic() < deadline
            time.sleep(0.2)
        after = self.admin.settled_counters()
        self.counted = {name: after[name] - before.get(name, 0) for name in after}

    def cli(self, *arguments: str) -> Any:
        done = subprocess.run(
            [sys.executable, "-m", "sailplane.cli", *arguments, "-o", "json", "--home", str(self.home)],
            env={**os.environ, "PYTHONPATH": str(ROOT / "shared")},
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


@pytest.fixture(scope="module")
def flown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flown]:
    folder = tmp_path_factory.mktemp("accounts")
    (folder / "dags").mkdir()
    (folder / "dags" / "flights.py").write_text(DAGS)
    with StandaloneProcess(folder / "home", folder / "dags") as standalone:
        standalone.wait_until_ready()
        run = Flown(standalone)
        yield run
        run.api.close()
        run.admin.close()


@pytest.fixture
def cost(flown: Flown) -> dict[str, Any]:
    document: dict[str, Any] = flown.api.ask("GET", "/api/v2/dags/flight/dagRuns/one/cost")
    return document


def test_the_account_of_a_run_has_the_writes_and_objects_that_were_counted(flown: Flown, cost: dict[str, Any]) -> None:
    assert cost["usage"]["writes"] == flown.counted["firestore.writes"]
    assert 5 <= cost["usage"]["class_a"] <= flown.counted["storage.class_a"], "a log each, and parts of slow ones"
    assert cost["usage"]["requests"] == pytest.approx(flown.counted["pubsub.delivered"])


def test_the_time_in_the_account_is_no_more_than_was_billed(flown: Flown, cost: dict[str, Any]) -> None:
    """Three of the five tasks sleep one after the other; the others share that time."""
    usage = cost["usage"]
    metered = usage["vcpu_seconds"] - ROUNDING_SECONDS * usage["requests"]
    assert 3 * 0.3 <= metered <= flown.counted["cloudrun.billable_ms.worker"] / 1000


def test_the_command_line_tells_the_same(flown: Flown, cost: dict[str, Any]) -> None:
    shown = flown.cli("runs", "show", "flight", "one")
    assert shown["cost"] == pytest.approx(cost["total"])
    assert shown["writes"] == cost["usage"]["writes"]
    one = flown.cli("tasks", "show", "flight", "one", "t0")
    assert one["cost"] == pytest.approx(cost["task_instances"][0]["total"])


def test_an_estimate_stands_on_the_runs_that_were(flown: Flown, cost: dict[str, Any]) -> None:
    made = flown.cli("cost", "estimate", "flight", "--runs-per-day", "10")
    assert (made["basis"], made["measured_runs"]) == ("runs", 1)
    assert made["usage_of_a_run"]["writes"] == cost["usage"]["writes"]
    by_service = {row["service"]: row for row in made["costs"]}
    assert by_service["this DAG"]["month"] == pytest.approx(300 * by_service["this DAG"]["one_run"], rel=0.1)
    assert by_service["both"]["month_after_free_quotas"] == 0


def test_an_estimate_of_a_dag_that_never_ran_stands_on_its_structure(flown: Flown) -> None:
    made = flown.cli("cost", "estimate", "never", "--runs-per-day", "1", "--task-seconds", "60")
    assert made["basis"] == "structure"
    assert made["usage_of_a_run"]["writes"] == 3 + 2 + 2 + 3
    assert made["usage_of_a_run"]["vcpu_seconds"] == pytest.approx(180, rel=0.01)


def test_prices_are_listed_with_their_pages() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "sailplane.cli", "cost", "prices"],
        env={**os.environ, "PYTHONPATH": str(ROOT / "shared")},
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=True,
    )
    assert "https://cloud.google.com/run/pricing" in done.stdout
