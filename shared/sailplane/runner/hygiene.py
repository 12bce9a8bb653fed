"""In the child: what one task left behind must not reach the next."""

import _signal  # type: ignore[import-not-found]  # signal.getsignal makes enums: ten times as slow
import contextlib
import os
import resource
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from types import FrameType

from sailplane.runner.kernel import children_of

_Handler = Callable[[int, FrameType | None], object] | int | signal.Handlers | None
_SIGNALS = (
    signal.SIGALRM,
    signal.SIGTERM,
    signal.SIGINT,
    signal.SIGHUP,
    signal.SIGCHLD,
    signal.SIGUSR1,
    signal.SIGUSR2,
    signal.SIGPIPE,
    signal.SIGQUIT,
    signal.SIGVTALRM,
    signal.SIGPROF,
)
TEMPLATE_SIGNALS = (signal.SIGTERM, signal.SIGCHLD)
"""What the template handles for itself, and a child does not."""
_OTHER_TIMERS = (signal.ITIMER_VIRTUAL, signal.ITIMER_PROF)
_LIMITS = (resource.RLIMIT_AS, resource.RLIMIT_DATA, resource.RLIMIT_NOFILE, resource.RLIMIT_FSIZE, resource.RLIMIT_CPU)
_LEFTOVER_PATIENCE = timedelta(seconds=2)


class Baseline:
    """The state of a process that has run no task yet. Made in the template, whose own signal handlers do not count."""

    def __init__(self) -> None:
        self._directory = os.getcwd()
        self._umask = _umask()
        self._limits = _limits()
        self._environment = dict(_environment())
        self._handlers: dict[signal.Signals, _Handler] = {each: _signal.getsignal(each) for each in _SIGNALS}
        for own in TEMPLATE_SIGNALS:
            self._handlers[own] = int(signal.SIG_DFL)

    def disarm(self) -> None:
        """Stop the alarm, so that it does not ring after the task."""
        signal.setitimer(signal.ITIMER_REAL, 0)

    def restore(self) -> bool:
        """False when something cannot be taken back."""
        for timer in _OTHER_TIMERS:
            signal.setitimer(timer, 0)
        for each, handler in self._handlers.items():
            if _signal.getsignal(each) is not handler:
                signal.signal(each, handler if handler is not None else signal.SIG_DFL)
        self._restore_directory()
        if _umask() != self._umask:
            os.umask(self._umask)
        if _environment() != self._environment:
            self._restore_environment()
        sys.settrace(None)
        return _limits() == self._limits

    def _restore_environment(self) -> None:
        for added in _environment().keys() - self._environment.keys():
            del os.environb[added]
        for name, value in self._environment.items():
            if _environment().get(name) != value:
                os.environb[name] = value

    def _restore_directory(self) -> None:
        try:
            moved = os.getcwd() != self._directory
        except OSError:
            moved = True  # The task removed the directory that it had changed to.
        if moved:
            os.chdir(self._directory)


def _environment() -> Mapping[bytes, bytes]:
    # The dict behind os.environ on every version of CPython: copying os.environ takes twenty times as long.
    data: Mapping[bytes, bytes] = vars(os.environ)["_data"]
    return data


def _limits() -> tuple[tuple[int, int] | int, ...]:
    return (*map(resource.getrlimit, _LIMITS), os.getpriority(os.PRIO_PROCESS, 0))


def _umask() -> int:
    current = os.umask(0o077)
    os.umask(current)
    return current


def has_threads() -> bool:
    """True when a thread that Python would wait for is still there."""
    if threading.active_count() == 1:
        return False
    main = threading.main_thread()
    return any(not thread.daemon for thread in threading.enumerate() if thread is not main)


def end_leftover_processes() -> bool:
    """Kill what the task started and did not wait for. False when some of it does not end."""
    give_up_at = time.monotonic() + _LEFTOVER_PATIENCE.total_seconds()
    while _has_live_children():
        for pid in children_of(os.getpid()):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if time.monotonic() > give_up_at:
            return False
        time.sleep(0.002)
    return True


def _has_live_children() -> bool:
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return False
    return True
