"""Pull and streaming pull: consumers of a feed."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from typing import Any

from localcloud.pubsub.consumers import Parcel, Room, Tally
from localcloud.pubsub.delivery import NEVER, Entry
from localcloud.pubsub.errors import InvalidArgumentError, PubSubError
from localcloud.pubsub.feed import Feed
from localcloud.pubsub.wire import Pb, PullResponse, ReceivedMessage, StreamingPullResponse

LONGEST_WAIT = 90.0
"""Seconds after which a pull without messages answers that there are none."""
ANSWER_BYTES = 3 << 20
"""A client that was told of an emulator takes answers of up to 4 MiB; a larger message goes alone."""
ANSWER_MESSAGES = 1000


def parse_ack_id(ack_id: str) -> tuple[int, int]:
    """Message id and lease in an ack id; raises InvalidArgumentError for a made-up one."""
    message, _, lease = ack_id.partition("-")
    if not (message.isdecimal() and lease.isdecimal()):
        raise InvalidArgumentError(f"You have passed an invalid ack ID to the service (ack_id={ack_id}).")
    return int(message), int(lease)


def received(feed: Feed, parcels: Iterable[Parcel]) -> list[Pb]:
    """The parcels as subscribers get to see them."""
    policy = feed.delivery.policy
    return [
        ReceivedMessage(
            ack_id=parcel.ack_id, message=parcel.message, delivery_attempt=policy.shown_attempt(parcel.entry.attempts)
        )
        for parcel in parcels
    ]


class WaitingPull:
    """One Pull call."""

    def __init__(self, feed: Feed, messages: int) -> None:
        self._feed = feed
        self._messages = messages
        self._answer: asyncio.Future[Sequence[Parcel]] = asyncio.get_running_loop().create_future()

    @property
    def lease_seconds(self) -> float:
        return float(self._feed.pb.ack_deadline_seconds)

    def room(self) -> Room:
        return Room(0 if self._answer.done() else self._messages, ANSWER_BYTES)

    def deliver(self, parcels: Sequence[Parcel]) -> None:
        if not self._answer.done():
            self._answer.set_result(parcels)

    def end(self, error: PubSubError) -> None:
        if not self._answer.done():
            self._answer.set_exception(error)

    async def run(self, wait: float) -> Pb:
        """Answer with what is there, or wait for something to come."""
        self._feed.add(self)
        try:
            self._feed.pump()
            parcels = await asyncio.wait_for(self._answer, wait) if not self._answer.done() else self._answer.result()
        except TimeoutError:
            parcels = ()
        except asyncio.CancelledError:
            self._return_answer()
            raise
        finally:
            self._feed.discard(self)
        return PullResponse(received_messages=received(self._feed, parcels))

    def _return_answer(self) -> None:
        """The client is gone: what was found for it in that moment is for others."""
        if self._answer.done() and not self._answer.cancelled() and self._answer.exception() is None:
            self._feed.put_back(self._answer.result())
            self._feed.pump()


class Stream(Tally):
    """One StreamingPull call."""

    def __init__(self, feed: Feed, opening: Pb) -> None:
        self._feed = feed
        self._messages_left = opening.max_outstanding_messages if opening.max_outstanding_messages > 0 else NEVER
        self._bytes_left = opening.max_outstanding_bytes if opening.max_outstanding_bytes > 0 else NEVER
        self.lease_seconds = 10.0
        self._set_deadline(opening.stream_ack_deadline_seconds)
        self._unsent_messages = 0
        self._unsent_bytes = 0
        self._out: asyncio.Queue[Sequence[Parcel] | PubSubError | None] = asyncio.Queue()

    def room(self) -> Room:
        messages = min(self._messages_left, ANSWER_MESSAGES - self._unsent_messages)
        return Room(int(messages), min(self._bytes_left, ANSWER_BYTES - self._unsent_bytes))

    def deliver(self, parcels: Sequence[Parcel]) -> None:
        self._unsent_messages += len(parcels)
        self._unsent_bytes += sum(parcel.entry.size for parcel in parcels)
        self._out.put_nowait(parcels)

    def leased(self, entry: Entry) -> None:
        self._messages_left -= 1
        self._bytes_left -= entry.size

    def released(self, entry: Entry) -> None:
        self._messages_left += 1
        self._bytes_left += entry.size

    def end(self, error: PubSubError) -> None:
        self._out.put_nowait(error)

    async def run(self, requests: AsyncIterator[Pb], context: Any) -> None:
        """Serve until the client hangs up; raises the error that ended the subscription."""
        reader = asyncio.create_task(self._read(requests))
        self._feed.add(self)
        self._feed.pump()
        try:
            await self._write(context)
        finally:
            reader.cancel()
            self._feed.discard(self)
            self._feed.put_back(list(self._leftover()))
            self._feed.pump()

    async def _write(self, context: Any) -> None:
        while (item := await self._out.get()) is not None:
            if isinstance(item, PubSubError):
                raise item
            try:
                await context.write(self._answer(item))
            except BaseException:
                self._feed.put_back(item)
                raise
            self._sent(item)

    def _leftover(self) -> Iterator[Parcel]:
        while not self._out.empty():
            item = self._out.get_nowait()
            if item is not None and not isinstance(item, PubSubError):
                yield from item

    def _answer(self, parcels: Sequence[Parcel]) -> Pb:
        return StreamingPullResponse(
            received_messages=received(self._feed, parcels),
            subscription_properties=StreamingPullResponse.SubscriptionProperties(
                message_ordering_enabled=self._feed.pb.enable_message_ordering
            ),
        )

    def _sent(self, parcels: Sequence[Parcel]) -> None:
        was_full = self._unsent_messages >= ANSWER_MESSAGES or self._unsent_bytes >= ANSWER_BYTES
        self._unsent_messages -= len(parcels)
        self._unsent_bytes -= sum(parcel.entry.size for parcel in parcels)
        if was_full:
            self._feed.pump()

    async def _read(self, requests: AsyncIterator[Pb]) -> None:
        try:
            async for request in requests:
                self._obey(request)
        except PubSubError as error:
            self._out.put_nowait(error)
        else:
            self._out.put_nowait(None)

    def _obey(self, request: Pb) -> None:
        if request.stream_ack_deadline_seconds:
            self._set_deadline(request.stream_ack_deadline_seconds)
        modify_deadlines(
            self._feed, zip(request.modify_deadline_ack_ids, request.modify_deadline_seconds, strict=False)
        )
        if request.ack_ids:
            self._feed.acknowledge([parse_ack_id(ack_id)[0] for ack_id in request.ack_ids])

    def _set_deadline(self, seconds: int) -> None:
        if not 10 <= seconds <= 600:
            raise InvalidArgumentError(
                f"Invalid stream_ack_deadline_seconds: {seconds}. It must be between 10 and 600 seconds."
            )
        self.lease_seconds = float(seconds)


def modify_deadlines(feed: Feed, changes: Iterable[tuple[str, int]]) -> None:
    """Apply new deadlines, in seconds from now, to ack ids; 0 is a nack."""
    parsed = [(*parse_ack_id(ack_id), seconds) for ack_id, seconds in changes]
    for message_id, lease, seconds in parsed:
        feed.modify_deadline(message_id, lease, float(seconds))
    if parsed:
        feed.pump()
