"""Scenarios A to D and G: runs that are triggered from outside, and measured to their end.

A time is the run's own `end_date` less the moment before the first request was sent, by the same machine's clock: it is
exact, and nobody has to poll while the run flies. What it leaves out is the one commit that records the end.
"""

import statistics
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from processes import Process, cpu_between, pss_by_role, roles_of
from standalone_process import Admin, Api, BenchmarkError, StandaloneProcess, seconds_of

PATIENCE_SECONDS = 120.0
CONNECTIONS = 4
"""Keep-alive connections over which concurrent runs are triggered."""
OPERATIONS = {
    "reads": ("firestore.reads",),
    "writes": ("firestore.writes",),
    "commits": ("firestore.commits",),
    "messages": ("pubsub.published",),
    "objects": ("storage.class_a", "storage.class_b"),
}
"""What is told per task, and the counters it is the sum of."""


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """One kind of load."""

    letter: str
    title: str
    dag_id: str
    tasks: int
    """Of all runs together."""
    runs: int = 1
    pools: Mapping[str, int] = field(default_factory=dict)
    """What has to be there, with its number of slots."""


SCENARIOS = (
    Scenario(letter="A", title="chain of 50 no-op tasks", dag_id="bench_chain_50", tasks=50),
    Scenario(letter="B", title="100 no-op tasks, then a join", dag_id="bench_fan_100", tasks=101),
    Scenario(letter="C", title="20 runs at once of a chain of 10", dag_id="bench_chain_10", tasks=200, runs=20),
    Scenario(letter="D", title="32 tasks that sleep 1 s, then a join", dag_id="bench_sleeps_32", tasks=33),
    Scenario(
        letter="G",
        title="100 no-op tasks in a pool of 10, then a join",
        dag_id="bench_pool_100",
        tasks=101,
        pools={"bench": 10},
    ),
)


@dataclass(frozen=True, kw_only=True)
class Spread:
    """Several measurements of one thing."""

    values: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    def as_json(self) -> dict[str, object]:
        rounded = [round(value, 4) for value in self.values]
        return {
            "median": round(self.median, 4),
            "min": min(rounded),
            "max": max(rounded),
            "all": rounded,
        }


@dataclass(frozen=True, kw_only=True)
class Result:
    """What a scenario's repeats gave."""

    scenario: Scenario
    seconds: Spread
    operations: Mapping[str, Spread]
    """By kind, each repeat's number a task."""
    cpu_seconds: Mapping[str, float]
    """By part, of a repeat on average."""
    pss_bytes: Mapping[str, int]
    """By part, after the last repeat."""

    def as_json(self) -> dict[str, object]:
        return {
            "title": self.scenario.title,
            "tasks": self.scenario.tasks,
            "seconds": self.seconds.as_json(),
            "per_task": {kind: spread.as_json() for kind, spread in self.operations.items()},
            "cpu_seconds": dict(self.cpu_seconds),
            "pss_mib": in_mib(self.pss_bytes),
        }


def in_mib(sizes: Mapping[str, float]) -> dict[str, float]:
    return {name: round(size / 2**20, 1) for name, size in sizes.items()}


def per_task(before: Mapping[str, int], after: Mapping[str, int], tasks: int) -> dict[str, float]:
    """Operations a task, by kind."""
    return {
        kind: sum(after.get(name, 0) - before.get(name, 0) for name in names) / tasks
        for kind, names in OPERATIONS.items()
    }


@dataclass
class _Series:
    """What the repeats have given so far."""

    seconds: list[float] = field(default_factory=list)
    operations: list[dict[str, float]] = field(default_factory=list)
    trees: list[tuple[Sequence[Process], Sequence[Process]]] = field(default_factory=list)
    """The processes before it was triggered, and when all was quiet."""


class Stage:
    """Flies scenarios on one standalone."""

    def __init__(self, standalone: StandaloneProcess) -> None:
        self._standalone = standalone
        self._apis: Sequence[Api] = [standalone.api() for _ in range(CONNECTIONS)]
        self._admin: Admin = standalone.admin()
        self._number = 0

    def measure(self, scenario: Scenario, repeats: int) -> Result:
        """Fly `scenario` once to warm up, then `repeats` times."""
        for name, slots in scenario.pools.items():
            self._apis[0].make_pool(name, slots)
        likely = self._fly(scenario, 0.0, _Series())
        series = _Series()
        for _ in range(repeats):
            self._fly(scenario, likely, series)
        tree = self._standalone.tree.read()
        known = self._admin.roles()
        used: Counter[str] = Counter()
        for before, after in series.trees:
            used.update(cpu_between(before, after, roles_of(after, known)))
        return Result(
            scenario=scenario,
            seconds=Spread(values=tuple(series.seconds)),
            operations={
                kind: Spread(values=tuple(one[kind] for one in series.operations)) for kind in series.operations[0]
            },
            cpu_seconds={role: round(seconds / repeats, 4) for role, seconds in used.items()},
            pss_bytes=pss_by_role(tree, roles_of(tree, known)),
        )

    def _fly(self, scenario: Scenario, likely_seconds: float, series: _Series) -> float:
        """One repeat, noted in `series`; its seconds."""
        self._number += 1
        run_ids = [f"{scenario.letter}-{self._number}-{number}" for number in range(scenario.runs)]
        before, tree = self._admin.settled_counters(), self._standalone.tree.read()
        triggered_at = self._trigger(scenario.dag_id, run_ids)
        # Nobody asks while it runs: that would cost the time and the reads that are measured.
        time.sleep(likely_seconds * 1.2)
        after, tree_after = self._wait_for_end(scenario.dag_id, run_ids)
        series.trees.append((tree, tree_after))
        series.operations.append(per_task(before, after, scenario.tasks))
        series.seconds.append(self._ended_at(scenario.dag_id, run_ids) - triggered_at)
        return series.seconds[-1]

    def _trigger(self, dag_id: str, run_ids: Sequence[str]) -> float:
        """Trigger all at once over the connections; the moment before the first request."""
        if len(run_ids) == 1:
            triggered_at = time.time()
            self._apis[0].trigger(dag_id, run_ids[0])
            return triggered_at
        barrier = threading.Barrier(CONNECTIONS + 1)
        errors: list[BaseException] = []

        def trigger_share(index: int) -> None:
            barrier.wait()
            try:
                for run_id in run_ids[index::CONNECTIONS]:
                    self._apis[index].trigger(dag_id, run_id)
            except (BenchmarkError, OSError) as error:
                errors.append(error)

        threads = [threading.Thread(target=trigger_share, args=(index,)) for index in range(CONNECTIONS)]
        for thread in threads:
            thread.start()
        triggered_at = time.time()
        barrier.wait()
        for thread in threads:
            thread.join()
        if errors:
            raise errors[0]
        return triggered_at

    def _wait_for_end(self, dag_id: str, run_ids: Sequence[str]) -> tuple[Mapping[str, int], Sequence[Process]]:
        """The counters and processes as they stood when all was over, before anybody asked whether it was."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        waiting = list(run_ids)
        while True:
            state = self._admin.settled_counters(), self._standalone.tree.read()
            while waiting and self._has_ended(dag_id, waiting[-1]):
                waiting.pop()
            if not waiting:
                return state
            if time.monotonic() > deadline:
                raise BenchmarkError(f"{dag_id} {waiting[-1]} had not ended after {PATIENCE_SECONDS:g} s")

    def _has_ended(self, dag_id: str, run_id: str) -> bool:
        run = self._apis[0].run(dag_id, run_id)
        if run["state"] == "failed":
            raise BenchmarkError(f"{dag_id} {run_id} failed: {self._apis[0].instances(dag_id, run_id)}")
        return bool(run["state"] == "success")

    def _ended_at(self, dag_id: str, run_ids: Sequence[str]) -> float:
        return max(seconds_of(self._apis[0].run(dag_id, run_id)["end_date"]) for run_id in run_ids)

    def close(self) -> None:
        for client in (*self._apis, self._admin):
            client.close()
