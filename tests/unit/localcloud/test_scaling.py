"""Which instance takes a request, and how many are started."""

from dataclasses import dataclass

import pytest

from localcloud.cloudrun.scaling import Load, choose, starts_wanted


@dataclass(frozen=True, kw_only=True)
class Seat:
    active: int
    ready: bool = True


def test_the_instance_with_the_fewest_requests_is_chosen() -> None:
    seats = [Seat(active=2), Seat(active=1), Seat(active=3)]
    assert choose(seats, 4) is seats[1]


@pytest.mark.parametrize("seats", [[], [Seat(active=4)], [Seat(active=0, ready=False)]])
def test_no_instance_is_chosen_where_none_has_room(seats: list[Seat]) -> None:
    assert choose(seats, 4) is None


@pytest.mark.parametrize(
    ("instances", "starting", "waiting", "concurrency", "maximum", "wanted"),
    [
        (0, 0, 1, 1, 10, 1),
        (0, 0, 5, 1, 10, 5),
        (0, 0, 5, 4, 10, 2),
        (1, 1, 4, 4, 10, 0),
        (1, 1, 5, 4, 10, 1),
        (2, 0, 9, 1, 3, 1),
        (3, 0, 9, 1, 3, 0),
        (3, 0, 0, 1, 10, 0),
    ],
)
def test_as_many_are_started_as_those_who_wait_need(
    instances: int, starting: int, waiting: int, concurrency: int, maximum: int, wanted: int
) -> None:
    load = Load(instances=instances, starting=starting, waiting=waiting, concurrency=concurrency, max_instances=maximum)
    assert starts_wanted(load) == wanted
