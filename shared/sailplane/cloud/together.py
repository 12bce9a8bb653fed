"""One answer for all who ask the same at the same moment."""

import threading
from collections.abc import Callable
from concurrent.futures import Future


class Together:
    """Asks each question once for all threads that came to it before it was asked.

    Tasks that end side by side on one worker are committed together, and then each counts its siblings. An answer is
    good for whoever began to wait before it was asked for; who comes later waits for the next one.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._turns: dict[str, threading.Lock] = {}
        self._next: dict[str, Future[int]] = {}

    def ask(self, question: str, answer: Callable[[], int]) -> int:
        """What `answer` gives, called after this call began; raises what it raises."""
        with self._lock:
            turn = self._turns.setdefault(question, threading.Lock())
            joined = self._next.get(question)
            own = self._next[question] = Future() if joined is None else joined
        if joined is not None:
            return joined.result()
        with turn:
            with self._lock:
                del self._next[question]
            try:
                given = answer()
            except BaseException as error:
                own.set_exception(error)
                raise
            own.set_result(given)
            return given
