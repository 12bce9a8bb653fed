"""Waves: how the task instances that become ready together are spread over messages."""

from collections.abc import Sequence
from itertools import pairwise
from typing import TypeVar

T = TypeVar("T")


def waves(keys: Sequence[T], size: int) -> tuple[tuple[T, ...], ...]:
    """`keys` in their order, in as few waves as at most `size` each allows, and those as even as can be.

    Even, because the slowest wave decides when a fan-out is done: 33 keys by 32 are 17 and 16, not 32 and 1.
    """
    if size < 1:
        raise ValueError(f"a wave holds at least 1, not {size}")
    number = -(-len(keys) // size)
    bounds = [len(keys) * wave // number for wave in range(number + 1)] if number else []
    return tuple(tuple(keys[start:end]) for start, end in pairwise(bounds))
