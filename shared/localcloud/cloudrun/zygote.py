"""The zygote: one small single-threaded process that starts all instances, by fork or by exec.

It has imported what the functions need, so a fork of it serves within tens of milliseconds and shares that memory. It
also is the parent of every instance: when the local cloud dies, however it dies, the zygote dies, and they with it.
"""

import contextlib
import gc
import importlib
import os
import select
import signal
import socket
import sys
import threading
import time
import traceback
from dataclasses import dataclass
from typing import NoReturn

from localcloud.cloudrun import guest
from localcloud.cloudrun.launch import (
    MAX_MESSAGE,
    Exited,
    Launch,
    Message,
    Preload,
    Started,
    control_sockets,
    decode,
    encode,
)
from localcloud.cloudrun.process_death import die_with_parent
from localcloud.cloudrun.spec import Spawn

FRAMEWORK = (
    "functions_framework._cli",
    "functions_framework._http.gunicorn",
    "gunicorn.arbiter",
    "gunicorn.glogging",
    "gunicorn.workers.gthread",
    "gunicorn.workers.sync",
    "encodings.idna",
)
"""What every instance imports; preloaded for all functions that fork."""
_FDS_OF_LAUNCH = 3


@dataclass(frozen=True, kw_only=True)
class _Child:
    """What a freshly forked child has to become."""

    launch: Launch
    listen_fd: int
    status_fd: int
    log_fd: int
    parent: int


class Zygote:
    """Serves the local cloud's requests on one socket until it closes."""

    def __init__(self, control: socket.socket, *, may_fork: bool = True) -> None:
        self._control = control
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_write, False)
        os.set_blocking(self._wake_read, False)
        self._may_fork = may_fork

    def serve(self) -> _Child | None:
        """Returns in each child with what it has to become, and in the zygote itself with None at the end."""
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.set_wakeup_fd(self._wake_write, warn_on_full_buffer=False)
        poller = select.poll()
        poller.register(self._control, select.POLLIN)
        poller.register(self._wake_read, select.POLLIN)
        while True:
            for fd, _event in poller.poll():
                if fd == self._wake_read:
                    self._reap()
                    continue
                raw, fds, _flags, _address = socket.recv_fds(self._control, MAX_MESSAGE, _FDS_OF_LAUNCH)
                if not raw:
                    return None
                child = self._obey(decode(raw), fds)
                if child is not None:
                    return child

    def _obey(self, message: Message, fds: list[int]) -> _Child | None:
        match message:
            case Preload(modules=modules):
                self._may_fork = preload(modules)
            case Launch() as launch:
                return self._launch(launch, fds)
        return None

    def _launch(self, launch: Launch, fds: list[int]) -> _Child | None:
        listen_fd, status_fd, log_fd = fds
        parent = os.getpid()
        pid = os.fork()
        if pid:
            for fd in fds:
                os.close(fd)
            self._control.send(encode(Started(id=launch.id, pid=pid)))
            return None
        self._leave()
        child = _Child(launch=launch, listen_fd=listen_fd, status_fd=status_fd, log_fd=log_fd, parent=parent)
        if launch.spawn is Spawn.EXEC or not self._may_fork:
            _become_by_exec(child)
        return child

    def _leave(self) -> None:
        """In the child: drop everything that is the zygote's."""
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGCHLD, signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        self._control.close()
        os.close(self._wake_read)
        os.close(self._wake_write)

    def _reap(self) -> None:
        """Report the children that have ended. Their groups are killed while their ids are still taken."""
        try:
            while os.read(self._wake_read, 4096):
                pass
        except BlockingIOError:
            pass
        while True:
            try:
                ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                return
            if ended is None:
                return
            kill_group(ended.si_pid)
            _pid, status = os.waitpid(ended.si_pid, 0)
            self._control.send(encode(Exited(pid=ended.si_pid, code=os.waitstatus_to_exitcode(status))))


def kill_group(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def preload(modules: tuple[str, ...]) -> bool:
    """Import what can be imported. Whether forking is still safe: no module has started a thread."""
    for name in modules:
        try:
            importlib.import_module(name)
        except ImportError:
            sys.stderr.write(f"zygote: cannot preload {name}; its functions import it themselves\n")
            traceback.print_exc()
    gc.collect()
    gc.freeze()
    threads = count_threads()
    if threads > 1:
        sys.stderr.write(f"zygote: preloading {modules} started {threads - 1} threads; instances are exec'd\n")
    return threads == 1


def count_threads() -> int:
    """Threads of this process, those of native libraries too."""
    try:
        return len(os.listdir("/proc/self/task"))
    except FileNotFoundError:
        return threading.active_count()


def _settle(child: _Child) -> None:
    """Give the child its own session, streams and folder, and tie its life to the zygote's."""
    os.setsid()
    die_with_parent(child.parent)
    os.dup2(child.log_fd, 1)
    os.dup2(child.log_fd, 2)
    if child.log_fd > 2:
        os.close(child.log_fd)
    os.chdir(child.launch.cwd)


def _become_by_exec(child: _Child) -> None:
    _settle(child)
    os.set_inheritable(child.listen_fd, True)
    os.set_inheritable(child.status_fd, True)
    numbers = [str(child.listen_fd), str(child.status_fd), str(child.parent)]
    python = child.launch.python or sys.executable
    os.execve(python, [python, "-m", guest.__name__, *numbers, *child.launch.arguments], dict(child.launch.env))


def _become_by_fork(child: _Child) -> None:
    _settle(child)
    os.environ.clear()
    os.environ.update(child.launch.env)
    time.tzset()
    for entry in reversed(os.environ.get("PYTHONPATH", "").split(os.pathsep)):
        if entry and entry not in sys.path:
            sys.path.insert(0, entry)
    guest.run(child.launch.arguments, child.listen_fd, child.status_fd)


@dataclass(frozen=True, kw_only=True)
class ForkedZygote:
    """A zygote that shares the memory of the process that forked it. Given to `LocalCloud`, which takes it over."""

    pid: int
    control: socket.socket
    modules: tuple[str, ...]


def fork_zygote(modules: tuple[str, ...]) -> ForkedZygote:
    """Import `modules` here and fork the zygote off, so that both and all instances share them in memory.

    For a program that then runs a `LocalCloud` in its main thread: call it first of all, with what the functions
    preload. Raises RuntimeError when this process has other threads already.
    """
    modules = (*FRAMEWORK, *modules)
    may_fork = preload(("localcloud.server", *modules))
    if not may_fork or count_threads() > 1:
        raise RuntimeError("fork the zygote before any thread is started")
    ours, theirs = control_sockets()
    parent = os.getpid()
    pid = os.fork()
    if not pid:
        ours.close()
        _live_as_fork(theirs, parent)
    theirs.close()
    return ForkedZygote(pid=pid, control=ours, modules=modules)


def _live_as_fork(control: socket.socket, parent: int) -> NoReturn:
    """Be the zygote, and in its children the instance, without ever returning into the program that was forked."""
    code = 1
    try:
        os.setsid()
        die_with_parent(parent)
        with open(os.devnull, "rb") as nothing:
            os.dup2(nothing.fileno(), 0)
        child = Zygote(control).serve()
        if child is not None:
            _become_by_fork(child)
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(code)


def main() -> None:
    """Entry of the zygote: `zygote CONTROL_FD PARENT`."""
    control_fd, parent = (int(text) for text in sys.argv[1:3])
    die_with_parent(parent)
    child = Zygote(socket.socket(fileno=control_fd)).serve()
    if child is not None:
        _become_by_fork(child)


if __name__ == "__main__":
    main()
