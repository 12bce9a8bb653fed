"""What each thread had Google's services do, in the units that they bill."""

import threading

from sailplane.model.evolve import evolve
from sailplane.model.usage import NOTHING, Usage


class Tally(threading.local):
    """Counts for the thread that counts, so that a task instance can be told what was done in its worker's thread.

    Writes are not counted here: each is its document's (`changes.encode`).
    """

    def __init__(self) -> None:
        self.reads = 0
        self.class_a = 0
        self.class_b = 0

    def take(self) -> Usage:
        """What this thread has counted since it last took."""
        if not (self.reads or self.class_a or self.class_b):
            return NOTHING
        taken = evolve(NOTHING, reads=self.reads, class_a=self.class_a, class_b=self.class_b)
        self.reads = self.class_a = self.class_b = 0
        return taken
