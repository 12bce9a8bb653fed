"""The template process: imports the DAG files of one bundle once, and forks children that share its memory.

`python -m sailplane.runner.template SETUP`. Single-threaded for our part and without grpc, so that a fork is safe and
takes a millisecond. It ends when the supervisor does, and takes its children and what they started with it.
"""

import _signal  # type: ignore[import-not-found]  # signal.signal makes enums: ten times as slow
import contextlib
import gc
import os
import select
import signal
import socket
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NoReturn

from sailplane.model.errors import Unavailable
from sailplane.runner import imports, kernel, protocol
from sailplane.runner.child import Execute, Outfit, become_child
from sailplane.runner.hygiene import TEMPLATE_SIGNALS

_MESSAGE_LIMIT = 1024 * 1024
_FDS_PER_FORK = 3
_LAST_WORDS_PATIENCE = 2.0


class SupervisorGone(Exception):
    """Nobody is left to work for."""


class Control:
    """The template's end of the socket to the supervisor."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._lines = protocol.Lines(_MESSAGE_LIMIT)
        self._fds: list[int] = []
        self._asked = 0
        self._kept: list[protocol.ToTemplate] = []

    def fileno(self) -> int:
        return self._socket.fileno()

    def receive(self) -> list[protocol.ToTemplate]:
        """What has come, at least something. Raises `SupervisorGone`."""
        data, fds, _, _ = socket.recv_fds(self._socket, protocol.READ_SIZE, 16 * _FDS_PER_FORK, socket.MSG_CMSG_CLOEXEC)
        if not data:
            raise SupervisorGone
        self._fds.extend(fds)
        return [protocol.TO_TEMPLATE.decode(line) for line in self._lines.feed(data)]

    def ask(self, question: Callable[[int], protocol.FromTemplate]) -> str | None:
        """The supervisor's answer. Commands that come before it are kept. Raises `Unavailable` when there is none."""
        self._asked += 1
        self.send(question(self._asked))
        poller = select.poll()
        poller.register(self._socket, select.POLLIN)
        while True:
            poller.poll()
            answer: protocol.Answer | None = None
            with _undisturbed():
                for message in self.receive():
                    if not isinstance(message, protocol.Answer):
                        self._kept.append(message)
                    elif message.number == self._asked:  # Else to a file that was given up while it waited.
                        answer = message
            if answer is not None and answer.failure is not None:
                raise Unavailable(answer.failure)
            if answer is not None:
                return answer.value

    def take_kept(self) -> Iterator[protocol.ToTemplate]:
        """Commands that came while a question was open."""
        while self._kept:
            yield self._kept.pop(0)

    def take_fds(self) -> tuple[int, int, int]:
        """The descriptors that came with a `Fork`: the child's socket, stdout and stderr."""
        control, stdout, stderr = self._fds[:_FDS_PER_FORK]
        del self._fds[:_FDS_PER_FORK]
        return control, stdout, stderr

    def send(self, message: protocol.FromTemplate) -> None:
        try:
            self._socket.sendall(protocol.encode(message))
        except ConnectionError as error:
            raise SupervisorGone from error

    def close(self) -> None:
        self._socket.close()


class FileServices:
    """What DAG files may ask while they are imported here; see `ReadingServices`."""

    def __init__(self, control: Control) -> None:
        self._control = control

    def variable(self, key: str) -> str | None:
        return self._control.ask(lambda number: protocol.AskVariable(number=number, key=key))

    def connection(self, conn_id: str) -> str | None:
        return self._control.ask(lambda number: protocol.AskConnection(number=number, conn_id=conn_id))

    def looked_in(self) -> str:
        return self._control.ask(lambda number: protocol.AskLookedIn(number=number)) or ""


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """No alarm rings in the block: what was received would be lost. It rings right after."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class Template:
    """The files that are imported, and the children that live."""

    def __init__(self, setup: protocol.Setup, control: Control) -> None:
        self._bundle = Path(setup.bundle)
        self._control = control
        self._load_file: imports.LoadFile = imports.find(setup.entry_points.load_file)
        self._execute: Execute = imports.find(setup.entry_points.execute)
        imports.find(setup.entry_points.preload)()
        self._reading: Any = imports.find(setup.entry_points.reading) if setup.has_values else None
        self._files: dict[str, Mapping[str, Any]] = {}
        self._living: set[int] = set()
        self._ended: set[int] = set()
        self._own: frozenset[int] = frozenset()
        """Processes that a DAG file started when it was imported: no task's leftovers."""
        self._strays: set[int] = set()
        """Leftovers of tasks that were killed and are not collected."""
        self._pid = os.getpid()
        self._outfit = Outfit()
        self._bell, self._bell_rope = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._listen_for_ends()

    def serve(self) -> NoReturn:
        poller = select.poll()
        poller.register(self._control.fileno(), select.POLLIN)
        poller.register(self._bell, select.POLLIN)
        while True:
            ready = {file for file, _ in poller.poll()}
            if self._bell in ready:
                self._report_ends()
            if self._control.fileno() in ready:
                for command in self._control.receive():
                    self._obey(command)
                for command in self._control.take_kept():
                    self._obey(command)

    def close(self) -> None:
        """Kill every child with all that it started."""
        for pid in self._living | self._ended:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(pid, signal.SIGKILL)
        give_up_at = time.monotonic() + _LAST_WORDS_PATIENCE
        while time.monotonic() < give_up_at:
            self._kill_strays()
            if not _reap_all():
                return
            time.sleep(0.002)

    def _obey(self, command: protocol.ToTemplate) -> None:
        match command:
            case protocol.Load():
                self._control.send(self._load(command))
            case protocol.Fork():
                self._control.send(self._fork())
            case protocol.Release():
                self._release(command)

    def _load(self, command: protocol.Load) -> protocol.Loaded:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        self._outfit.capture.remove()
        try:
            with self._reading(FileServices(self._control)) if self._reading else contextlib.nullcontext():
                self._files[command.file] = imports.load(self._load_file, self._bundle, command.file, command.seconds)
        except BaseException as error:  # noqa: BLE001,RUF100 - user code at the edge of the process
            return protocol.Loaded(
                file=command.file,
                error=imports.describe(error, self._bundle, command.file),
                traceback=imports.traceback_text(error, self._bundle),
            )
        finally:
            self._settle()
        return protocol.Loaded(file=command.file)

    def _settle(self) -> None:
        """After user code has run here: our signal handlers again, and what it made is shared with the children."""
        self._outfit = Outfit()
        self._listen_for_ends()
        self._report_ends()
        if not self._living and not self._ended:
            self._own = frozenset(_children())
        gc.freeze()

    def _fork(self) -> protocol.Forked:
        fds = self._control.take_fds()
        try:
            pid = _fork()
        except OSError as error:
            for fd in fds:
                os.close(fd)
            return protocol.Forked(failure=f"no process could be forked: {error.strerror}")
        if pid == 0:
            self._be_child(*fds)
        self._living.add(pid)
        for fd in fds:
            os.close(fd)
        return protocol.Forked(pid=pid)

    def _be_child(self, control: int, stdout: int, stderr: int) -> NoReturn:
        os.setpgid(0, 0)
        kernel.die_with_parent(self._pid)
        kernel.go_first_for_memory()
        signal.set_wakeup_fd(-1)
        for own in TEMPLATE_SIGNALS:
            _signal.signal(own, int(signal.SIG_DFL))
        for fd in (self._bell, self._bell_rope):
            os.close(fd)
        self._control.close()
        gc.enable()
        become_child(control, (stdout, stderr), self._files, self._execute, self._outfit)

    def _listen_for_ends(self) -> None:
        # Both only ring the bell. A handler that raised could strike while `close` is at work: when the supervisor is
        # killed, its socket closes first and the kernel's SIGTERM follows.
        for number in TEMPLATE_SIGNALS:
            signal.signal(number, lambda _number, _frame: None)
        signal.set_wakeup_fd(self._bell_rope, warn_on_full_buffer=False)

    def _report_ends(self) -> None:
        with contextlib.suppress(BlockingIOError):
            if signal.SIGTERM in os.read(self._bell, 4096):
                raise SupervisorGone
        self._reap_strays()
        for pid in tuple(self._living):
            end = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            if end is not None:
                self._living.discard(pid)
                self._ended.add(pid)
                status = end.si_status if end.si_code == os.CLD_EXITED else -end.si_status
                self._control.send(protocol.Exited(pid=pid, status=status))

    def _release(self, command: protocol.Release) -> None:
        os.waitpid(command.pid, 0)
        self._ended.discard(command.pid)
        if command.left_processes:
            self._kill_strays()

    def _kill_strays(self) -> None:
        """Orphans of tasks come to us: those that had left their task's process group too."""
        for pid in _children():
            if pid not in self._living and pid not in self._ended and pid not in self._own:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)
                    self._strays.add(pid)

    def _reap_strays(self) -> None:
        reaped = {pid for pid in self._strays if _is_reaped(pid)}
        self._strays -= reaped
        if reaped:
            self._kill_strays()  # Their children came to us in turn.


def _fork() -> int:
    with warnings.catch_warnings():
        # A DAG file that started a thread when it was imported makes Python warn at each fork.
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


def _children() -> tuple[int, ...]:
    return kernel.children_of(os.getpid())


def _is_reaped(pid: int) -> bool:
    try:
        return os.waitpid(pid, os.WNOHANG)[0] == pid
    except ChildProcessError:
        return True


def _reap_all() -> bool:
    """Collect ended children. False when none is left."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return False
    return True


def main() -> None:
    setup = protocol.SETUP.decode(sys.argv[1])
    if setup.python_path is None:
        os.environ.pop("PYTHONPATH", None)
    else:
        os.environ["PYTHONPATH"] = setup.python_path
    kernel.die_with_parent(setup.supervisor, signal.SIGTERM)
    kernel.adopt_orphans()
    kernel.name_process("sailplane-forks")
    gc.disable()
    connection = socket.socket(fileno=setup.control)
    connection.set_inheritable(False)
    template = Template(setup, Control(connection))
    try:
        template.serve()
    except (SupervisorGone, ConnectionError):
        template.close()


if __name__ == "__main__":
    main()
