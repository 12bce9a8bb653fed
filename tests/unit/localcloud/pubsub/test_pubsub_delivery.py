"""Which message goes out when, decided without a clock."""

import pytest

from localcloud.pubsub.delivery import NEVER, Delivery, Entry, State
from localcloud.pubsub.policy import Backoff, DeliveryPolicy

ALICE, BOB = object(), object()


def delivery(*entries: Entry, ordered: bool = False, backoff: Backoff | None = None) -> Delivery:
    made = Delivery(DeliveryPolicy(ordered=ordered, backoff=backoff))
    for entry in entries:
        made.offer(entry)
    return made


def entries(*ids: int, key: str = "", size: int = 1) -> list[Entry]:
    return [Entry(id=id_, key=key, size=size) for id_ in ids]


def taken(
    made: Delivery, owner: object = ALICE, *, messages: int = 100, size: float = NEVER, until: float = 10
) -> list[int]:
    return [entry.id for entry in made.take(owner, deadline=until, messages=messages, size=size)]


def test_messages_go_out_in_the_order_they_came() -> None:
    assert taken(delivery(*entries(1, 2, 3))) == [1, 2, 3]


def test_a_leased_message_is_not_given_to_anybody_else() -> None:
    made = delivery(*entries(1))
    assert taken(made) == [1]
    assert taken(made, BOB) == []


def test_no_more_messages_go_out_than_asked_for() -> None:
    made = delivery(*entries(1, 2, 3))
    assert taken(made, messages=2) == [1, 2]
    assert taken(made, messages=2) == [3]


def test_no_more_bytes_go_out_than_asked_for_but_always_one_message() -> None:
    made = delivery(*entries(1, 2, 3, size=10))
    assert taken(made, size=25) == [1, 2]
    assert taken(made, size=5) == [3]


def test_an_acknowledged_message_never_comes_again() -> None:
    made = delivery(*entries(1, 2))
    taken(made, messages=1)
    assert made.remove(1) is not None
    assert made.remove(1) is None
    assert taken(made, BOB) == [2]
    assert made.expired(99) != []
    assert made.entries.keys() == {2}


def test_a_message_acknowledged_while_it_waits_to_go_out_again_does_not_go_out() -> None:
    made = delivery(*entries(1, 2))
    taken(made)
    made.give_back(made.entries[1], 0)
    made.remove(1)
    assert taken(made, BOB) == []


def test_a_lease_ends_at_its_deadline_and_not_before() -> None:
    made = delivery(*entries(1))
    taken(made, until=10)
    assert made.next_at() == 10
    assert made.expired(9.9) == []
    assert [entry.id for entry in made.expired(10)] == [1]


def test_an_extended_lease_ends_at_its_new_deadline_only() -> None:
    made = delivery(*entries(1))
    taken(made, until=10)
    made.extend(made.entries[1], 30)
    assert made.next_at() == 30
    assert made.expired(29) == []
    made.extend(made.entries[1], 29.5)
    assert [entry.id for entry in made.expired(29.5)] == [1]


def test_a_lease_without_a_deadline_never_ends_by_itself() -> None:
    made = delivery(*entries(1))
    taken(made, until=NEVER)
    assert made.next_at() == NEVER
    assert made.expired(1e12) == []


def test_without_a_retry_policy_a_failed_message_is_ready_at_once() -> None:
    made = delivery(*entries(1))
    taken(made)
    assert [entry.id for entry in made.give_back(made.entries[1], 5)] == [1]
    assert taken(made, BOB) == [1]
    assert made.entries[1].attempts == 2


def test_with_a_retry_policy_a_failed_message_waits_longer_each_time() -> None:
    made = delivery(*entries(1), backoff=Backoff(minimum=10, maximum=25))
    now = 0.0
    for wait in (10, 20, 25, 25):
        made.wake(now)
        assert taken(made, until=NEVER) == [1]
        made.give_back(made.entries[1], now)
        assert taken(made) == []
        assert made.next_at() == now + wait
        made.wake(now + wait - 0.1)
        assert taken(made) == []
        now += wait


def test_a_message_that_waits_for_its_backoff_can_still_be_acknowledged() -> None:
    made = delivery(*entries(1), backoff=Backoff(minimum=10, maximum=10))
    taken(made)
    made.give_back(made.entries[1], 0)
    assert made.entries[1].state is State.DELAYED
    made.remove(1)
    assert made.next_at() == NEVER
    made.wake(100)
    assert taken(made) == []


def test_one_owner_may_have_several_messages_of_a_key_in_order() -> None:
    made = delivery(*entries(1, 2, 3, key="k"), ordered=True)
    assert taken(made, ALICE, messages=2) == [1, 2]
    assert taken(made, BOB) == []
    assert taken(made, ALICE) == [3]


def test_a_key_is_free_for_another_owner_once_nothing_of_it_is_out() -> None:
    made = delivery(*entries(1, 2, key="k"), ordered=True)
    taken(made, ALICE, messages=1)
    made.remove(1)
    assert taken(made, BOB) == [2]


def test_keys_do_not_wait_for_each_other() -> None:
    made = delivery(Entry(id=1, key="a"), Entry(id=2, key="b"), Entry(id=3, key="a"), Entry(id=4), ordered=True)
    assert taken(made, ALICE, messages=1) == [1]
    assert taken(made, BOB) == [2, 4]
    assert taken(made, ALICE) == [3]


def test_a_failed_message_brings_those_behind_it_of_its_key_along() -> None:
    made = delivery(*entries(1, 2, 3, 4, key="k"), ordered=True)
    taken(made, messages=3)
    assert [entry.id for entry in made.give_back(made.entries[2], 0)] == [2, 3]
    assert taken(made, BOB) == []
    made.remove(1)
    assert taken(made, BOB) == [2, 3, 4]


def test_messages_of_a_key_that_fail_in_any_order_come_again_in_order() -> None:
    made = delivery(*entries(1, 2, 3, key="k"), ordered=True)
    taken(made)
    made.give_back(made.entries[3], 0)
    made.give_back(made.entries[1], 0)
    assert taken(made, BOB) == [1, 2, 3]


def test_the_backoff_of_a_message_holds_its_whole_key_up_and_no_other() -> None:
    made = delivery(*entries(1, 2, key="k"), ordered=True, backoff=Backoff(minimum=10, maximum=60))
    taken(made, messages=1)
    made.give_back(made.entries[1], 0)
    made.offer(Entry(id=3, key="other"))
    assert taken(made) == [3]
    made.wake(10)
    assert taken(made) == [1, 2]


def test_a_message_acknowledged_in_the_middle_of_its_key_is_left_out() -> None:
    made = delivery(*entries(1, 2, 3, key="k"), ordered=True)
    taken(made)
    made.give_back(made.entries[1], 0)
    made.remove(2)
    assert taken(made, BOB) == [1, 3]


def test_ordering_keys_mean_nothing_to_a_subscription_that_does_not_order() -> None:
    made = delivery(*entries(1, 2, key="k"))
    taken(made, ALICE, messages=1)
    assert taken(made, BOB) == [2]


def test_it_is_starved_when_nothing_is_left_for_anybody() -> None:
    made = delivery(*entries(1))
    assert not made.starved
    taken(made)
    assert made.starved


def test_outdated_deadlines_do_not_pile_up() -> None:
    made = delivery(*entries(1))
    taken(made)
    for second in range(5000):
        made.extend(made.entries[1], 100.0 + second)
    assert len(made._deadlines) < 1100
    assert made.next_at() == 5099


def test_what_never_went_out_is_ready_again_as_if_nothing_had_been() -> None:
    made = delivery(*entries(1, 2))
    taken(made, messages=1)
    made.put_back(made.entries[1])
    assert made.entries[1].attempts == 0
    assert taken(made, BOB) == [1, 2]


def test_what_never_went_out_of_a_key_is_for_others_too() -> None:
    made = delivery(*entries(1, 2, key="k"), ordered=True)
    taken(made)
    for id_ in (2, 1):
        made.put_back(made.entries[id_])
    assert taken(made, BOB) == [1, 2]


def test_a_key_that_came_back_is_not_disturbed_by_the_backoff_of_its_former_messages() -> None:
    made = delivery(*entries(1, key="k"), ordered=True, backoff=Backoff(minimum=10, maximum=10))
    taken(made)
    made.give_back(made.entries[1], 0)
    made.remove(1)
    made.offer(Entry(id=2, key="k"))
    assert taken(made, messages=1) == [2]
    made.wake(10)
    made.offer(Entry(id=3, key="k"))
    assert taken(made, BOB) == []
    made.remove(2)
    assert taken(made, BOB) == [3]


@pytest.mark.parametrize("order", [(1, 2, 3), (3, 2, 1), (2, 3, 1)])
def test_a_key_leaves_nothing_behind_when_all_of_it_is_acknowledged(order: tuple[int, ...]) -> None:
    made = delivery(*entries(1, 2, 3, key="k"), ordered=True)
    taken(made)
    for id_ in order:
        made.remove(id_)
    assert made.entries == {}
    assert made._lanes == {}
    assert made._bound == {}
    assert made.starved
