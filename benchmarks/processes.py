"""What a tree of processes uses, as Linux accounts it."""

import contextlib
import os
import signal
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_ENDED = " (ended children)"
ROOT_ROLE = "standalone"


@dataclass(frozen=True, kw_only=True)
class Process:
    """One process at one moment."""

    pid: int
    parent: int
    started: int
    """Clock ticks since boot; with `pid` it names one process for good."""
    own_seconds: float
    """CPU time of all its threads."""
    ended_seconds: float
    """CPU time of the children that it has waited for, and of theirs."""

    @cached_property
    def command(self) -> str:
        try:
            return Path(f"/proc/{self.pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            return ""

    def pss_bytes(self) -> int:
        """Proportional set size: memory shared by n processes counts 1/n in each. 0 when it is gone."""
        try:
            lines = Path(f"/proc/{self.pid}/smaps_rollup").read_text().splitlines()
        except OSError:
            return 0
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))

    def kill_if_left(self) -> None:
        now = read_process(self.pid)
        if now is not None and now.started == self.started:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)


def read_process(pid: int) -> Process | None:
    """None when there is no such process."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    # The name in parentheses may hold anything; the numbered fields follow it, from 3.
    fields = text.rpartition(")")[2].split()
    return Process(
        pid=pid,
        parent=int(fields[1]),
        started=int(fields[19]),
        own_seconds=(int(fields[11]) + int(fields[12])) / _TICKS,
        ended_seconds=(int(fields[13]) + int(fields[14])) / _TICKS,
    )


class Tree:
    """A process and all its descendants."""

    def __init__(self, root: int) -> None:
        self.root = root

    def read(self) -> list[Process]:
        """Parents come before their children."""
        children: dict[int, list[Process]] = defaultdict(list)
        for entry in Path("/proc").iterdir():
            process = read_process(int(entry.name)) if entry.name.isdecimal() else None
            if process is not None:
                children[process.parent].append(process)
        top = read_process(self.root)
        found = [top] if top is not None else []
        for process in found:
            found += children[process.pid]
        return found


def roles_of(tree: Iterable[Process], known: Mapping[int, str]) -> dict[int, str]:
    """What each process is: as `known` says, or by its command; else it belongs to its parent's part."""
    roles: dict[int, str] = {}
    for process in tree:
        inherited = roles.get(process.parent, ROOT_ROLE)
        if process.pid in known:
            roles[process.pid] = known[process.pid]
        elif inherited == "template":
            roles[process.pid] = "children"
        elif "sailplane.runner.template" in process.command:
            roles[process.pid] = "template"
        else:
            roles[process.pid] = "functions" if inherited == "zygote" else inherited
    return roles


def cpu_between(before: Iterable[Process], after: Iterable[Process], roles: Mapping[int, str]) -> dict[str, float]:
    """CPU seconds used in between, by part; parts that used none are left out.

    No second is lost when a process ends: its time goes over to the one that waited for it, and is listed there apart.
    """
    then = {(one.pid, one.started): one for one in before}
    used: dict[str, float] = defaultdict(float)
    survivors: dict[int, Process] = {}
    for process in after:
        old = then.pop((process.pid, process.started), None)
        survivors[process.pid] = process
        used[roles[process.pid]] += process.own_seconds - (old.own_seconds if old else 0)
        used[roles[process.pid] + _ENDED] += process.ended_seconds - (old.ended_seconds if old else 0)
    lost = {one.pid: one for one in then.values()}
    for process in lost.values():
        heir = process.parent
        while heir in lost:
            heir = lost[heir].parent
        if heir in survivors:
            used[roles[heir] + _ENDED] -= process.own_seconds + process.ended_seconds
    return {role: round(seconds, 3) for role, seconds in sorted(used.items()) if round(seconds, 3)}


def pss_by_role(tree: Iterable[Process], roles: Mapping[int, str]) -> dict[str, int]:
    used: dict[str, int] = defaultdict(int)
    for process in tree:
        used[roles[process.pid]] += process.pss_bytes()
    return used
