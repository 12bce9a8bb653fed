"""Whatever happens in whatever order, no message is lost, and keys keep their order."""

from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from localcloud.pubsub.delivery import Delivery, Entry, State
from localcloud.pubsub.policy import Backoff, DeliveryPolicy

KEYS = ("", "a", "b")
OWNERS = ("alice", "bob")
LEASE = 10.0

Step = tuple[str, int]
STEPS = st.lists(
    st.tuples(st.sampled_from(["offer", "take", "ack", "nack", "put back", "wait"]), st.integers(0, 11)), max_size=80
)
POLICIES = st.builds(
    DeliveryPolicy,
    ordered=st.booleans(),
    backoff=st.sampled_from([None, Backoff(minimum=1, maximum=4)]),
)


@dataclass
class Play:
    """A delivery, and what must be true of it."""

    delivery: Delivery
    now: float = 0.0
    offered: dict[int, Entry] = field(default_factory=dict)
    acked: set[int] = field(default_factory=set)

    def leased(self) -> list[Entry]:
        return [entry for entry in self.offered.values() if entry.state is State.LEASED]

    def step(self, action: str, number: int) -> None:
        match action:
            case "offer":
                entry = Entry(id=len(self.offered) + 1, key=KEYS[number % 3])
                self.offered[entry.id] = entry
                self.delivery.offer(entry)
            case "take":
                self.take(OWNERS[number % 2], number // 2 + 1)
            case "wait":
                self.wait(float(number))
            case _:
                self.answer(action, number)

    def take(self, owner: str, count: int) -> list[Entry]:
        before = {entry.id for entry in self.leased()}
        taken = self.delivery.take(owner, deadline=self.now + LEASE, messages=count)
        assert not before & {entry.id for entry in taken}
        assert not self.acked & {entry.id for entry in taken}
        for entry in taken:
            self.check_order(entry, owner)
        return taken

    def check_order(self, entry: Entry, owner: str) -> None:
        if not (self.delivery.policy.ordered and entry.key):
            return
        before = [one for one in self.offered.values() if one.key == entry.key and one.id < entry.id]
        assert all(one.id in self.acked or (one.state is State.LEASED and one.owner == owner) for one in before)

    def answer(self, action: str, number: int) -> None:
        leased = self.leased()
        if not leased:
            return
        entry = leased[number % len(leased)]
        if action == "ack":
            self.delivery.remove(entry.id)
            self.acked.add(entry.id)
        elif action == "nack":
            assert entry in self.delivery.give_back(entry, self.now)
        else:
            self.delivery.put_back(entry)

    def wait(self, seconds: float) -> None:
        self.now += seconds
        for entry in self.delivery.expired(self.now):
            if entry.state is State.LEASED:
                self.delivery.give_back(entry, self.now)
        self.delivery.wake(self.now)
        assert self.delivery.next_at() > self.now


@given(STEPS, POLICIES)
def test_every_message_comes_out_until_it_is_acknowledged(steps: list[Step], policy: DeliveryPolicy) -> None:
    play = Play(Delivery(policy))
    for action, number in steps:
        play.step(action, number)
    for entry in play.leased():
        if entry.state is State.LEASED:
            play.delivery.give_back(entry, play.now)
    play.wait(1000)
    rest = play.take("carol", 1000)
    assert {entry.id for entry in rest} == play.offered.keys() - play.acked
    for entry in rest:
        play.delivery.remove(entry.id)
    assert play.delivery.entries == {}
    assert play.delivery.starved
