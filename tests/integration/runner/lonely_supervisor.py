"""A process that runs one long task, to be killed by the test that started it."""

import sys
from pathlib import Path

from runner_bench import HERE, PLAIN, Shelf, job

from sailplane.runner.pool import Cancellation, Runner, RunnerConfig

Runner(RunnerConfig(env={"PYTHONPATH": str(HERE), "PATH": "/usr/bin:/bin"}, entry_points=PLAIN)).run(
    job("sleep_with_process"),
    bundle=HERE / "bundle",
    services=Shelf(),
    spool=Path(sys.argv[1]) / "spool",
    cancellation=Cancellation(),
)
