"""One running copy of a function: its process, its connections, its requests."""

import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path

from localcloud.cloudrun import logs
from localcloud.cloudrun.guest import KEEP_ALIVE_SECONDS
from localcloud.cloudrun.launch import Launch
from localcloud.cloudrun.spawner import InstanceProcess, Spawner
from localcloud.cloudrun.wire import Connection

GRACE_SECONDS = 10.0
"""Between SIGTERM and SIGKILL, as on Cloud Run."""
_KEEP_IDLE_SECONDS = KEEP_ALIVE_SECONDS - 10
_LOG_CHECK_SECONDS = 5.0


class InstanceState(StrEnum):
    STARTING = "starting"
    READY = "ready"
    STOPPING = "stopping"
    ENDED = "ended"


class Instance:
    """Made by `start`; `changed` is called after every change of state."""

    def __init__(self, *, id_: str, address: str, log_path: Path, changed: Callable[["Instance"], None]) -> None:
        loop = asyncio.get_running_loop()
        self.id = id_
        self.address = address
        """Of its listening socket, in the kernel's abstract namespace: half the cost of TCP."""
        self.log_path = log_path
        self.state = InstanceState.STARTING
        self.active = 0
        self.served = 0
        self.ever_ready = False
        self.idle_since = self.started_at = self.busy_since = loop.time()
        self.idle_timer: asyncio.TimerHandle | None = None
        self._loop = loop
        self._changed = changed
        self._process: InstanceProcess | None = None
        self._idle_connections: list[Connection] = []
        self._status_fd = -1
        self._log_checked_at = loop.time()

    @property
    def ready(self) -> bool:
        return self.state is InstanceState.READY

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None else None

    def watch(self, process: InstanceProcess, status_fd: int) -> None:
        """Follow the process: the status pipe says when it serves, its exit ends the instance."""
        self._process = process
        self._status_fd = status_fd
        self._loop.add_reader(status_fd, self._read_status)
        process.exited.add_done_callback(lambda _exited: self.end())
        if self.state is InstanceState.STOPPING:
            process.signal(signal.SIGTERM)

    def _read_status(self) -> None:
        if not os.read(self._status_fd, 64):
            self._close_status()
        elif self.state is InstanceState.STARTING:
            self.state = InstanceState.READY
            self.ever_ready = True
            self.idle_since = self._loop.time()
            self._changed(self)

    def _close_status(self) -> None:
        if self._status_fd >= 0:
            self._loop.remove_reader(self._status_fd)
            os.close(self._status_fd)
            self._status_fd = -1

    def end(self) -> None:
        """Its process is gone, or could not be started."""
        if self.state is InstanceState.ENDED:
            return
        self.state = InstanceState.ENDED
        self._close_status()
        self._close_connections()
        self._changed(self)

    async def connection(self) -> Connection:
        """A connection that nobody uses. Raises OSError when the instance is gone."""
        oldest_usable = self._loop.time() - _KEEP_IDLE_SECONDS
        while self._idle_connections:
            connection = self._idle_connections.pop()
            if connection.reusable and connection.used_at > oldest_usable:
                return connection
            connection.close()
        _transport, connection = await self._loop.create_unix_connection(Connection, self.address)
        return connection

    def give_back(self, connection: Connection) -> None:
        if connection.reusable and self.ready:
            self._idle_connections.append(connection)
        else:
            connection.close()

    def _close_connections(self) -> None:
        for connection in self._idle_connections:
            connection.close()
        self._idle_connections.clear()

    def bound_log(self) -> None:
        """Now and then, keep the log file within its bound."""
        now = self._loop.time()
        if now - self._log_checked_at > _LOG_CHECK_SECONDS:
            self._log_checked_at = now
            logs.rotate_when_full(self.log_path)

    async def stop(self) -> None:
        """SIGTERM, then after the grace period SIGKILL to its whole group; returns when it is gone."""
        if self.state is InstanceState.ENDED:
            return
        if self.state is not InstanceState.STOPPING:
            self.state = InstanceState.STOPPING
            self._close_connections()
            self._changed(self)
        process = self._process
        if process is None:
            return
        process.signal(signal.SIGTERM)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(process.exited), GRACE_SECONDS)
        process.signal(signal.SIGKILL, group=True)
        await asyncio.shield(process.exited)


async def start_process(
    instance: Instance, listener: socket.socket, log_fd: int, spawner: Spawner, launch: Launch
) -> None:
    """Have the zygote start the process. Takes over `listener` and `log_fd`; on failure the instance ends."""
    status_read, status_write = os.pipe()
    os.set_blocking(status_read, False)
    try:
        process = await spawner.spawn(launch, (listener.fileno(), status_write, log_fd))
    except OSError as error:
        os.write(log_fd, f"the instance's process could not be started: {error}\n".encode())
        os.close(status_read)
        instance.end()
        return
    finally:
        listener.close()
        os.close(status_write)
        os.close(log_fd)
    instance.watch(process, status_read)
