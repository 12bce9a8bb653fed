"""Running a trigger as long as it has something to do: its event loop ends it when it would only sleep."""

import asyncio
import selectors
import threading
import time
from asyncio import SelectorEventLoop
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from contextlib import suppress
from contextvars import Context
from dataclasses import dataclass
from queue import Queue
from typing import Any, TypeVar, TypeVarTuple, Unpack
from weakref import WeakKeyDictionary

from sailplane.authoring.trigger import BaseTrigger, TriggerEvent, Watched

T = TypeVar("T")
Ts = TypeVarTuple("Ts")
_END_OF_SLEEP = getattr(asyncio.futures, "_set_result_unless_cancelled", None)
"""What `asyncio.sleep` has called at its end: there is no public way to tell its timers from others."""
SHORTEST_SLEEP = 0.5
"""Seconds: a shorter sleep is slept here, a longer one elsewhere."""
LOOK_AGAIN = 0.1
"""Seconds after which a loop that waits looks whether it still waits for something: a thread does not say that it is
done with everything."""
FAREWELL = 5.0
"""Seconds that a trigger has to close what it opened."""


class TriggerExhausted(Exception):
    """A trigger has ended without an event."""


class Suspended(BaseException):
    """Ends a trigger that will be made anew. It is no cancellation: nothing that it watches is to be stopped."""


def watch(trigger: BaseTrigger, *, slept: float = 0.0, longest: float = 30.0, farewell: float = FAREWELL) -> Watched:
    """Run `trigger` until its first event, or until it would only sleep.

    The first `slept` seconds of its sleeps pass at once. It may wait for answers for `longest` seconds in all, and has
    `farewell` seconds to close what it opened. Raises what `run` raises, and `TriggerExhausted`.
    """
    loop = _Loop(slept, longest, farewell)
    try:
        return loop.watch(trigger)
    finally:
        loop.finish()


class _Selector(selectors.DefaultSelector):
    """Asks `idle` instead of waiting, when there is nothing to wait for but time."""

    def __init__(self) -> None:
        super().__init__()
        self.idle: Callable[[float], float | None] = lambda timeout: timeout

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None or timeout > 0:
            timeout = self.idle(float("inf") if timeout is None else timeout)
        return super().select(timeout)

    @property
    def watches_files(self) -> bool:
        """True when more is watched than the loop's own pipe."""
        return len(self.get_map()) > 1


@dataclass(frozen=True)
class _Sleep:
    timer: asyncio.TimerHandle
    was_alone: bool
    """Whether there was no other task when it began."""


class _Loop(SelectorEventLoop):
    def __init__(self, slept: float, longest: float, farewell: float) -> None:
        self._farewell = farewell
        self._skipped = 0.0
        self._credit = slept
        self._jobs = 0
        self._timers: list[asyncio.TimerHandle] = []
        self._sleeps: WeakKeyDictionary[asyncio.Future[Any], _Sleep] = WeakKeyDictionary()
        self._ends_at = time.monotonic() + longest
        self._task: asyncio.Task[TriggerEvent] | None = None
        self.sleeps_for: float | None = None
        self._watching = _Selector()
        super().__init__(self._watching)

    def time(self) -> float:
        return super().time() + self._skipped

    def watch(self, trigger: BaseTrigger) -> Watched:
        self._watching.idle = self._idle
        self._task = self.create_task(_first_event(trigger))
        try:
            return Watched(event=self.run_until_complete(self._task))
        except Suspended:
            return Watched(sleeps_for=self.sleeps_for or 0.0)
        except BaseException:  # The task is told to end: for the trigger that is no cancellation either.
            self._let_go(self._task)
            raise
        finally:
            self._watching.idle = lambda timeout: timeout
            self._close_down(trigger.cleanup())

    def call_at(
        self, when: float, callback: Callable[[Unpack[Ts]], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        timer = super().call_at(when, callback, *args, context=context)
        self._timers.append(timer)
        if callback is _END_OF_SLEEP:
            self._sleeps[args[0]] = _Sleep(timer, self._has_one_task())  # type: ignore[misc]
        return timer

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[Unpack[Ts]], T], *args: *Ts
    ) -> asyncio.Future[T]:
        self._jobs += 1
        future = super().run_in_executor(executor, func, *args)
        future.add_done_callback(self._job_done)
        return future

    def _job_done(self, _: Any) -> None:
        self._jobs -= 1

    def _idle(self, timeout: float) -> float | None:
        """How long the loop may wait for what it has been going to wait `timeout` seconds for."""
        left = self._ends_at - time.monotonic()
        sleep = self._sleep(timeout)
        if sleep is None:
            if left <= 0:
                self._suspend(0.0)
                return 0
            return min(timeout, left, LOOK_AGAIN)
        if self._credit > 0:
            skipped = min(self._credit, sleep)
            self._credit -= skipped
            self._skipped += skipped
            return 0
        if sleep < SHORTEST_SLEEP and left > 0:
            return timeout
        self._suspend(sleep)
        return 0

    def _sleep(self, timeout: float) -> float | None:
        """For how long nothing but time has to pass; None when an answer is waited for.

        A connection that is kept open is no answer, when the trigger's one task sleeps. Threads count that somebody
        waits for by means that are known; others may be there for anything.
        """
        if self._jobs > 0 or any(map(_is_waited_for, threading.enumerate())):
            return None
        waiting = _innermost(self._task)
        own = self._sleeps.get(waiting) if waiting is not None else None
        if own is not None and self._has_one_task():
            # Other tasks have ended during this sleep: what they found is to be seen.
            return own.timer.when() - self.time() if own.was_alone else None
        is_waiting = timeout == float("inf") or self._watching.watches_files
        return None if is_waiting else self._until_next_timer()

    def _has_one_task(self) -> bool:
        return len(asyncio.all_tasks(self)) == 1

    def _until_next_timer(self) -> float:
        """The loop itself never waits longer than a day at once."""
        now = self.time()
        self._timers = [timer for timer in self._timers if not timer.cancelled() and timer.when() > now]
        return min((timer.when() - now for timer in self._timers), default=0.0)

    def _suspend(self, sleeps_for: float) -> None:
        self._watching.idle = self._leave
        self._ends_at = time.monotonic() + self._farewell
        self.sleeps_for = sleeps_for
        waiting = _innermost(self._task)
        if waiting is not None:
            waiting.set_exception(Suspended())
        elif self._task is not None:
            self._task.cancel()

    def _let_go(self, task: asyncio.Task[TriggerEvent]) -> None:
        if not task.done():
            self._suspend(0.0)
            with suppress(BaseException):
                self.run_until_complete(task)

    def _leave(self, timeout: float) -> float:
        """As `_idle`, while the trigger closes what it has opened."""
        left = self._ends_at - time.monotonic()
        if left <= 0:
            raise Suspended
        return min(timeout, left)

    def _close_down(self, farewell: Coroutine[Any, Any, None]) -> None:
        with suppress(Exception):  # The edge to user code; the trigger's event is what counts.
            self.run_until_complete(asyncio.wait_for(farewell, self._farewell))

    def finish(self) -> None:
        try:
            left = asyncio.all_tasks(self)
            for task in left:
                task.cancel()
            if left:
                self.run_until_complete(asyncio.wait(left, timeout=self._farewell))
            self.run_until_complete(self.shutdown_asyncgens())
        finally:
            self.close()


def _is_waited_for(thread: threading.Thread) -> bool:
    """Whether it is one of AnyIO's worker threads that has something to do, or waits for a process for asyncio.

    What the loop's own executors do it knows itself.
    """
    if thread.name.startswith("asyncio-waitpid-"):
        return True
    work = getattr(thread, "queue", None)
    return isinstance(work, Queue) and work.unfinished_tasks > 0


def _innermost(task: "asyncio.Task[Any] | None") -> "asyncio.Future[Any] | None":
    """What a task waits for in the end: asyncio has no public way to see it."""
    future: asyncio.Future[Any] | None = task
    while isinstance(future, asyncio.Task):
        future = getattr(future, "_fut_waiter", None)
    return None if future is None or future.done() else future


async def _first_event(trigger: BaseTrigger) -> TriggerEvent:
    stream = trigger.run()
    try:
        async for event in stream:
            return event
    finally:
        close = getattr(stream, "aclose", None)
        if close is not None:
            await close()
    raise TriggerExhausted(
        f"trigger {type(trigger).__name__} has ended without an event: its run() must yield a TriggerEvent"
    )
