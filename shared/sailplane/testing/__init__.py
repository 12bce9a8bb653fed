"""Running DAGs in this process, for tests and under a debugger: no local cloud, no child processes, no waiting."""

from sailplane.testing.given import Given
from sailplane.testing.harness import DagHarness, find_dag
from sailplane.testing.run import FinishedRun

__all__ = ["DagHarness", "FinishedRun", "Given", "find_dag"]
