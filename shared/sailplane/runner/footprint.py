"""How much memory there is and how much of it is used: of the container that this process runs in, and of processes."""

import os
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from sailplane.runner import kernel

_CGROUPS = Path("/sys/fs/cgroup")
_UNKNOWN = 0


class Memory(Protocol):
    """A limit that the platform enforces by killing all of it, and what counts against it. In bytes."""

    @property
    def limit(self) -> int:
        """Above it, all of it is killed."""

    def used(self) -> int:
        """What counts against the limit now."""


@dataclass(frozen=True, kw_only=True)
class Container:
    """A control group, as Cloud Run and Kubernetes make one for each container."""

    limit: int
    usage_file: Path
    stat_file: Path
    reclaimable: str
    """The field of what the kernel can take back, as the cache of files that were read, at no harm."""

    def used(self) -> int:
        try:
            return int(self.usage_file.read_text()) - _field(self.stat_file, self.reclaimable)
        except (OSError, ValueError):
            return _UNKNOWN


@dataclass(frozen=True, kw_only=True)
class Family:
    """This process and all below it, where no control group says what they may use."""

    limit: int

    def used(self) -> int:
        return of_tree(os.getpid())


def memory(given: int | None, root: Path = _CGROUPS) -> Memory | None:
    """What this process may use; None without a limit.

    That is what its container may, or what was `given` where that is less (several share the container) or where the
    container does not say.
    """
    container = _container(root)
    if given is not None and (container is None or given < container.limit):
        return Family(limit=given)
    return container


def _container(root: Path) -> Container | None:
    two = root / "memory.max", root / "memory.current", root / "memory.stat", "inactive_file"
    old = root / "memory"
    one = old / "memory.limit_in_bytes", old / "memory.usage_in_bytes", old / "memory.stat", "total_inactive_file"
    for limit_file, usage_file, stat_file, reclaimable in (two, one):
        found = _limit(limit_file)
        if found is not None:
            return Container(limit=found, usage_file=usage_file, stat_file=stat_file, reclaimable=reclaimable)
    return None


def of_tree(pid: int) -> int:
    """Bytes that a process and all below it take; pages that several of them share are counted in parts."""
    below: defaultdict[int, list[int]] = defaultdict(list)
    for child, parent in kernel.parents():
        below[parent].append(child)
    total, waiting = 0, [pid]
    while waiting:
        one = waiting.pop()
        total += _proportional(one)
        waiting += below[one]
    return total


def _proportional(pid: int) -> int:
    """0 for a process that is no more."""
    folder = Path("/proc", str(pid))
    try:
        return _field(folder / "smaps_rollup", "Pss:") * 1024
    except (OSError, ValueError):  # Not every sandbox has it.
        try:
            return int((folder / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        except OSError:
            return _UNKNOWN


def _limit(file: Path) -> int | None:
    try:
        limit = int(file.read_text())
    except (OSError, ValueError):  # "max" is no limit.
        return None
    # Without a limit the first version of control groups says a number that no machine has.
    return limit if limit < os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") else None


def _field(file: Path, name: str) -> int:
    for line in file.read_text().splitlines():
        words = line.split()
        if words and words[0] == name:
            return int(words[1])
    return 0
