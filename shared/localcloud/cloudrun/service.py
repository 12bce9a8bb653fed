"""One function: its instances, who waits for room in them, and what is answered when there is none."""

import asyncio
import math
import os
import socket
from collections import deque
from collections.abc import Mapping
from itertools import count
from pathlib import Path
from types import TracebackType

from localcloud.cloudrun import logs, scaling
from localcloud.cloudrun.instance import Instance, InstanceState, start_process
from localcloud.cloudrun.launch import Launch
from localcloud.cloudrun.spawner import Spawner
from localcloud.cloudrun.spec import FunctionSpec, Spawn
from localcloud.cloudrun.wire import Connection, ConnectionClosedError, Reply
from localcloud.cloudrun.zygote import FRAMEWORK
from localcloud.counters import Counters

CONTAINER_PORT = "8080"
"""What Cloud Run tells every container. No instance listens there: requests come by a socket of its own."""
BILLED_MS = 100
"""Cloud Run rounds the time that it bills up to this."""
_launch_ids = count(1)


class RefusedError(Exception):
    """The request has no answer from the function; `status` and `reason` are what Cloud Run would say."""

    def __init__(self, status: int, reason: str, *, gave_up: bool = False) -> None:
        """`gave_up`: the caller's own patience was over, not the function's time limit."""
        super().__init__(reason)
        self.gave_up = gave_up
        self.status = status
        self.reason = reason


class Service:
    """Seats requests in instances, and starts and stops those."""

    def __init__(
        self,
        spec: FunctionSpec,
        *,
        spawner: Spawner,
        env: Mapping[str, str],
        log_folder: logs.LogFolder,
        counters: Counters,
    ) -> None:
        self.spec = spec
        self.instances: list[Instance] = []
        self._spawner = spawner
        self._env = env
        self._logs = log_folder
        self._counters = counters
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[asyncio.Future[Instance]] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False
        self._revision = f"{spec.name}-{int(self._loop.time() * 1000):x}"
        if spec.how_to_spawn is Spawn.FORK:
            spawner.preload((*FRAMEWORK, *spec.preload))

    @property
    def waiting(self) -> int:
        """Requests without an instance yet."""
        return len(self._waiting)

    def log_files(self) -> list[Path]:
        """The logs of its instances, also of those that are gone, oldest first."""
        return self._logs.files()

    def exchange(self, message: bytes, *, is_head: bool = False, timeout: float | None = None) -> "Exchange":
        """Send one encoded request: `async with service.exchange(message) as reply`. Raises RefusedError.

        After `timeout` seconds the caller is told 504, but the instance stays busy with the request until it answers or
        the function's own time limit is over: as in the cloud, who asked cannot call it back.
        """
        limit = self.spec.timeout.total_seconds()
        return Exchange(self, message, is_head, limit if timeout is None else min(limit, timeout))

    def ensure_minimum(self) -> None:
        """Start what `min_instances` asks for."""
        while len(self._live()) < self.spec.min_instances:
            self._start_instance()

    # Seats

    async def seat(self) -> Instance:
        """An instance with room, counted as busy with one more request. Raises RefusedError."""
        if not self._waiting:
            instance = scaling.choose(self.instances, self.spec.concurrency)
            if instance is not None:
                return self._occupy(instance)
        if self._closed:
            raise RefusedError(503, f"function {self.spec.name} is being shut down")
        if len(self._waiting) >= self.spec.queue_limit:
            raise RefusedError(429, f"function {self.spec.name}: all instances are full and too many requests wait")
        return await self._wait_for_seat()

    async def _wait_for_seat(self) -> Instance:
        seat: asyncio.Future[Instance] = self._loop.create_future()
        self._waiting.append(seat)
        self._scale_up()
        timer = self._loop.call_later(self.spec.queue_timeout.total_seconds(), self._waited_long, seat)
        try:
            return await seat
        except asyncio.CancelledError:
            if seat.done() and not seat.cancelled() and seat.exception() is None:
                self.leave(seat.result())
            raise
        finally:
            timer.cancel()

    def _waited_long(self, seat: asyncio.Future[Instance]) -> None:
        """Instances that are starting excuse the wait; that none is free does not."""
        if seat.done():
            return
        if any(instance.state is InstanceState.STARTING for instance in self.instances):
            self._loop.call_later(self.spec.queue_timeout.total_seconds(), self._waited_long, seat)
            return
        self._waiting.remove(seat)
        seat.set_exception(RefusedError(429, f"function {self.spec.name}: all instances are full"))

    def _occupy(self, instance: Instance) -> Instance:
        if not instance.active:
            instance.busy_since = self._loop.time()
        instance.active += 1
        if instance.idle_timer is not None:
            instance.idle_timer.cancel()
            instance.idle_timer = None
        return instance

    def leave(self, instance: Instance) -> None:
        """One request less in the instance: seat somebody who waits, or let it be idle."""
        instance.active -= 1
        instance.served += 1
        if not instance.active:
            self._bill(instance)
        instance.bound_log()
        if self._waiting:
            self._seat_waiting()
        if not instance.active and instance.ready:
            self._become_idle(instance)

    def _bill(self, instance: Instance) -> None:
        """Count the time in which it had a request, in the steps that Cloud Run bills."""
        busy = (self._loop.time() - instance.busy_since) * 1000
        self._counters.add(f"cloudrun.billable_ms.{self.spec.name}", math.ceil(busy / BILLED_MS) * BILLED_MS)

    def _seat_waiting(self) -> None:
        while self._waiting:
            if self._waiting[0].done():
                self._waiting.popleft()
                continue
            instance = scaling.choose(self.instances, self.spec.concurrency)
            if instance is None:
                return
            self._waiting.popleft().set_result(self._occupy(instance))

    # Instances

    def _live(self) -> list[Instance]:
        return [i for i in self.instances if i.state in (InstanceState.STARTING, InstanceState.READY)]

    def _scale_up(self) -> None:
        live = self._live()
        if len(live) >= self.spec.max_instances:
            return
        load = scaling.Load(
            instances=len(live),
            starting=sum(instance.state is InstanceState.STARTING for instance in live),
            waiting=len(self._waiting),
            concurrency=self.spec.concurrency,
            max_instances=self.spec.max_instances,
        )
        for _ in range(scaling.starts_wanted(load)):
            self._start_instance()

    def _start_instance(self) -> None:
        self._counters.add("cloudrun.instance_starts")
        number = next(_launch_ids)
        id_ = f"{os.getpid():x}x{number}"
        launch = self._launch(number)
        log_path, log_fd = self._logs.open(id_)
        address = f"\0localcloud/{os.getpid()}/{self.spec.name}/{number}"
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(address)
        listener.listen(1024)
        instance = Instance(id_=id_, address=address, log_path=log_path, changed=self._instance_changed)
        self.instances.append(instance)
        task = self._loop.create_task(start_process(instance, listener, log_fd, self._spawner, launch))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _launch(self, number: int) -> Launch:
        spec = self.spec
        env = {
            **self._env,
            **spec.env,
            "PORT": CONTAINER_PORT,
            "THREADS": str(spec.concurrency),
            "FUNCTION_TARGET": spec.target,
            "FUNCTION_SIGNATURE_TYPE": str(spec.signature_type),
            "K_SERVICE": spec.name,
            "K_CONFIGURATION": spec.name,
            "K_REVISION": self._revision,
        }
        source = spec.source.resolve()
        options = {
            "--source": str(source),
            "--target": spec.target,
            "--signature-type": str(spec.signature_type),
            "--host": "127.0.0.1",
            "--port": CONTAINER_PORT,
        }
        arguments = tuple(word for pair in options.items() for word in pair)
        return Launch(
            id=number,
            spawn=spec.how_to_spawn,
            arguments=arguments,
            env=env,
            cwd=str(source.parent),
            python=str(spec.python or ""),
        )

    def _instance_changed(self, instance: Instance) -> None:
        if instance.state is InstanceState.READY:
            self._seat_waiting()
            if not instance.active:
                self._become_idle(instance)
        elif instance.state is InstanceState.ENDED:
            self._instance_ended(instance)

    def _instance_ended(self, instance: Instance) -> None:
        self.instances.remove(instance)
        if instance.idle_timer is not None:
            instance.idle_timer.cancel()
        if not instance.ever_ready and not self._live():
            self._refuse_waiting(RefusedError(503, self._failed_start(instance)))
        if self._closed:
            return
        self._scale_up()
        if instance.ever_ready:
            self.ensure_minimum()

    def _failed_start(self, instance: Instance) -> str:
        return f"function {self.spec.name}: an instance could not start; its log ends:\n{logs.tail(instance.log_path)}"

    def _refuse_waiting(self, refusal: RefusedError) -> None:
        while self._waiting:
            seat = self._waiting.popleft()
            if not seat.done():
                seat.set_exception(refusal)

    def _become_idle(self, instance: Instance) -> None:
        instance.idle_since = self._loop.time()
        if instance.idle_timer is not None:
            instance.idle_timer.cancel()
        seconds = self.spec.idle_timeout.total_seconds()
        instance.idle_timer = self._loop.call_later(seconds, self._idle_too_long, instance)

    def _idle_too_long(self, instance: Instance) -> None:
        instance.idle_timer = None
        if instance.ready and not instance.active and len(self._live()) > self.spec.min_instances:
            self._in_background(instance)

    def _in_background(self, instance: Instance) -> None:
        task = self._loop.create_task(instance.stop())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def stop_instances(self) -> int:
        """Stop all instances, gracefully; how many there were. Later requests start new ones."""
        stopping = list(self.instances)
        await asyncio.gather(*(instance.stop() for instance in stopping))
        return len(stopping)

    async def close(self) -> None:
        """Refuse what waits and stop everything."""
        self._closed = True
        self._refuse_waiting(RefusedError(503, f"function {self.spec.name} is being shut down"))
        while self.instances:
            await self.stop_instances()
            await asyncio.gather(*self._tasks)
        await asyncio.gather(*self._tasks)


class Exchange:
    """One request's way through an instance, as a context: the seat is held until it is left."""

    def __init__(self, service: Service, message: bytes, is_head: bool, timeout: float) -> None:
        self._service = service
        self._message = message
        self._is_head = is_head
        self._timeout = timeout
        self._instance: Instance | None = None
        self._connection: Connection | None = None
        self._timer: asyncio.TimerHandle | None = None
        self.timed_out = False

    async def __aenter__(self) -> Reply:
        self._instance = await self._service.seat()
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(self._timeout, self._time_out)
        try:
            self._connection = await self._instance.connection()
            return await self._connection.request(self._message, is_head=self._is_head)
        except OSError as error:
            refusal = self._refusal(error)
            self._leave()
            raise refusal from error
        except BaseException:
            self._leave()
            raise

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leave()
        if isinstance(error, ConnectionClosedError):
            raise self._refusal(error) from error

    def _refusal(self, error: OSError) -> RefusedError:
        name = self._service.spec.name
        if self.timed_out:
            gave_up = self._timeout < self._service.spec.timeout.total_seconds()
            return RefusedError(504, f"function {name} did not answer within {self._timeout:g} s", gave_up=gave_up)
        return RefusedError(503, f"function {name}: the instance ended before it had answered ({error})")

    def _time_out(self) -> None:
        self.timed_out = True
        left = self._service.spec.timeout.total_seconds() - self._timeout
        if self._connection is not None and left > 0:
            self._abandon(self._connection, left)
        elif self._connection is not None:
            self._connection.close()

    def _abandon(self, connection: Connection, seconds: float) -> None:
        """Let the instance work on for up to so many seconds, and leave the seat only then."""
        service, instance = self._service, self._instance
        self._instance = self._connection = None
        limit = asyncio.get_running_loop().call_later(seconds, connection.close)

        def ended() -> None:
            limit.cancel()
            if instance is not None:
                instance.give_back(connection)
                service.leave(instance)

        connection.abandon(ended)

    def _leave(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        instance, self._instance = self._instance, None
        connection, self._connection = self._connection, None
        if instance is None:
            return
        if connection is not None:
            instance.give_back(connection)
        self._service.leave(instance)
