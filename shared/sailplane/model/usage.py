"""What was used of Google's services on somebody's behalf, in the units that Google bills."""

import operator
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields

from sailplane.model.evolve import evolve

_PARTS = 10**6
"""What a unit is rounded to: a millionth of any unit costs less than a tenth of a millionth of a cent."""


@dataclass(frozen=True, kw_only=True)
class Usage:
    """Amounts add up; fractions are shares of what several task instances used together.

    Stored as a list of numbers in this order: a new field goes to the end.
    """

    reads: float = 0
    """Firestore documents read, as billed: a query is one at least, a count one a thousand."""
    writes: float = 0
    deletes: float = 0
    messages: float = 0
    """Pub/Sub messages, each published and delivered once."""
    message_bytes: float = 0
    """Billed volume of both, with the minimum of a request."""
    requests: float = 0
    """Requests to functions."""
    vcpu_seconds: float = 0
    """Of functions, while they have a request: allocated, whether used or not."""
    gib_seconds: float = 0
    job_vcpu_seconds: float = 0
    """Of Cloud Run jobs, which have a price of their own."""
    job_gib_seconds: float = 0
    class_a: float = 0
    """Operations on Cloud Storage that write or list."""
    class_b: float = 0
    """Operations on Cloud Storage that read."""
    scheduler_jobs: float = 0
    """Cloud Scheduler jobs, for a month each."""
    log_gib: float = 0
    """Taken in by Cloud Logging."""
    document_gib_months: float = 0
    object_gib_months: float = 0

    def __add__(self, other: "Usage") -> "Usage":
        if other is NOTHING:
            return self
        if self is NOTHING:
            return other
        return _made(map(operator.add, vars(self).values(), vars(other).values()))

    def written(self) -> "Usage":
        """With one more write of the document that it stands in."""
        return evolve(self, writes=self.writes + 1)

    def times(self, factor: float) -> "Usage":
        return _made(amount * factor for amount in vars(self).values())

    def numbers(self, more_writes: int = 0) -> list[float]:
        """The amounts in order, with so many more writes, rounded, without the zeros at the end."""
        amounts = list(vars(self).values())
        amounts[_WRITES] += more_writes
        while amounts and not amounts[-1]:
            del amounts[-1]
        # Every write of a task instance comes here, and `round` to decimals takes five times as long.
        return [each if each.__class__ is int else int(each * _PARTS + 0.5) / _PARTS for each in amounts]

    @staticmethod
    def of(numbers: Sequence[float]) -> "Usage":
        """The usage that `numbers` say; those beyond the fields that are known here are passed over."""
        return Usage(**dict(zip(FIELDS, numbers, strict=False)))


FIELDS: tuple[str, ...] = tuple(field.name for field in fields(Usage))
_WRITES = FIELDS.index("writes")
NOTHING = Usage()


def _made(amounts: Iterable[float]) -> Usage:
    """The usage with these amounts, in order. On the path of every task, where `Usage(...)` takes ten times as long."""
    made = object.__new__(Usage)
    object.__setattr__(made, "__dict__", dict(zip(FIELDS, amounts, strict=True)))
    return made


def total(usages: Iterable[Usage]) -> Usage:
    return sum(usages, NOTHING)
