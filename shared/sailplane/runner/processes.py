"""The supervisor's hold on the processes: how they are started, spoken to and killed."""

import contextlib
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import msgspec

from sailplane.runner import protocol
from sailplane.runner.config import RunnerConfig
from sailplane.runner.file_values import FileValues

_MESSAGE_LIMIT = 16 * 1024 * 1024
_PACKAGES = str(Path(__file__).parents[2])


class Child:
    """One child process, with everything the thread that feeds it waits for in one poll object."""

    def __init__(self, bundle: Path, files: frozenset[str], file_values: FileValues | None = None) -> None:
        self.bundle = bundle
        self.file_values = file_values
        """What its DAG files have read when they were imported."""
        self.files = files
        """DAG files that it has, because its template had imported them."""
        self.pid = 0
        self.exit_status: int | None = None
        """Exit code, or minus the signal; None while it lives or when nobody knows."""
        self.is_clean = True
        """False from when a task begins until it has ended in order."""
        self._is_gone = False
        self._lock = threading.Lock()
        with contextlib.ExitStack() as undo:
            self.control, self._far_control = socket.socketpair()
            self.stdout, self._far_stdout = _pipe(undo)
            self.stderr, self._far_stderr = _pipe(undo)
            self.bell = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
            undo.pop_all()
        self.control.setblocking(False)
        os.set_blocking(self.stdout, False)
        os.set_blocking(self.stderr, False)
        self.poller = select.poll()
        for file in (self.control.fileno(), self.stdout, self.stderr, self.bell):
            self.poller.register(file, select.POLLIN)
        self.outputs = select.poll()
        for file in (self.stdout, self.stderr):
            self.outputs.register(file, select.POLLIN)
        self._is_closed = False

    @property
    def is_gone(self) -> bool:
        """True when the process has ended."""
        return self._is_gone

    def far_ends(self) -> tuple[int, int, int]:
        """What the process itself gets: its socket, stdout and stderr."""
        return self._far_control.fileno(), self._far_stdout, self._far_stderr

    def close_far_ends(self) -> None:
        self._far_control.close()
        os.close(self._far_stdout)
        os.close(self._far_stderr)

    def ring(self) -> None:
        """Wake whoever polls."""
        with self._lock:
            if not self._is_closed:
                os.eventfd_write(self.bell, 1)

    def silence(self) -> None:
        """Take back what `ring` did."""
        with contextlib.suppress(BlockingIOError):
            os.eventfd_read(self.bell)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the child and to what it started, unless it has ended."""
        with self._lock:
            if not self._is_gone and self.pid:
                _signal_group(self.pid, number)

    def end(self, status: int | None) -> None:
        """The process has ended: kill what it left behind while its number is not given to another."""
        with self._lock:
            if not self._is_gone:
                _signal_group(self.pid, signal.SIGKILL)
                self._is_gone = True
                self.exit_status = status
        self.ring()

    def discard(self) -> None:
        """Kill it and give the descriptors back."""
        self.signal(signal.SIGKILL)
        self.close()

    def close(self) -> None:
        """Give the descriptors back. Nobody polls any more."""
        with self._lock:
            if not self._is_closed:
                self._is_closed = True
                self.control.close()
                for file in (self.stdout, self.stderr, self.bell):
                    os.close(file)


def _pipe(undo: contextlib.ExitStack) -> tuple[int, int]:
    ends = os.pipe2(os.O_CLOEXEC)
    for end in ends:
        undo.callback(os.close, end)
    return ends


def _signal_group(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)
        return
    # Right after the fork the child has not made its group yet.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


class TemplateProcess:
    """A running template. Must be started by a thread that outlives it: it dies with that thread."""

    def __init__(self, bundle: Path, config: RunnerConfig, *, has_values: bool = False) -> None:
        self.control, far = socket.socketpair()
        with far:
            setup = _setup(bundle, far.fileno(), config, has_values)
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "sailplane.runner.template", setup],
                env={**config.env, "PYTHONPATH": _python_path(config)},
                stdin=subprocess.DEVNULL,
                stdout=2,
                pass_fds=[far.fileno()],
                start_new_session=True,
            )
        self.pid = self._process.pid
        self._lines = protocol.Lines(_MESSAGE_LIMIT)

    def send(self, command: protocol.ToTemplate, files: tuple[int, ...] = ()) -> bool:
        """False when the template is gone."""
        try:
            if files:
                socket.send_fds(self.control, [protocol.encode(command)], files)
            else:
                self.control.sendall(protocol.encode(command))
        except OSError:
            return False
        return True

    def receive(self) -> list[protocol.FromTemplate] | None:
        """What has come; None when the template is gone, or of no more use."""
        try:
            data = self.control.recv(protocol.READ_SIZE)
        except OSError:
            return None
        if not data:
            return None
        try:
            return [protocol.FROM_TEMPLATE.decode(line) for line in self._lines.feed(data)]
        except (msgspec.DecodeError, UnicodeDecodeError, protocol.NoMessage):
            return None  # A DAG file wrote to our socket when it was imported.

    def leave(self, patience: float) -> int:
        """Have it kill its children and end; its exit status."""
        self.control.close()
        try:
            return self._process.wait(patience)
        except subprocess.TimeoutExpired:
            return self.kill()

    def kill(self) -> int:
        """End it by force; its exit status. The kernel kills its children."""
        self.control.close()
        self._process.kill()
        return self._process.wait()


def _setup(bundle: Path, control: int, config: RunnerConfig, has_values: bool) -> str:
    setup = protocol.Setup(
        bundle=str(bundle),
        supervisor=os.getpid(),
        control=control,
        python_path=config.env.get("PYTHONPATH"),
        entry_points=config.entry_points,
        has_values=has_values,
    )
    return protocol.encode(setup).decode().strip()


def _python_path(config: RunnerConfig) -> str:
    given = config.env.get("PYTHONPATH")
    return f"{_PACKAGES}{os.pathsep}{given}" if given else _PACKAGES
