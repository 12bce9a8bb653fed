"""Push: one HTTP request for each message, up to a window of them at a time."""

import asyncio
from collections.abc import Mapping
from io import BytesIO
from typing import Protocol

import aiohttp

from localcloud.counters import Counters
from localcloud.faults import Fault, FaultKind, Faults
from localcloud.pubsub.consumers import Parcel, Room
from localcloud.pubsub.delivery import NEVER, Delivery
from localcloud.pubsub.envelope import ACKNOWLEDGING, Envelope, seal
from localcloud.pubsub.policy import push_pause
from localcloud.pubsub.wire import Pb

_LARGE_BODY = 1 << 20
"""From this size on, aiohttp wants a stream so that writing does not hold the loop up."""
HOLD_SECONDS = 0.2
"""How long a reordered push waits for one to go out before it."""


class PushTransport(Protocol):
    """Brings a push to its endpoint."""

    async def __call__(self, url: str, body: bytes, headers: Mapping[str, str], timeout: float) -> int:
        """POST and return the HTTP status; raises OSError or TimeoutError without an answer in `timeout` seconds."""


class HttpTransport:
    """The ordinary transport: HTTP with kept-alive connections, as many as are needed."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None

    async def __call__(self, url: str, body: bytes, headers: Mapping[str, str], timeout: float) -> int:
        if self._session is None:
            self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        limit = aiohttp.ClientTimeout(total=timeout)
        try:
            async with self._session.post(
                url,
                data=body if len(body) < _LARGE_BODY else BytesIO(body),
                headers=headers,
                timeout=limit,
                allow_redirects=False,
            ) as response:
                return response.status
        except (aiohttp.ClientError, ValueError) as error:
            raise OSError(f"Push to {url} failed: {error}") from error

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None


class PushSource(Protocol):
    """The subscription whose messages are pushed."""

    pb: Pb
    delivery: Delivery

    def take(self, owner: object, room: Room, lease_seconds: float) -> list[Parcel]: ...

    def settle(self, parcel: Parcel, acknowledged: bool) -> None: ...

    def pump(self) -> None: ...


class Pusher:
    """Pushes one subscription's messages."""

    def __init__(
        self, source: PushSource, transport: PushTransport, window: int, faults: Faults, counters: Counters
    ) -> None:
        self._source = source
        self._transport = transport
        self._window = window
        self._faults = faults
        self._counters = counters
        self._pushes: set[asyncio.Task[None]] = set()
        self._failures = 0
        self._paused: asyncio.TimerHandle | None = None
        self._sent = asyncio.Event()

    def pump(self) -> None:
        """Start as many pushes as are due and the window allows."""
        while self._paused is None and (free := self._window - len(self._pushes)) > 0:
            parcels = self._take(free)
            if not parcels:
                return
            for parcel in parcels:
                task = asyncio.create_task(self._run(parcel))
                self._pushes.add(task)
                task.add_done_callback(self._ended)

    def stop(self) -> None:
        """Cancel what is under way: unanswered pushes count as not made."""
        if self._paused is not None:
            self._paused.cancel()
        for task in self._pushes:
            task.cancel()

    async def join(self) -> None:
        """Wait for the end of cancelled pushes."""
        await asyncio.gather(*self._pushes, return_exceptions=True)

    def _take(self, free: int) -> list[Parcel]:
        if self._source.delivery.policy.ordered:
            return self._source.take(object(), Room(1, NEVER), NEVER)
        return self._source.take(self, Room(free, NEVER), NEVER)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._pushes.discard(task)
        if not task.cancelled():
            self._source.pump()

    async def _run(self, parcel: Parcel) -> None:
        acknowledged = False
        try:
            acknowledged = await self._deliver(parcel) in ACKNOWLEDGING
        except OSError:
            acknowledged = False
        except asyncio.CancelledError:
            return
        finally:
            self._note(acknowledged)
            self._source.settle(parcel, acknowledged)

    async def _deliver(self, parcel: Parcel) -> int:
        fault = self._fault() if self._faults.pending else None
        if fault is not None:
            return await self._deliver_badly(parcel, fault)
        return await self._post(parcel)

    async def _post(self, parcel: Parcel) -> int:
        subscription = self._source.pb
        envelope = self._sealed(parcel)
        self._counters.add("pubsub.delivered")
        if not self._sent.is_set():
            self._sent.set()
        return await self._transport(
            subscription.push_config.push_endpoint,
            envelope.body,
            envelope.headers,
            float(subscription.ack_deadline_seconds),
        )

    def _sealed(self, parcel: Parcel) -> Envelope:
        subscription = self._source.pb
        return seal(
            parcel.message,
            subscription=subscription.name,
            push_config=subscription.push_config,
            attempt=self._source.delivery.policy.shown_attempt(parcel.entry.attempts),
        )

    def _fault(self) -> Fault | None:
        return self._faults.take("pubsub.push") or self._faults.take("pubsub.deliver")

    async def _deliver_badly(self, parcel: Parcel, fault: Fault) -> int:
        match fault.kind:
            case FaultKind.ERROR:
                return int(fault.status) if fault.status.isdecimal() else 503
            case FaultKind.LOST_ANSWER:
                await self._post(parcel)
                raise TimeoutError
            case FaultKind.DROP:
                await asyncio.sleep(float(self._source.pb.ack_deadline_seconds))
                raise TimeoutError
            case FaultKind.DUPLICATE:
                first, _ = await asyncio.gather(self._post(parcel), self._post(parcel))
                return first
            case FaultKind.REORDER:
                await self._let_one_pass()
            case FaultKind.LATENCY:
                await asyncio.sleep(fault.seconds)
        return await self._post(parcel)

    async def _let_one_pass(self) -> None:
        self._sent.clear()
        try:
            await asyncio.wait_for(self._sent.wait(), HOLD_SECONDS)
        except TimeoutError:
            return
        await asyncio.sleep(0)

    def _note(self, acknowledged: bool) -> None:
        if acknowledged:
            self._failures = 0
        elif self._paused is None and self._source.delivery.policy.backoff is None:
            pause = push_pause(self._failures)
            self._failures += 1
            if pause > 0:
                self._paused = asyncio.get_running_loop().call_later(pause, self._resume)

    def _resume(self) -> None:
        self._paused = None
        self._source.pump()
