"""One live subscription: loads its backlog, hands messages out, takes answers, and keeps the one timer."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from localcloud.counters import Counters
from localcloud.faults import Faults
from localcloud.pubsub.consumers import Consumer, Parcel, Room, Tally, is_current
from localcloud.pubsub.delivery import NEVER, Delivery, Entry, State
from localcloud.pubsub.disturbance import Disturbance
from localcloud.pubsub.errors import FailedPreconditionError, PubSubError
from localcloud.pubsub.filters import parse_filter
from localcloud.pubsub.policy import policy_of
from localcloud.pubsub.push import Pusher, PushTransport
from localcloud.pubsub.store import Store
from localcloud.pubsub.wire import Pb, PubsubMessage

PAGE_MESSAGES = 500
PAGE_BYTES = 8 << 20
CACHE_MESSAGES = 2000
CACHE_BYTES = 16 << 20
"""Beyond these, messages stay on file until they are due."""
MOST_ENTRIES = 100_000
"""Beyond this, not even their ids are loaded: one key that is stuck must not fill the memory with those behind it."""


class DeadLetters(Protocol):
    def __call__(self, feed: "Feed", entry: Entry, message: Pb) -> bool:
        """Forward a message that was given up; False if its dead-letter topic does not exist."""


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What all feeds share."""

    store: Store
    counters: Counters
    faults: Faults
    transport: PushTransport
    push_window: int
    dead_letters: DeadLetters


class Feed:
    """A subscription in memory. Everything of it happens on the loop that it was made on."""

    def __init__(self, holder: int, subscription: Pb, surroundings: Surroundings) -> None:
        self.holder = holder
        self.pb = subscription
        self.passes = parse_filter(subscription.filter)
        self._loop = asyncio.get_running_loop()
        self._store = surroundings.store
        self._counters = surroundings.counters
        self._dead_letters = surroundings.dead_letters
        self._faults = surroundings.faults
        self._disturbance = Disturbance(surroundings.faults, failed=self.failed)
        self._consumers: list[Consumer] = []
        self._timer: asyncio.TimerHandle | None = None
        self._ended = subscription.detached
        self._cached_messages = 0
        self._cached_bytes = 0
        self._start_over()
        self._pusher = Pusher(
            self, surroundings.transport, surroundings.push_window, surroundings.faults, surroundings.counters
        )

    def _start_over(self) -> None:
        self.delivery = Delivery(policy_of(self.pb))
        self._cursor = 0
        self._behind = True
        self._cached_messages = self._cached_bytes = 0

    @property
    def name(self) -> str:
        name: str = self.pb.name
        return name

    def configure(self, subscription: Pb) -> None:
        """Settings changed; what is under way goes on as it began."""
        self.pb = subscription
        self.delivery.policy = policy_of(subscription)
        if subscription.push_config.push_endpoint:
            self._dismiss(push_error(self.name))
        self.pump()

    def offer(self, message_id: int, message: Pb, size: int) -> None:
        """A message was committed to the backlog. Call `pump` when all of a publish are offered."""
        if self._behind or self._cache_is_full():
            self._behind = True
            return
        self._load(Entry(id=message_id, key=message.ordering_key, size=size, message=message))

    def pump(self) -> None:
        """Hand out what is ready to whoever has room."""
        if self._ended:
            return
        if self.pb.push_config.push_endpoint:
            self._pusher.pump()
            return
        while self._serve_each():
            pass

    def take(self, owner: object, room: Room, lease_seconds: float) -> list[Parcel]:
        """Lease ready messages; the leases of pushes have no deadline, because each push has its own."""
        self._refill()
        deadline = self._loop.time() + lease_seconds
        tally = owner if isinstance(owner, Tally) else None
        parcels = []
        for entry in self.delivery.take(owner, deadline=deadline, messages=room.messages, size=room.size):
            if tally is not None:
                tally.leased(entry)
            message = self._message_of(entry)
            if message is None:
                self._drop(entry.id)
            else:
                parcels.append(Parcel(entry, entry.lease, message))
        if lease_seconds < NEVER:
            self._arm()
        return parcels

    def add(self, consumer: Consumer) -> None:
        self._consumers.append(consumer)

    def discard(self, consumer: Consumer) -> None:
        """The consumer is gone; what it still has comes again after its deadline."""
        if consumer in self._consumers:
            self._consumers.remove(consumer)

    def acknowledge(self, message_ids: Sequence[int]) -> None:
        """These are done with; committed when it returns."""
        self._store.acknowledge(self.holder, message_ids, keep=self.pb.retain_acked_messages)
        self._counters.add("pubsub.acked", sum(self._drop(message_id) for message_id in message_ids))
        self.pump()

    def modify_deadline(self, message_id: int, lease: int, seconds: float) -> None:
        """Move the deadline of a lease, 0 gives it back. A lease that has ended is left alone. Call `pump` after."""
        entry = self.delivery.entries.get(message_id)
        if entry is None or not is_current(entry, lease):
            return
        if seconds <= 0:
            self.failed(entry)
        else:
            self.delivery.extend(entry, self._loop.time() + seconds)
            self._arm()

    def settle(self, parcel: Parcel, acknowledged: bool) -> None:
        """A push has ended."""
        entry = parcel.entry
        if not self._is_out(entry, parcel.lease):
            return
        if acknowledged:
            self._store.acknowledge_soon(self.holder, entry.id, keep=self.pb.retain_acked_messages)
            self._counters.add("pubsub.acked")
            self._drop(entry.id)
        else:
            self.failed(entry)

    def failed(self, entry: Entry) -> None:
        """A delivery was not acknowledged: give up or give back."""
        if self.delivery.policy.gives_up(entry.attempts):
            self.delivery.extend(entry, NEVER)
            self._loop.call_soon(self._forward, entry, entry.lease)
        else:
            self._give_back(entry)

    def put_back(self, parcels: Sequence[Parcel]) -> None:
        """These never reached who they were for: let others have them. Call `pump` after."""
        for parcel in reversed(parcels):
            if self._is_out(parcel.entry, parcel.lease):
                self._release(parcel.entry)
                self.delivery.put_back(parcel.entry)

    def forget(self, message_ids: Iterable[int]) -> None:
        """These are not on file any more."""
        for message_id in message_ids:
            self._drop(message_id)

    def reset(self) -> None:
        """The backlog on file was replaced: load it afresh. Leases that are out end without a word."""
        for entry in self.delivery.entries.values():
            self._release(entry)
        self._start_over()
        self.pump()

    def detach(self) -> None:
        """Its topic let go of it: nothing goes out any more, and whoever waits is told so."""
        self.end(detached_error(self.name))
        self.reset()

    def end(self, error: PubSubError) -> None:
        """Nothing goes out any more; whoever waits gets the error."""
        self._ended = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._dismiss(error)
        self._pusher.stop()

    async def close(self) -> None:
        """Wait until the pushes that `end` cancelled are gone."""
        await self._pusher.join()

    def _dismiss(self, error: PubSubError) -> None:
        for consumer in self._consumers:
            consumer.end(error)
        self._consumers.clear()

    def _is_out(self, entry: Entry, lease: int) -> bool:
        return not self._ended and self.delivery.entries.get(entry.id) is entry and is_current(entry, lease)

    def _serve_each(self) -> bool:
        served = False
        for consumer in tuple(self._consumers):
            room = consumer.room()
            parcels = self.take(consumer, room, consumer.lease_seconds) if room.messages > 0 and room.size > 0 else []
            if parcels:
                served = True
                self._hand_over(consumer, parcels)
        return served

    def _hand_over(self, consumer: Consumer, parcels: list[Parcel]) -> None:
        if self._faults.pending or self._disturbance.holding:
            parcels = self._disturbance.applied(consumer, parcels)
        if parcels:
            self._counters.add("pubsub.delivered", len(parcels))
            consumer.deliver(parcels)

    def _refill(self) -> None:
        while self._behind and len(self.delivery.entries) < MOST_ENTRIES and self.delivery.starved:
            page = self._store.page(self.holder, after=self._cursor, messages=PAGE_MESSAGES, size=PAGE_BYTES)
            for stored in page:
                message = PubsubMessage.FromString(stored.body)
                self._load(
                    Entry(
                        id=stored.message,
                        key=message.ordering_key,
                        size=len(stored.body),
                        attempts=stored.attempts,
                        message=message,
                    )
                )
            self._behind = bool(page)

    def _load(self, entry: Entry) -> None:
        self._cursor = entry.id
        if self._cache_is_full():
            entry.message = None
        else:
            self._cached_messages += 1
            self._cached_bytes += entry.size
        self.delivery.offer(entry)

    def _cache_is_full(self) -> bool:
        return self._cached_messages >= CACHE_MESSAGES or self._cached_bytes >= CACHE_BYTES

    def _message_of(self, entry: Entry) -> Pb | None:
        if entry.message is not None:
            return self._uncache(entry)
        body = self._store.body(self.holder, entry.id)
        return None if body is None else PubsubMessage.FromString(body)

    def _uncache(self, entry: Entry) -> Pb:
        message, entry.message = entry.message, None
        self._cached_messages -= 1
        self._cached_bytes -= entry.size
        return message

    def _drop(self, message_id: int) -> bool:
        entry = self.delivery.entries.get(message_id)
        if entry is None:
            return False
        self._release(entry)
        if entry.message is not None:
            self._uncache(entry)
        self.delivery.remove(message_id)
        return True

    @staticmethod
    def _release(entry: Entry) -> None:
        if entry.state is State.LEASED and isinstance(entry.owner, Tally):
            entry.owner.released(entry)

    def _give_back(self, entry: Entry) -> None:
        owner = entry.owner
        for back in self.delivery.give_back(entry, self._loop.time()):
            if isinstance(owner, Tally):
                owner.released(back)
            self._store.count_attempts_soon(self.holder, back.id, back.attempts)
        self._arm()

    def _forward(self, entry: Entry, lease: int) -> None:
        if not self._is_out(entry, lease):
            return
        body = self._store.body(self.holder, entry.id)
        if body is not None and not self._dead_letters(self, entry, PubsubMessage.FromString(body)):
            self._give_back(entry)
        else:
            self._store.acknowledge_soon(self.holder, entry.id, keep=self.pb.retain_acked_messages)
            self._drop(entry.id)
        self.pump()

    def _arm(self) -> None:
        at = self.delivery.next_at()
        if at == NEVER or (self._timer is not None and self._timer.when() <= at):
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(at, self._on_time)

    def _on_time(self) -> None:
        self._timer = None
        now = self._loop.time()
        for entry in self.delivery.expired(now):
            if entry.state is State.LEASED:  # not taken back meanwhile with one before it of the same key
                self.failed(entry)
        self.delivery.wake(now)
        self.pump()
        self._arm()


def push_error(name: str) -> FailedPreconditionError:
    return FailedPreconditionError(
        f"This method is not supported for this subscription type (resource={name}). It is pushed, not pulled."
    )


def detached_error(name: str) -> FailedPreconditionError:
    return FailedPreconditionError(
        f"The subscription is detached from its topic (resource={name}). Create another one."
    )
