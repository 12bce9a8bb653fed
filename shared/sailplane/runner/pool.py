"""The runner: what the engine calls to have user code run."""

import logging
import threading
import time
from datetime import timedelta
from pathlib import Path
from queue import Empty

from sailplane.model.execution import ChildServices, Outcome, OutcomeKind, ReadingServices, TaskJob
from sailplane.runner import endings
from sailplane.runner.cancellation import Cancellation
from sailplane.runner.config import RunnerConfig
from sailplane.runner.conversation import Conversation, Terms
from sailplane.runner.nursery import Nursery
from sailplane.runner.processes import Child
from sailplane.runner.roster import Need, Refusal, Roster
from sailplane.runner.spool import Spool, notice

__all__ = ["Cancellation", "Runner", "RunnerConfig"]

_logger = logging.getLogger(__name__)
_ATTEMPTS = 3
"""How many children may turn out dead before they began, until a try is given up."""


class Runner:
    """Runs tries in child processes. All methods may be called from any thread."""

    def __init__(self, config: RunnerConfig, values: ReadingServices | None = None) -> None:
        """`values` answers for what DAG files read when they are imported; else their environment does."""
        self._config = config
        self._values = values
        self._roster = Roster(config.slots)
        self._lock = threading.Lock()
        self._nurseries: dict[Path, Nursery] = {}
        self._is_closed = False

    def run(
        self, job: TaskJob, *, bundle: Path, services: ChildServices, spool: Path, cancellation: Cancellation
    ) -> Outcome:
        """Run one try to its end, and return how it ended; whatever user code does, this does not raise.

        Waits while all slots are busy. `bundle` is the folder of DAG files; equal paths share a template. `services`
        is called from this thread. The log goes to `spool`, which is made when there is something in it.
        """
        log = Spool(spool, bytes_limit=self._config.log_bytes_limit)
        try:
            return self._run(job, Need(bundle=bundle, file=job.run.file), services, log, self._terms(job, cancellation))
        finally:
            log.close()
            if log.failure is not None:
                _logger.warning("the log of %s %s was cut short: %s", job.run.key, job.key, log.failure)

    def prepare(self, bundle: Path, file: str) -> None:
        """Start the bundle's template and import the file ahead of the first task. Does not wait."""
        with self._lock:
            if not self._is_closed:
                self._nursery(bundle).prepare(file)

    def close(self) -> None:
        """Kill all processes. Tries that run end as killed."""
        with self._lock:
            self._is_closed = True
            nurseries = list(self._nurseries.values())
            self._nurseries.clear()
        for nursery in nurseries:
            nursery.stop()
        for nursery in nurseries:
            nursery.join()
        for bundle in self._roster.waiting_bundles():
            self._roster.refuse(Refusal(outcome=_closed()), bundle=bundle)

    def _terms(self, job: TaskJob, cancellation: Cancellation) -> Terms:
        limit = job.time_limit
        return Terms(
            cancellation=cancellation,
            kill_grace=self._config.kill_grace,
            log_line_limit=self._config.log_line_limit,
            time_limit=limit,
            time_limit_at=time.monotonic() + limit.total_seconds() if limit is not None else float("inf"),
        )

    def _run(self, job: TaskJob, need: Need, services: ChildServices, log: Spool, terms: Terms) -> Outcome:
        for _ in range(_ATTEMPTS):
            child = self._obtain(need, terms)
            if isinstance(child, Refusal):
                return self._refused(child, log)
            outcome = self._run_in(child, job, services, log, terms)
            if outcome is not None:
                return outcome
        return endings.no_process(f"{_ATTEMPTS} processes ended before they began")

    def _run_in(self, child: Child, job: TaskJob, services: ChildServices, log: Spool, terms: Terms) -> Outcome | None:
        conversation = Conversation(child, services=services, log=log, terms=terms)
        is_reusable = False
        try:
            outcome = conversation.run(job)
            if outcome is not None and not conversation.was_answered:
                _note(outcome, log)
            is_reusable = conversation.is_reusable and not self._config.fresh_process
            return _closed() if self._is_closed and not conversation.was_answered else outcome
        finally:
            if not (is_reusable and self._roster.settle(child)):
                child.discard()

    def _refused(self, refusal: Refusal, log: Spool) -> Outcome:
        if refusal.outcome.kind is OutcomeKind.FAILED:
            _note(refusal.outcome, log, refusal.traceback or None)
        return refusal.outcome

    # Finding a child

    def _obtain(self, need: Need, terms: Terms) -> Child | Refusal:
        if terms.cancellation.reason is not None:
            return Refusal(outcome=endings.stopped(terms.cancellation.reason))
        got = self._roster.take(need)
        if isinstance(got, Child):
            return got
        if not self._wake(need.bundle):
            self._roster.leave(got)
            return Refusal(outcome=_closed())
        with terms.cancellation.watched_by(lambda: got.box.put(None)):
            try:
                found = got.box.get(timeout=_remaining(terms))
            except Empty:
                found = None
        if found is not None:
            return found
        late = self._roster.leave(got)
        if late is not None and not self._roster.settle(late):
            late.discard()
        return Refusal(outcome=_gave_up_waiting(terms))

    def _wake(self, bundle: Path) -> bool:
        with self._lock:
            if self._is_closed:
                return False
            self._nursery(bundle).wake()
            return True

    def _nursery(self, bundle: Path) -> Nursery:
        nursery = self._nurseries.get(bundle)
        if nursery is None:
            for other in self._nurseries.values():
                other.is_superseded = True
                other.wake()
            nursery = Nursery(
                bundle,
                self._config,
                self._roster,
                values=self._values,
                may_retire=self._retire,
                on_room=self._on_room,
                on_broken=self._forget,
            )
            self._nurseries[bundle] = nursery
        return nursery

    def _retire(self, nursery: Nursery) -> bool:
        with self._lock:
            if self._roster.first_need(nursery.bundle) is not None:
                return False
            return self._nurseries.pop(nursery.bundle, None) is not None

    def _forget(self, nursery: Nursery) -> None:
        with self._lock:
            self._nurseries.pop(nursery.bundle, None)

    def _on_room(self) -> None:
        waiting = self._roster.waiting_bundles()
        if waiting:
            with self._lock:
                for bundle in waiting & self._nurseries.keys():
                    self._nurseries[bundle].wake()


def _note(outcome: Outcome, log: Spool, traceback: str | None = None) -> None:
    """Tell the log why a try ended that could not say so itself."""
    error = outcome.error
    if error is not None:
        event = f"{error.file}: {error.kind}: {error.message}" if error.file else f"{error.kind}: {error.message}"
        log.write([notice(event, level="error", exception=traceback)])


def _remaining(terms: Terms) -> float | None:
    return None if terms.time_limit is None else max(0.0, terms.time_limit_at - time.monotonic())


def _gave_up_waiting(terms: Terms) -> Outcome:
    if terms.cancellation.reason is not None:
        return endings.stopped(terms.cancellation.reason)
    return endings.never_started(terms.time_limit or timedelta())


def _closed() -> Outcome:
    return endings.stopped("the runner was closed")
