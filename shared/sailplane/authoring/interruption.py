"""Stopping a task from within: its time is up, or it was told to end."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from types import FrameType
from typing import NoReturn

from sailplane.authoring.exceptions import AirflowTaskTerminated, AirflowTaskTimeout


@contextmanager
def time_limit(limit: timedelta | None, error: BaseException | None = None) -> Iterator[None]:
    """Raise `error`, by default an `AirflowTaskTimeout`, in the block once `limit` is over.

    Signals reach the main thread only; in another thread there is no limit from within.
    """
    if limit is None or not _is_main_thread():
        yield
        return

    def expire(_number: int, _frame: FrameType | None) -> NoReturn:
        raise error or AirflowTaskTimeout(f"ran longer than its execution_timeout of {limit}")

    before = signal.signal(signal.SIGALRM, expire)
    # Zero would switch the timer off: a limit of nothing ends the task at its first instruction.
    signal.setitimer(signal.ITIMER_REAL, max(limit.total_seconds(), 1e-6))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@contextmanager
def terminable() -> Iterator[None]:
    """Raise `AirflowTaskTerminated` in the block when the process gets SIGTERM."""
    if not _is_main_thread():
        yield
        return

    def terminate(_number: int, _frame: FrameType | None) -> NoReturn:
        raise AirflowTaskTerminated("told to end by SIGTERM")

    before = signal.signal(signal.SIGTERM, terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _is_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()
