"""Runners, and the check that nothing is left of them."""

import os
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from runner_bench import HERE, PLAIN, Bench, descendants, open_files, wait_for

from sailplane.runner.config import RunnerConfig
from sailplane.runner.pool import Runner


@pytest.fixture
def make_bench(tmp_path: Path) -> Iterator[Callable[..., Bench]]:
    """Benches with the settings given. Afterwards no process, thread or file descriptor may be left."""
    before = descendants(), len(open_files()), threading.active_count()
    benches: list[Bench] = []

    def make(*, env: dict[str, str] | None = None, **settings: Any) -> Bench:
        given: dict[str, Any] = {"slots": 4, "kill_grace": timedelta(seconds=0.3), "entry_points": PLAIN, **settings}
        config = RunnerConfig(env={**os.environ, "PYTHONPATH": str(HERE), **(env or {})}, **given)
        bench = Bench(Runner(config), tmp_path / f"spools{len(benches)}", HERE / "bundle")
        benches.append(bench)
        return bench

    yield make
    for bench in benches:
        bench.runner.close()
        bench.threads.shutdown()

    def is_clean() -> bool:
        processes, files, threads = before
        return descendants() <= processes and len(open_files()) <= files and threading.active_count() <= threads

    wait_for(is_clean, 5, f"processes, open files and threads to be what they were: {before}")


@pytest.fixture
def bench(make_bench: Callable[..., Bench]) -> Bench:
    return make_bench()
