"""Operation counters: what Google would have billed."""

from collections import Counter


class Counters:
    """Counts operations by dotted name, for example `firestore.reads` or `pubsub.published`."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    def add(self, name: str, amount: int = 1) -> None:
        self._counts[name] += amount

    def snapshot(self) -> dict[str, int]:
        """All counts so far, sorted by name."""
        return dict(sorted(self._counts.items()))

    def reset(self) -> None:
        self._counts.clear()
