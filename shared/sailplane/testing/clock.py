"""The time of a run in this process, in which nobody waits for a retry."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta


class SkippingClock:
    """The time of day, and on top of it whatever was skipped instead of waited for."""

    def __init__(self, real: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._real = real
        self._skipped = timedelta()

    def now(self) -> datetime:
        return self._real() + self._skipped

    def skip_to(self, at: datetime) -> None:
        """Be at `at`, unless that is past."""
        self._skipped += max(at - self.now(), timedelta())

    def to_real(self, at: datetime) -> datetime:
        """`at` of this clock, as one who looks at the time of day would have written it down to have waited as long."""
        return at - self._skipped

    def from_real(self, at: datetime) -> datetime:
        return at + self._skipped
