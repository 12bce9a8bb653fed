"""Scenario E: what a standalone uses while nothing is due, all its processes together.

Measured after the functions have scaled to zero, over a minute in which the clock ticks once: the tick function starts,
finds nothing and stops again, as it does every minute for ever.
"""

import statistics
import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from processes import cpu_between, pss_by_role, roles_of
from scenarios import OPERATIONS, in_mib
from standalone_process import Admin, StandaloneProcess

SAMPLE_SECONDS = 2.0
SETTLE_SECONDS = 3.0


@dataclass(frozen=True, kw_only=True)
class Footprint:
    """One window."""

    seconds: float
    totals: tuple[int, ...]
    """PSS of all processes together, in bytes, at each sample."""
    pss_bytes: Mapping[str, float]
    """By part, averaged over the window."""
    cpu_seconds: Mapping[str, float]
    operations: Mapping[str, int]
    ticks: int

    @property
    def mean_mib(self) -> float:
        return statistics.mean(self.totals) / 2**20

    @property
    def cpu_percent(self) -> float:
        """Of one core."""
        return 100 * sum(self.cpu_seconds.values()) / self.seconds

    def as_json(self) -> dict[str, object]:
        mib = sorted(round(total / 2**20, 1) for total in self.totals)
        return {
            "title": "idle, functions scaled to zero, one tick a minute",
            "seconds": round(self.seconds, 2),
            "ticks": self.ticks,
            "pss_mib": {"mean": round(self.mean_mib, 1), "median": statistics.median(mib), "max": mib[-1]},
            "pss_mib_by_part": in_mib(self.pss_bytes),
            "cpu_percent": round(self.cpu_percent, 2),
            "cpu_seconds": dict(self.cpu_seconds),
            "operations": dict(self.operations),
        }


def measure(standalone: StandaloneProcess, seconds: float) -> Footprint:
    """Scale everything to zero and watch."""
    admin = standalone.admin()
    try:
        admin.scale_to_zero()
        time.sleep(SETTLE_SECONDS)
        return _watch(standalone, admin, seconds)
    finally:
        admin.close()


def _watch(standalone: StandaloneProcess, admin: Admin, seconds: float) -> Footprint:
    before, tree_before = admin.counters(), standalone.tree.read()
    known = admin.roles()
    started = time.monotonic()
    sums: dict[str, float] = defaultdict(float)
    totals: list[int] = []
    while (left := started + seconds - time.monotonic()) > 0:
        time.sleep(min(SAMPLE_SECONDS, left))
        tree = standalone.tree.read()
        sample = pss_by_role(tree, roles_of(tree, known))
        totals.append(sum(sample.values()))
        for role, size in sample.items():
            sums[role] += size
    tree = standalone.tree.read()
    used = cpu_between(tree_before, tree, roles_of(tree, admin.roles()))
    after = admin.counters()
    change = {name: after[name] - before.get(name, 0) for name in after if after[name] != before.get(name, 0)}
    return Footprint(
        seconds=time.monotonic() - started,
        totals=tuple(totals),
        pss_bytes={role: size / len(totals) for role, size in sums.items()},
        cpu_seconds=used,
        operations={
            kind: sum(change.get(name, 0) for name in names) for kind, names in OPERATIONS.items() if kind != "commits"
        },
        ticks=change.get("scheduler.attempts", 0),
    )
