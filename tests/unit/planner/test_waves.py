import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sailplane.planner.waves import waves


@pytest.mark.parametrize(
    ("number", "size", "sizes"),
    [(0, 8, []), (1, 8, [1]), (8, 8, [8]), (9, 8, [4, 5]), (33, 32, [16, 17]), (100, 32, [25, 25, 25, 25])],
)
def test_waves_are_few_and_even(number: int, size: int, sizes: list[int]) -> None:
    assert [len(wave) for wave in waves(range(number), size)] == sizes


@settings(derandomize=True, deadline=None)
@given(st.integers(0, 500), st.integers(1, 64))
def test_waves_keep_all_in_order_and_differ_by_one_at_most(number: int, size: int) -> None:
    made = waves(range(number), size)
    sizes = [len(wave) for wave in made]
    assert [each for wave in made for each in wave] == list(range(number))
    assert len(made) == -(-number // size)
    assert not sizes or (max(sizes) <= size and max(sizes) - min(sizes) <= 1)


def test_a_wave_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        waves([1], 0)
