"""Pools: named numbers of slots that task instances of all DAGs share."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from sailplane.model.dags import DEFAULT_POOL
from sailplane.model.errors import RequestError
from sailplane.model.runs import Token

UNLIMITED = -1
LONGEST_NAME = 256
"""Characters, as in Airflow."""
_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_RATE = re.compile(r"^\s*(\d+)\s*/\s*(\d*)\s*([smhd])\s*$")


class InvalidPool(RequestError):
    """A pool cannot be as it is given."""


@dataclass(frozen=True, kw_only=True)
class Rate:
    """How many task instances may start in a time."""

    count: int
    period: timedelta

    @property
    def per_second(self) -> float:
        return self.count / self.period.total_seconds()

    @property
    def burst(self) -> float:
        """How many may start at once after a pause: what a second brings, and one at least."""
        return max(1.0, self.per_second)


@dataclass(frozen=True, kw_only=True)
class Pool:
    """`pools/{name}`."""

    name: str
    slots: int
    """How many there are; `UNLIMITED`."""
    description: str = ""
    include_deferred: bool = False
    """Whether deferred task instances keep their slots."""
    rate: str = ""
    """`10/s`, `100/m`, `1/30s`: how many of its task instances may start; empty: as many as there are slots."""
    allowance: float | None = None
    """How many might have started at `counted_at`, by the rate; None: as many as ever at once."""
    counted_at: datetime | None = None
    claim: str = ""
    """Nonce of the last write: changes with each, which makes the token of whoever read it before stale."""
    token: Token = ""

    def allowed(self, now: datetime) -> float:
        """How many may start by the rate; infinite without one."""
        if not self.rate:
            return float("inf")
        rate = parse_rate(self.rate)
        if self.allowance is None or self.counted_at is None:
            return rate.burst
        passed = max((now - self.counted_at).total_seconds(), 0.0)
        return min(rate.burst, self.allowance + passed * rate.per_second)

    def next_at(self, now: datetime) -> datetime:
        """When the rate allows as many as it may at once, or the next one when that takes longer than a second."""
        rate = parse_rate(self.rate)
        missing = max(rate.burst - self.allowed(now), 0.0)
        return now + timedelta(seconds=missing / rate.per_second)


def parse_rate(text: str) -> Rate:
    """`10/s`, `100/m`, `1/30s`... Raises `InvalidPool`."""
    found = _RATE.match(text)
    if found is None or not int(found[1]) or found[2] == "0":
        raise InvalidPool(
            f"{text!r} is no rate: write how many per time, as 10/s, 100/m, 5000/h or 1/30s (units s, m, h, d)"
        )
    return Rate(count=int(found[1]), period=timedelta(seconds=int(found[2] or 1) * _UNITS[found[3]]))


def checked(pool: Pool) -> Pool:
    """`pool`, if it can be one. Raises `InvalidPool`."""
    if not pool.name or len(pool.name) > LONGEST_NAME:
        raise InvalidPool(f"the name of a pool has 1 to {LONGEST_NAME} characters, not {len(pool.name)}")
    if pool.slots < UNLIMITED:
        raise InvalidPool(f"pool {pool.name!r}: slots must be 0 or more, or -1 for no limit, but are {pool.slots}")
    if pool.rate:
        parse_rate(pool.rate)
    return pool


DEFAULT = Pool(name=DEFAULT_POOL, slots=UNLIMITED, description="Default pool")
"""What it is until somebody changes it."""


@dataclass(frozen=True, kw_only=True)
class Turn:
    """`limits/{limit}`: what those that let task instances into a limit write, so that one at a time does.

    Of limits of runs and tasks; a pool's own document serves for it.
    """

    limit: str
    claim: str = ""
    """Nonce of the last write."""
    expires_at: datetime | None = None
    token: Token = ""
