"""Starting and ending the processes of instances, through the zygote."""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterable, Mapping

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
from localcloud.cloudrun.zygote import ForkedZygote


class InstanceProcess:
    """One instance's process group, seen from outside."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.exited: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def signal(self, number: signal.Signals, *, group: bool = False) -> None:
        if self.exited.done():
            return
        try:
            if group:
                os.killpg(self.pid, number)
            else:
                os.kill(self.pid, number)
        except ProcessLookupError:
            pass


class Spawner:
    """Talks to the zygote, which it starts when it is first needed and again when it has died."""

    def __init__(self, env: Mapping[str, str], zygote: ForkedZygote | None = None) -> None:
        self._env = env
        self._zygote_pid: int | None = None
        self._control: socket.socket | None = None
        self._modules: list[str] = []
        self._starting: dict[int, asyncio.Future[InstanceProcess]] = {}
        self._running: dict[int, InstanceProcess] = {}
        if zygote is not None:
            self._modules += zygote.modules
            self._adopt(zygote.pid, zygote.control)

    @property
    def zygote_pid(self) -> int | None:
        return self._zygote_pid

    def preload(self, modules: Iterable[str]) -> None:
        """Have the zygote import these modules; at its start, if it does not run yet."""
        fresh = [name for name in modules if name not in self._modules]
        self._modules += fresh
        if fresh and self._control is not None:
            self._send(Preload(modules=tuple(fresh)))

    def warm_up(self) -> None:
        """Start the zygote now rather than with the first instance."""
        if self._control is None:
            self._start_zygote()

    async def spawn(self, launch: Launch, fds: tuple[int, int, int]) -> InstanceProcess:
        """Start one process. The descriptors are duplicated; raises OSError when the zygote cannot be reached."""
        self.warm_up()
        started: asyncio.Future[InstanceProcess] = asyncio.get_running_loop().create_future()
        self._starting[launch.id] = started
        try:
            self._send(launch, fds)
            return await started
        finally:
            self._starting.pop(launch.id, None)

    async def close(self) -> None:
        """End the zygote, and with it whatever still runs."""
        pid = self._zygote_pid
        self._forget()
        if pid is not None:
            await asyncio.get_running_loop().run_in_executor(None, _await_end, pid)

    def _start_zygote(self) -> None:
        ours, theirs = control_sockets()
        command = [sys.executable, "-m", "localcloud.cloudrun.zygote", str(theirs.fileno()), str(os.getpid())]
        zygote = subprocess.Popen(
            command, pass_fds=[theirs.fileno()], env=dict(self._env), stdin=subprocess.DEVNULL, start_new_session=True
        )
        theirs.close()
        # It is waited for by its id, as a forked zygote is.
        zygote.returncode = 0
        self._adopt(zygote.pid, ours)
        if self._modules:
            self._send(Preload(modules=tuple(self._modules)))

    def _adopt(self, pid: int, control: socket.socket) -> None:
        control.setblocking(False)
        self._zygote_pid, self._control = pid, control
        asyncio.get_running_loop().add_reader(control.fileno(), self._receive)

    def _send(self, message: Message, fds: tuple[int, ...] = ()) -> None:
        if self._control is None:
            raise ConnectionError("the zygote does not run")
        socket.send_fds(self._control, [encode(message)], fds)

    def _receive(self) -> None:
        if self._control is None:
            return
        try:
            raw = self._control.recv(MAX_MESSAGE)
        except BlockingIOError:
            return
        except ConnectionError:
            raw = b""
        if raw:
            self._note(decode(raw))
        else:
            pid = self._zygote_pid
            self._forget()
            if pid is not None:
                _await_end(pid)

    def _note(self, message: Message) -> None:
        match message:
            case Started(id=id_, pid=pid):
                process = self._running[pid] = InstanceProcess(pid)
                started = self._starting.pop(id_, None)
                if started is None or started.done():
                    process.signal(signal.SIGKILL, group=True)
                else:
                    started.set_result(process)
            case Exited(pid=pid, code=code):
                ended = self._running.pop(pid, None)
                if ended is not None:
                    ended.exited.set_result(code)

    def _forget(self) -> None:
        """The zygote is gone or going: the kernel kills its children, so nothing runs any more."""
        if self._control is not None:
            asyncio.get_running_loop().remove_reader(self._control.fileno())
            self._control.close()
        self._control = self._zygote_pid = None
        for process in self._running.values():
            process.exited.set_result(-signal.SIGKILL)
        self._running.clear()
        for started in self._starting.values():
            if not started.done():
                started.set_exception(ConnectionError("the zygote ended while it started an instance"))
        self._starting.clear()


def _await_end(pid: int) -> None:
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, 0)
