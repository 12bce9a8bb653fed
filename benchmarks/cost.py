"""Measures what Sailplane uses of Google's services, and writes it into the cost model and docs/cost.md.

Starts a fresh `sailplane standalone` with its real functions, flies a chain, a fan-out and polling sensors, and reads
the local cloud's counters, which count as Google bills. `--render` only writes the page anew, after a change of prices.
"""

import argparse
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from standalone_process import SHARED, Admin, Api, BenchmarkError, StandaloneProcess

sys.path.insert(0, str(SHARED))

from sailplane.cost import measured, page
from sailplane.cost.assumptions import TICK_GIB, TICK_VCPUS, WORKER_GIB, WORKER_VCPUS
from sailplane.cost.prices import current

HERE = Path(__file__).resolve().parent
PAGE = HERE.parent / "docs" / "cost.md"
FOLDERS = (HERE / "dags", HERE / "cost_dags")
IDLE_TICKS = 20
PATIENCE_SECONDS = 180.0
LEAST_BYTES = 1000
"""Pub/Sub bills each request with this volume at least, once for publishing and once for delivering."""

RUN_WRITES = 2
"""Of the run of the sensors: its beginning and its end."""
POKE_WRITES = 3
"""A poke is queued, claimed, and ended or suspended."""

Counters = Mapping[str, int]


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="benchmarks/cost.py", description="Measure what Sailplane costs.")
    parser.add_argument("--render", action="store_true", help="measure nothing; only write docs/cost.md anew")
    parser.add_argument(
        "--measured", type=Path, default=measured.FILE, metavar="FILE", help="what is measured, as JSON"
    )
    parser.add_argument("--page", type=Path, default=PAGE, metavar="FILE", help="the page whose tables are written")
    parser.add_argument("--repeats", type=int, default=10, help="runs of the chain and of the fan-out")
    options = parser.parse_args(arguments)
    if not options.render:
        try:
            document = measure(options.repeats)
        except BenchmarkError as error:
            sys.stderr.write(f"{error}\n")
            return 1
        options.measured.write_text(json.dumps(document, indent=1) + "\n")
    options.page.write_text(page.updated(options.page.read_text(), measured.load(options.measured), current()))
    return 0


def measure(repeats: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="sailplane-cost-", ignore_cleanup_errors=True) as folder:
        dags = Path(folder) / "dags"
        for source in FOLDERS:
            shutil.copytree(source, dags, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
        with StandaloneProcess(Path(folder) / "home", dags) as standalone:
            standalone.wait_until_ready()
            return _measure(Stage(standalone.api(), standalone.admin()), repeats)


def _measure(stage: "Stage", repeats: int) -> dict[str, Any]:
    for dag_id in ("bench_chain_50", "bench_fan_100"):
        stage.fly(dag_id)
    chain = stage.watched(lambda: stage.fly("bench_chain_50", repeats))
    fan = stage.watched(lambda: stage.fly("bench_fan_100", repeats))
    # Before the sensors: for them a tick stays, and ticks side by side are billed as one.
    ticks = stage.watched(lambda: stage.tick(IDLE_TICKS))
    polls = stage.watched(lambda: stage.fly("cost_polls", ticks=1))
    numbers = {
        "chain": 50 * repeats,
        "fan": 101 * repeats,
        "poll": (polls["firestore.writes"] - RUN_WRITES) // POKE_WRITES,
    }
    return {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "chain_commits": round(chain["firestore.commits"] / numbers["chain"], 3),
        "fan_commits": round(fan["firestore.commits"] / numbers["fan"], 3),
        "poll_commits": round(polls["firestore.commits"] / numbers["poll"], 3),
        "chain_task": _usage(chain, numbers["chain"]),
        "fan_task": _usage(fan, numbers["fan"]),
        "poll": _usage(polls, numbers["poll"]),
        "tick": _tick(ticks),
    }


class Stage:
    """One standalone under measurement."""

    def __init__(self, api: Api, admin: Admin) -> None:
        self._api = api
        self._admin = admin
        self._number = 0
        self._asked = 0

    def watched(self, act: Callable[[], None]) -> dict[str, int]:
        """What was counted while `act` went on, without our own questions; a tick that falls into it is in it too."""
        before = self._admin.settled_counters()
        self._asked = 0
        act()
        after = self._admin.settled_counters()
        counted = {name: after[name] - before.get(name, 0) for name in after}
        counted["firestore.reads"] -= self._asked
        return counted

    def fly(self, dag_id: str, times: int = 1, *, ticks: int = 0) -> None:
        """Run it to its end, one run after the other. The clock comes `ticks` times soon after the start of each, so
        that what is counted does not depend on the second at which it starts."""
        for _ in range(times):
            self._number += 1
            run_id = f"cost-{self._number}"
            self._api.trigger(dag_id, run_id)
            if ticks:
                time.sleep(1.0)
                self.tick(ticks)
            deadline = time.monotonic() + PATIENCE_SECONDS
            while not self._has_succeeded(dag_id, run_id):
                if time.monotonic() > deadline:
                    raise BenchmarkError(f"{dag_id} {run_id} did not succeed within {PATIENCE_SECONDS:g} s")

    def _has_succeeded(self, dag_id: str, run_id: str) -> bool:
        """Whether it has by now, give or take a second. One read."""
        time.sleep(1.0)
        self._asked += 1
        return bool(self._api.run(dag_id, run_id)["state"] == "success")

    def tick(self, times: int) -> None:
        for _ in range(times):
            self._admin.ask("POST", "/scheduler/jobs/tick/run", {})


def _usage(counted: Counters, number: int) -> dict[str, float]:
    """The share of one task or poke in what was counted, as `Usage` names it, of the worker's machine."""
    seconds = counted.get("cloudrun.billable_ms.worker", 0) / 1000
    # Not those published: the bucket tells of each log, too, which goes nowhere.
    messages = counted["pubsub.delivered"]
    size = counted["pubsub.bytes"] * messages / counted["pubsub.published"]
    amounts = {
        "reads": counted["firestore.reads"],
        "writes": counted["firestore.writes"],
        "deletes": counted.get("firestore.deletes", 0),
        "messages": messages,
        "message_bytes": 2 * max(size, LEAST_BYTES * messages),
        "requests": messages,
        "vcpu_seconds": seconds * WORKER_VCPUS,
        "gib_seconds": seconds * WORKER_GIB,
        "class_a": counted.get("storage.class_a", 0),
        "class_b": counted.get("storage.class_b", 0),
    }
    return {name: round(amount / number, 6) for name, amount in amounts.items() if amount}


def _tick(counted: Counters) -> dict[str, float]:
    number = counted["scheduler.attempts"]
    seconds = counted["cloudrun.billable_ms.tick"] / 1000 / number
    return {
        "reads": counted["firestore.reads"] / number,
        "requests": 1,
        "vcpu_seconds": round(seconds * TICK_VCPUS, 6),
        "gib_seconds": round(seconds * TICK_GIB, 6),
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
