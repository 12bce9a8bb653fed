"""What a try cost: processor time and memory of the child and of the processes that it waited for."""

import contextlib
import os
import resource
from typing import NamedTuple


class Usage(NamedTuple):
    """Counters of this process since it began."""

    cpu_seconds: float
    peak_kib: int
    """Of this process since `Meter.start`."""
    children_peak_kib: int
    """Of the largest process that was waited for, ever."""

    def since(self, before: "Usage") -> tuple[float, float]:
        """Seconds of processor time, and MiB at the peak."""
        peak = self.peak_kib
        if self.children_peak_kib > before.children_peak_kib:
            peak = max(peak, self.children_peak_kib)
        return round(max(0.0, self.cpu_seconds - before.cpu_seconds), 6), round(peak / 1024, 1)


class Meter:
    """Measures one try after the other."""

    def __init__(self) -> None:
        self._peak_reset: int | None = None
        with contextlib.suppress(OSError):
            self._peak_reset = os.open("/proc/self/clear_refs", os.O_WRONLY | os.O_CLOEXEC)

    def start(self) -> Usage:
        if self._peak_reset is not None:
            with contextlib.suppress(OSError):
                os.write(self._peak_reset, b"5")  # Linux: the peak starts again from the present size.
        return self.read()

    @staticmethod
    def read() -> Usage:
        own = resource.getrusage(resource.RUSAGE_SELF)
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        return Usage(
            cpu_seconds=own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime,
            peak_kib=own.ru_maxrss,
            children_peak_kib=children.ru_maxrss,
        )
