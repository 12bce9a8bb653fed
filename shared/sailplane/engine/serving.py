"""What the platform does to the process that serves a function: it sends SIGTERM, and SIGKILL ten seconds later.

functions-framework serves with gunicorn, whose main process passes SIGTERM on to the worker process in which functions
run. That one sets signal handlers of its own after it was forked, and requests are handled in threads, which cannot set
any. So the handler is set by gunicorn's hook for the start of a worker process; functions-framework hands no hooks
through, so the hook becomes gunicorn's default.
"""

import atexit
import signal
import threading
from collections.abc import Callable
from datetime import timedelta
from queue import SimpleQueue
from types import FrameType
from typing import Any

TIME_TO_LEAVE = timedelta(seconds=7.5)
"""Of the ten seconds that Cloud Run gives; what follows is the answer of the request and the end of the process."""
_PATIENCE = 2.0


def on_sigterm(act: Callable[[], None]) -> None:
    """Have `act` called when the process that serves gets SIGTERM. Call it while `main.py` is imported.

    It runs in a thread of its own, and once: the handler may interrupt any line of the main thread and must not wait.
    """
    from gunicorn import config  # type: ignore[import-untyped]

    (hook,) = (setting for setting in config.KNOWN_SETTINGS if setting.name == "post_worker_init")
    before = hook.default

    def post_worker_init(worker: Any) -> None:
        _Watch(act).begin()
        before(worker)

    hook.default = staticmethod(post_worker_init)


class _Watch:
    """The handler, in front of gunicorn's own. Nothing runs until the signal comes."""

    def __init__(self, act: Callable[[], None]) -> None:
        self._act = act
        self._signals: SimpleQueue[int] = SimpleQueue()  # Its `put` may interrupt itself.
        self._was_told = False
        # A daemon, as the process may end in other ways too, which must not wait for it.
        self._thread = threading.Thread(target=self._act_once, name="sigterm", daemon=True)

    def begin(self) -> None:
        self._thread.start()
        self._before = signal.getsignal(signal.SIGTERM)
        signal.signal(signal.SIGTERM, self._on_signal)
        signal.siginterrupt(signal.SIGTERM, False)
        atexit.register(self._see_it_done)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self._was_told = True
        self._signals.put(number)
        if callable(self._before):
            self._before(number, frame)

    def _act_once(self) -> None:
        self._signals.get()
        self._act()

    def _see_it_done(self) -> None:
        if self._was_told:
            self._thread.join(_PATIENCE)
