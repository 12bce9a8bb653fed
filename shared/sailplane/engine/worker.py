"""The worker: takes messages, and has their task instances claimed, run and recorded."""

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from sailplane.cloud.wiring import Cloud
from sailplane.engine.alarms import Alarms
from sailplane.engine.bundles import BundleCache
from sailplane.engine.departure import Departure
from sailplane.engine.leases import Leases
from sailplane.engine.memory import RunMemories, RunMemory
from sailplane.engine.metering import Meter, arrival, machine_of
from sailplane.engine.pressure import MemoryGuard
from sailplane.engine.shipper import Shipper
from sailplane.engine.sortie import Sortie
from sailplane.engine.values import Values, places_of
from sailplane.model import messages
from sailplane.model.execution import ChildServices, Outcome, TaskJob
from sailplane.model.messages import PlanRequest, TaskWave
from sailplane.runner import footprint
from sailplane.runner.cancellation import Cancellation

if TYPE_CHECKING:
    from sailplane.engine.jobs import Launcher


class TaskRunner(Protocol):
    """What runs user code: `sailplane.runner.pool.Runner`."""

    def run(
        self, job: TaskJob, *, bundle: Path, services: ChildServices, spool: Path, cancellation: Cancellation
    ) -> Outcome:
        """Run one try to its end; never raises for what user code does."""

    def close(self) -> None:
        """Stop whatever runs."""


class Worker:
    """One worker instance. `handle` may be called from many threads at once."""

    def __init__(
        self, cloud: Cloud, runner: TaskRunner, clock: Callable[[], datetime], *, name: str, queue: str
    ) -> None:
        self.cloud = cloud
        self.runner = runner
        self.clock = clock
        self.name = name
        self.queue = queue
        self.slots = threading.BoundedSemaphore(cloud.settings.worker_concurrency)
        self.meter = Meter(cloud.tally, machine_of(cloud.settings))
        self.memories = RunMemories()
        self.values = Values(places_of(cloud.settings, cloud.store), cloud.store)
        self.bundles = BundleCache(cloud)
        self.departure = Departure()
        self.guard = MemoryGuard(footprint.memory(cloud.settings.memory_limit))
        self.leases = Leases(cloud.store, clock, cloud.settings.lease)
        self.shipper = Shipper(cloud.blobs, cloud.settings)
        self._pool = ThreadPoolExecutor(cloud.settings.worker_concurrency, "task")

    def handle(self, data: bytes) -> None:
        """Do what a message asks for; returns when the message may be acknowledged.

        Raises `CorruptRecord` for a message that is none of ours, and `TransientError` when it has to come again.
        """
        message = messages.decode(data)
        with self.departure.message():
            if message.alarms is not None:
                Alarms(self.cloud, self.clock).answer_wave(message.alarms)
            if message.plan is not None:
                self._plan(message.plan)
            if message.wave is not None and message.wave.queue in ("", self.queue):
                self._fly(message.wave, len(data))
            elif message.wave is not None:
                self._launch(message.wave)

    def hand_back(self, within: timedelta) -> bool:
        """Begin nothing more, and have every message done `within` that time; False when some were not.

        What runs may end for a fifth of it, and is then stopped and queued again at no cost; what has not begun is
        published again. Messages that come later are refused (`WorkerLeaves`). From any thread; `close` comes after.
        """
        return self.departure.leave(within)

    def close(self) -> None:
        """Stop all that runs. What was running is retried once its lease has expired; see `hand_back`."""
        self.runner.close()
        self._pool.shutdown(wait=True)
        self.guard.close()
        self.leases.close()
        self.shipper.close()

    def _plan(self, request: PlanRequest) -> None:
        # Few DAGs have a timetable of their own.
        from sailplane.engine import planning

        planning.plan(self, request.dag_id)

    def _memory(self, wave: TaskWave) -> RunMemory | None:
        """The run of `wave`, read anew when it was changed since that was made; None when it may not go on now."""
        if all(ticket.clear_number <= wave.run.clear_number for ticket in wave.tickets):
            dag = self.cloud.store.version(wave.run.dag_id, wave.run.version)
            return self.memories.open(wave.run, wave.run_token, dag)
        stored = self.cloud.store.run(wave.run.key)
        if stored is None or stored.hold is not None or stored.intervention is not None:
            return None
        dag = self.cloud.store.version(stored.key.dag_id, stored.context.version)
        return self.memories.open(stored.context, stored.token, dag)

    def _launch(self, wave: TaskWave) -> None:
        """Another queue's messages come here only when that is a job queue: each task runs in an execution."""
        dag = self.cloud.store.version(wave.run.dag_id, wave.run.version)
        self._launcher.launch(wave, self.memories.open(wave.run, wave.run_token, dag))

    @cached_property
    def _launcher(self) -> "Launcher":
        # Most workers never need it.
        from sailplane.cloud.jobs import Jobs
        from sailplane.engine.jobs import Launcher

        return Launcher(self.cloud, self.clock, Jobs(self.cloud.settings))

    def _fly(self, wave: TaskWave, size: int) -> None:
        run = self._memory(wave)
        if run is None:
            return
        run.take_in_hand(ticket.key for ticket in wave.tickets)
        sortie = Sortie(self, run, arrival(size, len(wave.tickets), self.meter.machine))
        waiting = deque(wave.tickets)
        most = min(len(waiting), self.cloud.settings.worker_concurrency)
        others = [self._pool.submit(sortie.fly_all, waiting) for _ in range(most - 1)]
        try:
            sortie.fly_all(waiting)
        finally:
            # One that has not begun finds nothing left: it would only wait behind other messages' tasks.
            errors = [error for error in (other.exception() for other in others if not other.cancel()) if error]
            sortie.pass_on(waiting)
            for ticket in wave.tickets:
                run.let_go(ticket.key)
            sortie.wait_for_logs()
            if run.is_closed:
                self.memories.forget(run)
        if errors:
            raise errors[0]
