"""Scenario F: how long the first task takes when nothing runs yet.

`new home`: the very first start, on an empty folder. `from nothing`: a start on a home that knows its DAGs, as after a
reboot. `from idle`: the standalone runs, its functions have scaled to zero. Each time ends with the task's `end_date`.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from processes import Process, cpu_between, roles_of
from scenarios import OPERATIONS, PATIENCE_SECONDS, Spread, per_task
from standalone_process import Api, BenchmarkError, StandaloneProcess, seconds_of

DAG_ID = "bench_single"
POLL_SECONDS = 0.25


@dataclass(frozen=True, kw_only=True)
class Timeline:
    """Seconds from the beginning to each step."""

    ready: float
    """The standalone says that it serves."""
    triggered: float
    """The request that triggers the run is answered."""
    claimed: float
    """The worker has claimed the task."""
    ended: float
    """The task has ended."""
    cpu_seconds: Mapping[str, float]
    """What it took, by part, until all was quiet again."""


@dataclass(frozen=True, kw_only=True)
class ColdStarts:
    """By kind of start."""

    timelines: Mapping[str, tuple[Timeline, ...]]
    operations: Mapping[str, float]
    """Of one start from nothing, with its tick and its registration."""

    def seconds(self, kind: str) -> Spread:
        return Spread(values=tuple(one.ended for one in self.timelines[kind]))

    def as_json(self) -> dict[str, object]:
        return {
            "title": "cold start, to the end of the first task of a triggered run",
            "operations": dict(self.operations),
            "starts": {
                kind: {
                    "seconds": self.seconds(kind).as_json(),
                    "timeline": {
                        step: Spread(values=tuple(getattr(one, step) for one in timelines)).as_json()
                        for step in ("ready", "triggered", "claimed", "ended")
                    },
                    "cpu_seconds": _mean([one.cpu_seconds for one in timelines]),
                }
                for kind, timelines in self.timelines.items()
            },
        }


def _mean(parts: Sequence[Mapping[str, float]]) -> dict[str, float]:
    names = sorted({name for part in parts for name in part})
    return {name: round(sum(part.get(name, 0.0) for part in parts) / len(parts), 3) for name in names}


def measure(folder: Path, repeats: int) -> ColdStarts:
    """Start and stop standalones in `folder`, one after another."""
    first = _from_nothing(folder / "cold")
    operations: list[Mapping[str, float]] = []
    from_nothing = tuple(_from_nothing(folder / "cold", operations.append) for _ in range(repeats))
    with StandaloneProcess(folder / "cold") as standalone:
        standalone.wait_until_ready()
        from_idle = tuple(_from_idle(standalone) for _ in range(repeats))
    return ColdStarts(
        timelines={"new home": (first,), "from nothing": from_nothing, "from idle": from_idle},
        operations={kind: operations[-1][kind] for kind in OPERATIONS},
    )


def _from_nothing(home: Path, note: Callable[[Mapping[str, float]], None] = lambda _: None) -> Timeline:
    with StandaloneProcess(home) as standalone:
        standalone.wait_until_ready()
        ready = time.time() - standalone.started_at
        timeline = _fly(standalone, standalone.started_at, ready, [])
        note(per_task({}, standalone.admin().settled_counters(), tasks=1))
        return timeline


def _from_idle(standalone: StandaloneProcess) -> Timeline:
    admin = standalone.admin()
    admin.settled_counters()
    admin.scale_to_zero()
    admin.close()
    before = standalone.tree.read()
    return _fly(standalone, time.time(), 0.0, before)


def _fly(standalone: StandaloneProcess, began: float, ready: float, before: Sequence[Process]) -> Timeline:
    """Trigger one run and follow it to the end of its task. `before`: the processes when it began."""
    api = standalone.api()
    run_id = f"cold-{time.time_ns()}"
    api.trigger(DAG_ID, run_id)
    triggered = time.time() - began
    task = _wait_for_end(api, run_id)
    api.close()
    admin = standalone.admin()
    admin.settled_counters()
    roles = admin.roles()
    admin.close()
    tree = standalone.tree.read()
    return Timeline(
        ready=ready,
        triggered=triggered,
        claimed=seconds_of(task["start_date"]) - began,
        ended=seconds_of(task["end_date"]) - began,
        cpu_seconds=cpu_between(before, tree, roles_of(tree, roles)),
    )


def _wait_for_end(api: Api, run_id: str) -> Mapping[str, str]:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
        for instance in api.instances(DAG_ID, run_id):
            if instance["state"] == "success":
                return instance
            if instance["state"] == "failed":
                raise BenchmarkError(f"{DAG_ID} {run_id} failed: {instance}")
    raise BenchmarkError(f"{DAG_ID} {run_id} had not ended after {PATIENCE_SECONDS:g} s")
