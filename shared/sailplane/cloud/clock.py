"""The time as Firestore has it, by which machines with different clocks agree on what is due.

An alarm is written by one machine and read by another: a lease that a slow clock dated would be over at once for the
tick, and its task would run twice. Each answer of Firestore says when it was made, and it was made between question and
answer; so a clock that is wrong is noticed with the first one, and put right to within the duration of a call.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

TOLERANCE = 1.0
"""Seconds by which a clock may differ before it is put right: nothing here depends on less."""


class StoreClock:
    """This machine's clock, put right by Firestore's. UTC; calls nobody, and may be called from any thread."""

    def __init__(self, read: Callable[[], float] = time.time) -> None:
        """`read`: this machine's own clock, as seconds since 1970."""
        self.read = read
        self.offset = 0.0
        """Seconds that Firestore's clock is ahead of this machine's, as far as that is known and matters."""
        self.is_known = False
        """False until an answer has said its time: before that nothing should be dated."""

    def __call__(self) -> datetime:
        return datetime.fromtimestamp(self.read() + self.offset, UTC)

    def learn(self, told: Any, asked_at: float) -> None:
        """An answer made at `told`, a protobuf Timestamp, came just now to what was asked `asked_at` by `read`."""
        seconds = told.seconds + told.nanos / 1e9
        if not seconds:
            return  # Not every answer says when it was made.
        self.is_known = True
        least, most = seconds - self.read() - TOLERANCE, seconds - asked_at + TOLERANCE
        if not least <= self.offset <= most:
            self.offset = 0.0 if least <= 0.0 <= most else min(max(self.offset, least), most)
