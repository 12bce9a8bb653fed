"""Whose turn it is, among transactions that contend for a document.

Where a transaction was aborted for a document, those that read the document next take turns: each waits before it
reads until those before it have ended, and nobody else's transaction on the document commits meanwhile. So each of any
number of contenders commits at its second attempt, instead of one of them an attempt.
"""

import asyncio
import time

PATIENCE_S = 5.0
"""How long a turn may last while somebody waits; its holder may have died."""
_CONTENDED_S = 2.0
"""How long after a conflict a document is held to be contended."""
_MOST_CONTENDED = 1000


class Turns:
    """A line of transactions for each contended document; the first in line has the turn."""

    def __init__(self) -> None:
        self._lines: dict[bytes, list[bytes]] = {}
        self._moved: dict[bytes, asyncio.Event] = {}
        self._conflicts: dict[bytes, float] = {}

    def note_conflict(self, key: bytes) -> None:
        """A transaction was aborted because of this document."""
        if len(self._conflicts) >= _MOST_CONTENDED:
            self._conflicts.clear()
        self._conflicts[key] = time.monotonic()

    def is_contended(self, key: bytes) -> bool:
        if key in self._lines:
            return True
        noted = self._conflicts.get(key)
        return noted is not None and time.monotonic() - noted < _CONTENDED_S

    async def take(self, key: bytes, transaction_id: bytes) -> None:
        """Get in line and return at the front."""
        line = self._lines.setdefault(key, [])
        if transaction_id not in line:
            line.append(transaction_id)
        while transaction_id in line and line[0] != transaction_id:
            await self._wait_for_first(key, line)

    async def _wait_for_first(self, key: bytes, line: list[bytes]) -> None:
        first = line[0]
        moved = self._moved.setdefault(key, asyncio.Event())
        try:
            await asyncio.wait_for(moved.wait(), PATIENCE_S)
        except TimeoutError:
            if line and line[0] == first:
                self._leave(key, first)

    def holder(self, key: bytes) -> bytes | None:
        """The transaction that has the turn on a document."""
        line = self._lines.get(key)
        return line[0] if line else None

    def leave(self, transaction_id: bytes) -> None:
        """Give up the transaction's turns and its places in line."""
        for key in [key for key, line in self._lines.items() if transaction_id in line]:
            self._leave(key, transaction_id)

    def _leave(self, key: bytes, transaction_id: bytes) -> None:
        line = self._lines[key]
        line.remove(transaction_id)
        if not line:
            del self._lines[key]
        if (moved := self._moved.pop(key, None)) is not None:
            moved.set()
