"""What was measured, as JSON and as Markdown tables beside the goals and others' figures."""

import os
import platform
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from coldstart import ColdStarts
from footprint import Footprint
from scenarios import Result

LETTERS = "ABCDEFG"
_COLUMNS = ("", "A chain 50", "B 100 + join", "C 20 x chain 10", "D 32 sleeps", "E idle", "F cold")
GOALS = ("**goal**", "0.15 s", "0.4 s", "0.4 s", "1.1 s", "150 MiB, 1 % of a core", "2.5 s")
OTHERS = (
    ("Airflow 3.3.2, LocalExecutor, PostgreSQL", "54 s", "18 s", "29 s", "7.3 s", "1,566 MiB, 7.3 %", "12.4 s"),
    ("Prefect 3.9.1, server (best of its set-ups)", "1.1 s", "1.1 s", "6.2 s", "2.1 s", "275 MiB, 3.0 %", "9.5 s"),
    ("Dagster 1.13, daemon and web server", "4.4 s", "8.8 s", "43 s", "25 s", "547 MiB, 7.3 %", "10.3 s"),
    ("DBOS 3.4.0 (a library; best of its set-ups)", "0.19 s", "1.5 s", "0.75 s", "1.3 s", "54 MiB, 1.2 %", "0.6 s"),
    ("Celery with Redis (keeps no run state)", "0.16 s", "0.38 s", "0.39 s", "1.07 s", "", "2.7 s"),
)
"""Not measured by this script."""
_NOTE = """\
A to D: from the moment before the first request to the last run's `end_date`, by one machine's clock; the median of the
repeats after one warm-up. E: mean over the window. F: `from nothing`. Rows marked *elsewhere* were not measured by this
script, but on one machine of 2 cores."""


@dataclass
class Report:
    """What has been measured so far."""

    repeats: int
    results: dict[str, Result] = field(default_factory=dict)
    footprint: Footprint | None = None
    cold: ColdStarts | None = None
    load: list[float] = field(default_factory=list)
    """The machine's load average before and after: others' work shows in the times."""

    def as_json(self) -> dict[str, object]:
        scenarios: dict[str, object] = {letter: result.as_json() for letter, result in self.results.items()}
        if self.footprint is not None:
            scenarios["E"] = self.footprint.as_json()
        if self.cold is not None:
            scenarios["F"] = self.cold.as_json()
        return {"machine": machine(), "load": self.load, "repeats": self.repeats, "scenarios": scenarios}

    def as_markdown(self) -> str:
        parts = [table(_COLUMNS, [("**Sailplane**", *map(self._cell, LETTERS)), GOALS, *_marked_others()]), _NOTE]
        if self.results:
            parts.append(table(_RUN_COLUMNS, [_run_row(result) for result in self.results.values()]))
            parts.append(table(*_cpu_rows(self.results)))
        if self.footprint is not None:
            parts.append(table(*_footprint_rows(self.footprint)))
        if self.cold is not None:
            parts.append(table(_COLD_COLUMNS, list(_cold_rows(self.cold))))
        return "\n\n".join(parts)

    def _cell(self, letter: str) -> str:
        if letter in self.results:
            return f"{self.results[letter].seconds.median:.3f} s"
        if letter == "E" and self.footprint is not None:
            return f"{self.footprint.mean_mib:.0f} MiB, {self.footprint.cpu_percent:.1f} %"
        if letter == "F" and self.cold is not None:
            return f"{self.cold.seconds('from nothing').median:.2f} s"
        return ""


def machine() -> dict[str, object]:
    """What the figures depend on."""
    memory = Path("/proc/meminfo").read_text().split()[1]
    return {
        "cores": len(os.sched_getaffinity(0)),
        "memory_mib": int(memory) // 1024,
        "system": platform.platform(),
        "python": platform.python_version(),
    }


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _marked_others() -> Iterator[Sequence[str]]:
    for name, *figures in OTHERS:
        yield (f"{name}, *elsewhere*", *figures)


_RUN_COLUMNS = (
    "scenario",
    "median",
    "min",
    "max",
    "reads/task",
    "writes/task",
    "commits/task",
    "messages/task",
    "objects/task",
)


def _run_row(result: Result) -> Sequence[str]:
    seconds = result.seconds
    times = (f"{value:.3f} s" for value in (seconds.median, min(seconds.values), max(seconds.values)))
    operations = (f"{spread.median:.2f}" for spread in result.operations.values())
    return (f"{result.scenario.letter} {result.scenario.title}", *times, *operations)


def _cpu_rows(results: Mapping[str, Result]) -> tuple[Sequence[str], Sequence[Sequence[str]]]:
    """CPU seconds a repeat, by part."""
    parts = sorted({part for result in results.values() for part in result.cpu_seconds})
    rows = [
        (letter, *(f"{result.cpu_seconds.get(part, 0.0):.3f}" for part in parts)) for letter, result in results.items()
    ]
    return ("CPU seconds a repeat", *parts), rows


def _footprint_rows(footprint: Footprint) -> tuple[Sequence[str], Sequence[Sequence[str]]]:
    parts = sorted({*footprint.pss_bytes, *footprint.cpu_seconds})
    rows = [
        (
            f"E {part}",
            f"{footprint.pss_bytes.get(part, 0) / 2**20:.1f} MiB",
            f"{footprint.cpu_seconds.get(part, 0.0):.2f} s",
        )
        for part in parts
    ]
    return ("idle, by part", "PSS, mean", f"CPU in {footprint.seconds:.0f} s"), rows


_COLD_COLUMNS = ("cold start", "median", "min", "max", "serves after", "triggered", "claimed", "ended", "CPU")


def _cold_rows(cold: ColdStarts) -> Iterator[Sequence[str]]:
    described = cold.as_json()["starts"]
    assert isinstance(described, dict)
    for kind, start in described.items():
        times = (f"{start['seconds'][name]:.2f} s" for name in ("median", "min", "max"))
        steps = (f"{step['median']:.2f} s" for step in start["timeline"].values())
        used = sum(start["cpu_seconds"].values())
        yield (f"F {kind}", *times, *steps, f"{used:.2f} s")
