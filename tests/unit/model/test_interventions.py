"""What people change in runs, written down short and put together."""

import msgspec
from hypothesis import given
from hypothesis import strategies as some

from sailplane.model.ids import TaskKey
from sailplane.model.interventions import Intervention, KeySet
from sailplane.model.states import TaskState

KEYS = some.sets(some.builds(TaskKey, some.sampled_from(["a", "b"]), some.integers(-1, 12)))


@given(KEYS, KEYS)
def test_a_key_set_holds_what_was_put_in(these: set[TaskKey], those: set[TaskKey]) -> None:
    one, other = KeySet.of(these), KeySet.of(those)
    assert set(one) == these
    assert set(one | other) == these | those
    assert set(one - other) == these - those
    assert all((key in one) == (key in these) for key in these | those)
    assert bool(one) == bool(these)


def test_neighbours_are_written_as_ranges() -> None:
    keys = KeySet.of([TaskKey("a", index) for index in range(10_000)] + [TaskKey("b")])
    assert keys.ranges == {"a": ((0, 9_999),), "b": ((-1, -1),)}


def test_an_intervention_is_the_same_when_it_is_read_again() -> None:
    made = Intervention(clears=KeySet.of([TaskKey("a", 3)]), marks={TaskState.FAILED: KeySet.of([TaskKey("b")])})
    assert msgspec.json.decode(msgspec.json.encode(made), type=Intervention) == made


def test_of_two_interventions_the_later_one_says_what_becomes_of_what_both_mean() -> None:
    a, b, c = TaskKey("a"), TaskKey("b"), TaskKey("c")
    first = Intervention(clears=KeySet.of([a, b]), marks={TaskState.FAILED: KeySet.of([c])}, restarts_run=True)
    second = Intervention(clears=KeySet.of([c]), marks={TaskState.SUCCESS: KeySet.of([b])})
    both = first.and_then(second)
    assert set(both.clears) == {a, c}
    assert {state: set(keys) for state, keys in both.marks.items()} == {TaskState.SUCCESS: {b}}
    assert both.restarts_run
