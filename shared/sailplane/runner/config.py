"""How a runner is set up."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

MEBIBYTE = 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class EntryPoints:
    """Where the template finds the code that knows DAGs, each as `module:function`."""

    load_file: str = "sailplane.authoring.loading:load_file"
    execute: str = "sailplane.authoring.execution:execute"
    preload: str = "sailplane.authoring.execution:preload"
    reading: str = "sailplane.authoring.lookups:reading"


@dataclass(frozen=True, kw_only=True)
class RunnerConfig:
    """The limits and the surroundings of the children."""

    slots: int = 8
    """Children alive at most, of all bundles together."""
    fresh_process: bool = False
    """True: each try gets a process forked for it."""
    idle_child_timeout: timedelta = timedelta(minutes=1)
    """After so long without a task a child ends, and so does the template of a bundle that another has followed."""
    import_timeout: timedelta = timedelta(seconds=30)
    """How long a DAG file's top level may take."""
    kill_grace: timedelta = timedelta(seconds=5)
    """Time between SIGTERM and SIGKILL."""
    log_line_limit: int = 64 * 1024
    """Bytes after which a line is split."""
    log_bytes_limit: int = 64 * MEBIBYTE
    """Bytes of log file that one try may fill; what follows is counted only."""
    env: Mapping[str, str] = field(default_factory=dict)
    """The environment of user code."""
    entry_points: EntryPoints = field(default_factory=EntryPoints)
