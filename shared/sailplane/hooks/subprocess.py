"""Running a command: its output line by line, its whole process group ended when the task is."""

import os
import signal
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

GRACE = timedelta(seconds=5)
"""How long a command that is told to end may take for it."""


@dataclass(frozen=True, kw_only=True)
class CommandResult:
    exit_code: int
    last_line: str
    """Of stdout and stderr together."""


class SubprocessHook:
    """One command at a time."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def run_command(
        self,
        command: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        cwd: str | None = None,
        output_encoding: str = "utf-8",
        on_line: Callable[[str], None],
    ) -> CommandResult:
        """Run `command` to its end; `on_line` gets each line of its output when it is there.

        Without `cwd` it runs in a new folder that is removed afterwards. Whatever ends this early ends the command too.
        """
        with ExitStack() as stack:
            folder = cwd or stack.enter_context(tempfile.TemporaryDirectory(prefix="sailplane"))
            self._process = subprocess.Popen(
                command,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                cwd=folder,
                env=dict(env) if env is not None else None,
                process_group=None if _leads_its_group() else 0,
            )
            stack.callback(self.end)
            line = self._follow(self._process, output_encoding, on_line)
            return CommandResult(exit_code=self._process.wait(), last_line=line)

    def _follow(self, process: subprocess.Popen[bytes], encoding: str, on_line: Callable[[str], None]) -> str:
        assert process.stdout is not None
        line = ""
        with process.stdout as output:
            for raw in output:
                line = raw.decode(encoding, errors="backslashreplace").rstrip()
                on_line(line)
        return line

    def end(self) -> None:
        """End the command and all that it started: first politely, then surely. Nothing happens once it has ended."""
        process, self._process = self._process, None
        if process is None or process.poll() is not None:
            return
        _signal_group(process.pid, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(GRACE.total_seconds())
        _signal_group(process.pid, signal.SIGKILL)
        process.wait()


def _leads_its_group() -> bool:
    """True in a process that has a group for itself and its children, as one that runs tasks has.

    A command then stays in that group, so that whoever kills the group from outside gets the command too.
    """
    return os.getpgrp() == os.getpid()


def _signal_group(pid: int, number: signal.Signals) -> None:
    """Signal the command `pid` and what it started, but not this process."""
    with suppress(ProcessLookupError):
        group = os.getpgid(pid)
        if group != os.getpgrp():
            os.killpg(group, number)
            return
    for member in _descendants(pid):
        with suppress(ProcessLookupError, PermissionError):
            os.kill(member, number)


def _descendants(pid: int) -> list[int]:
    """`pid` and the processes that it and its children started."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError, ValueError, IndexError):
                # The name in brackets may hold anything; after it come the state and the parent.
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                children.setdefault(parent, []).append(int(entry.name))
    found = [pid]
    for member in found:
        found.extend(children.get(member, ()))
    return found
