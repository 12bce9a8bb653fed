"""Linux calls that the standard library does not have."""

import contextlib
import ctypes
import os
import signal
from collections.abc import Iterator
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_PR_SET_NAME = 15
_PR_SET_CHILD_SUBREAPER = 36
_IOLBF = 1

_libc = ctypes.CDLL(None, use_errno=True)


def die_with_parent(parent: int, signal_number: signal.Signals = signal.SIGKILL) -> None:
    """Have the kernel send this process a signal when the thread of `parent` that forked it ends."""
    _prctl(_PR_SET_PDEATHSIG, signal_number)
    if os.getppid() != parent:
        os._exit(0)


def adopt_orphans() -> None:
    """Become the parent of descendants whose own parent ends."""
    with contextlib.suppress(OSError):  # A sandbox may not know it: then fewer leftovers are found.
        _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def go_first_for_memory() -> None:
    """Have the kernel kill this process, or one that it starts, before others when memory has run out."""
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")


def name_process(name: str) -> None:
    """What `ps -o comm` and `top` show: 15 characters."""
    with contextlib.suppress(OSError):
        _prctl(_PR_SET_NAME, ctypes.c_char_p(name.encode()))


def flush_c_stdout_by_line() -> None:
    """C code's `printf` would hold a task's output back until the process ends, long after the task."""
    _libc.setvbuf(ctypes.c_void_p.in_dll(_libc, "stdout"), None, _IOLBF, ctypes.c_size_t(0))


def _prctl(option: int, value: object) -> None:
    if _libc.prctl(option, value, 0, 0, 0) != 0:
        error = ctypes.get_errno()
        raise OSError(error, f"prctl({option}): {os.strerror(error)}")


def zombie_status(pid: int) -> int | None:
    """How a process ended that nobody has waited for: exit code or minus the signal. None when it lives, or is not."""
    try:
        fields = Path("/proc", str(pid), "stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return None
    return os.waitstatus_to_exitcode(int(fields[-1])) if fields[0] == b"Z" else None


def children_of(pid: int) -> tuple[int, ...]:
    """The processes whose parent is `pid`, zombies among them. Reads all of /proc: for rare occasions."""
    return tuple(child for child, parent in parents() if parent == pid)


def parents() -> Iterator[tuple[int, int]]:
    """Each process and its parent. Reads all of /proc."""
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            try:
                stat = Path("/proc", entry.name, "stat").read_bytes()
            except OSError:
                continue  # It ended since the listing.
            yield int(entry.name), int(stat.rpartition(b")")[2].split()[1])
