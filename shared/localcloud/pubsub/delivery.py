"""What is due when, and to whom: the state of one subscription's deliveries, without clock, disk or network.

Times are seconds of any steady clock, passed in. Only what was loaded from disk is known here; who loads is the feed.
"""

import heapq
from collections import deque
from dataclasses import dataclass, field
from enum import Enum

from localcloud.pubsub.policy import DeliveryPolicy
from localcloud.pubsub.wire import Pb

NEVER = float("inf")

_SLACK = 1000
"""So many outdated deadlines may lie around before they are swept out."""


class State(Enum):
    """Where a message stands within one subscription."""

    READY = "ready"
    """May go out; `take` moves it on."""
    LEASED = "leased"
    """Somebody has it; an ack, a nack or its deadline moves it on."""
    DELAYED = "delayed"
    """Waits for its backoff; `wake` moves it on."""
    GONE = "gone"
    """Acknowledged, forwarded or expired."""


@dataclass(slots=True, eq=False, kw_only=True)
class Entry:
    """One message of one subscription, from being loaded until it is acknowledged."""

    id: int
    key: str = ""
    size: int = 0
    attempts: int = 0
    """Deliveries so far, the running one counted in."""
    message: Pb = None
    """The message itself where it is at hand; otherwise it is on disk."""
    state: State = State.READY
    owner: object = None
    """Who has it while it is leased."""
    lease: int = 0
    """The number of the newest lease; an older lease's owner has no say about deadlines."""
    deadline: float = NEVER


@dataclass(slots=True, eq=False, kw_only=True)
class Lane:
    """The messages of one ordering key. Only one owner at a time has any of them."""

    key: str
    waiting: deque[Entry] = field(default_factory=deque)
    leased: dict[int, Entry] = field(default_factory=dict)
    owner: object = None
    delayed_until: float | None = None
    queued_for: object = None
    """The owner, or the delivery itself for everybody, in whose queue this lane stands."""


class Delivery:
    """Decides which message goes out next, and when a failed one comes again."""

    def __init__(self, policy: DeliveryPolicy) -> None:
        self.policy = policy
        self.entries: dict[int, Entry] = {}
        self._ready: deque[Entry | Lane] = deque()
        self._lanes: dict[str, Lane] = {}
        self._bound: dict[object, dict[Lane, None]] = {}
        self._deadlines: list[tuple[float, int, Entry]] = []
        self._delayed: list[tuple[float, int, Entry | Lane]] = []
        self._count = 0

    @property
    def starved(self) -> bool:
        """Whether nothing is left that just anybody could take."""
        self._drop_gone()
        return not self._ready

    def offer(self, entry: Entry) -> None:
        """A message arrives, newer than all before."""
        self.entries[entry.id] = entry
        if not (self.policy.ordered and entry.key):
            self._ready.append(entry)
            return
        lane = self._lanes.get(entry.key)
        if lane is None:
            lane = self._lanes[entry.key] = Lane(key=entry.key)
        lane.waiting.append(entry)
        self._enqueue(lane)

    def take(self, owner: object, *, deadline: float, messages: int, size: float = NEVER) -> list[Entry]:
        """Lease what is ready to `owner` until `deadline`: up to `messages`, up to `size` bytes but at least one."""
        taken: list[Entry] = []
        while len(taken) < messages:
            entry = self._peek(owner)
            if entry is None or (taken and entry.size > size):
                break
            self._pop(owner)
            self._lease(entry, owner, deadline)
            size -= entry.size
            taken.append(entry)
        return taken

    def extend(self, entry: Entry, deadline: float) -> None:
        """Move the deadline of a leased message."""
        entry.deadline = deadline
        if deadline < NEVER:
            self._count += 1
            heapq.heappush(self._deadlines, (deadline, self._count, entry))
            if len(self._deadlines) > 2 * len(self.entries) + _SLACK:
                self._deadlines = [item for item in self._deadlines if _holds(item)]
                heapq.heapify(self._deadlines)

    def remove(self, message_id: int) -> Entry | None:
        """The message is done with (acknowledged, forwarded or too old); None when it was not loaded."""
        entry = self.entries.pop(message_id, None)
        if entry is None:
            return None
        entry.state = State.GONE
        lane = self._lanes.get(entry.key) if self.policy.ordered else None
        if lane is not None:
            lane.leased.pop(entry.id, None)
            self._settle(lane)
        return entry

    def give_back(self, entry: Entry, now: float) -> list[Entry]:
        """A delivery failed: the message comes again after the backoff, and so do those behind it of the same key.

        Returns all whose lease ends by that. Those that were acknowledged already do not come again.
        """
        due = now + self.policy.retry_delay(entry.attempts)
        lane = self._lanes.get(entry.key) if self.policy.ordered else None
        if lane is None:
            self._unlease(entry)
            self._return(entry, due, now)
            return [entry]
        back = [leased for leased in lane.leased.values() if leased.id >= entry.id]
        if due > now and (lane.delayed_until is None or lane.delayed_until < due):
            lane.delayed_until = due
            self._delay(lane, due)
        self._rewind(lane, back)
        return back

    def put_back(self, entry: Entry) -> None:
        """A leased message never went out: it is ready again as if nothing had been."""
        entry.attempts -= 1
        lane = self._lanes.get(entry.key) if self.policy.ordered else None
        if lane is None:
            self._unlease(entry)
            self._ready.appendleft(entry)
        else:
            self._rewind(lane, [entry])

    def expired(self, now: float) -> list[Entry]:
        """The leased messages whose deadline has passed; `give_back` or `remove` each."""
        found = []
        while (top := self._top_deadline()) is not None and top[0] <= now:
            heapq.heappop(self._deadlines)
            top[2].deadline = NEVER
            found.append(top[2])
        return found

    def wake(self, now: float) -> None:
        """Make ready what has waited out its backoff."""
        while (top := self._top_delayed()) is not None and top[0] <= now:
            heapq.heappop(self._delayed)
            item = top[2]
            if isinstance(item, Entry):
                item.state = State.READY
                self._ready.append(item)
            else:
                item.delayed_until = None
                self._settle(item)

    def next_at(self) -> float:
        """When `expired` or `wake` has something to do next; NEVER if nothing is pending."""
        deadline, delayed = self._top_deadline(), self._top_delayed()
        return min(deadline[0] if deadline else NEVER, delayed[0] if delayed else NEVER)

    def _lease(self, entry: Entry, owner: object, deadline: float) -> None:
        self._count += 1
        entry.state, entry.owner, entry.lease = State.LEASED, owner, self._count
        entry.attempts += 1
        self.extend(entry, deadline)

    @staticmethod
    def _unlease(entry: Entry) -> None:
        entry.state, entry.deadline, entry.message = State.READY, NEVER, None

    def _return(self, entry: Entry, due: float, now: float) -> None:
        if due <= now:
            self._ready.append(entry)
            return
        entry.state = State.DELAYED
        self._delay(entry, due)

    def _rewind(self, lane: Lane, back: list[Entry]) -> None:
        for leased in back:
            del lane.leased[leased.id]
            self._unlease(leased)
        lane.waiting = deque(sorted([*back, *lane.waiting], key=lambda waiting: waiting.id))
        self._settle(lane)

    def _settle(self, lane: Lane) -> None:
        """Put the lane into the queue where it belongs after something in it changed."""
        while lane.waiting and lane.waiting[0].state is State.GONE:
            lane.waiting.popleft()
        self._dequeue(lane)
        if not lane.leased:
            lane.owner = None
        if not lane.waiting and not lane.leased:
            if self._lanes.get(lane.key) is lane:
                del self._lanes[lane.key]
            return
        self._enqueue(lane)

    def _enqueue(self, lane: Lane) -> None:
        if lane.queued_for is not None or lane.delayed_until is not None or not lane.waiting:
            return
        if lane.owner is None:
            lane.queued_for = self
            self._ready.append(lane)
        else:
            lane.queued_for = lane.owner
            self._bound.setdefault(lane.owner, {})[lane] = None

    def _dequeue(self, lane: Lane) -> None:
        place, lane.queued_for = lane.queued_for, None
        if place is self:
            self._ready.remove(lane)
        elif place is not None:
            bound = self._bound[place]
            del bound[lane]
            if not bound:
                del self._bound[place]

    def _front(self, owner: object) -> Entry | Lane | None:
        bound = self._bound.get(owner) if self._bound else None
        if bound:
            return next(iter(bound))
        self._drop_gone()
        return self._ready[0] if self._ready else None

    def _peek(self, owner: object) -> Entry | None:
        front = self._front(owner)
        return front.waiting[0] if isinstance(front, Lane) else front

    def _pop(self, owner: object) -> None:
        front = self._front(owner)
        if not isinstance(front, Lane):
            self._ready.popleft()
            return
        entry = front.waiting.popleft()
        front.leased[entry.id] = entry
        front.owner = owner
        self._settle(front)

    def _drop_gone(self) -> None:
        ready = self._ready
        while ready and isinstance(ready[0], Entry) and ready[0].state is not State.READY:
            ready.popleft()

    def _top_deadline(self) -> tuple[float, int, Entry] | None:
        heap = self._deadlines
        while heap and not _holds(heap[0]):
            heapq.heappop(heap)
        return heap[0] if heap else None

    def _top_delayed(self) -> tuple[float, int, Entry | Lane] | None:
        heap = self._delayed
        while heap and not _waits(heap[0]):
            heapq.heappop(heap)
        return heap[0] if heap else None

    def _delay(self, item: Entry | Lane, due: float) -> None:
        self._count += 1
        heapq.heappush(self._delayed, (due, self._count, item))


def _holds(item: tuple[float, int, Entry]) -> bool:
    at, _, entry = item
    return entry.state is State.LEASED and entry.deadline == at


def _waits(item: tuple[float, int, Entry | Lane]) -> bool:
    at, _, waiting = item
    return waiting.state is State.DELAYED if isinstance(waiting, Entry) else waiting.delayed_until == at
