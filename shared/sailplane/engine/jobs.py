"""Job queues: an execution of a Cloud Run job for each queued task instance.

Pub/Sub may deliver a message twice, an alarm may publish it again while an execution is still waiting for its machine,
and each execution is billed for a minute at least. So the launch is noted in the task instance before the call, guarded
like a claim: whoever comes second finds the note and starts nothing.
"""

import logging
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from functools import partial

from sailplane.cloud.changes import Replace
from sailplane.cloud.committer import Committed
from sailplane.cloud.jobs import Jobs
from sailplane.cloud.wiring import Cloud
from sailplane.engine import draft, ends, publishing, turns
from sailplane.engine.memory import RunMemory
from sailplane.engine.metering import written
from sailplane.engine.progress import Progress
from sailplane.model.errors import QuotaExhausted, TransientError, UnknownQueue
from sailplane.model.evolve import evolve
from sailplane.model.messages import Message, TaskTicket, TaskWave
from sailplane.model.runs import TaskInstance
from sailplane.model.states import TaskState
from sailplane.planner.alarms import queued_alarm

_log = logging.getLogger(__name__)

LAUNCH_ALARM = timedelta(minutes=5)
"""How long an execution may take to start before another is started. Machines with GPUs can take minutes."""
LONGEST_LAUNCH_ALARM = timedelta(minutes=40)
MOST_LAUNCHES = 5
"""After so many executions, over about two hours, of which none took the task, it fails: the image does not start."""
MOST_CALLS = 8
"""Executions that one message starts side by side."""


def launch_alarm(launches: int) -> timedelta:
    """How long to wait for an execution to start, after `launches` in vain: 5 min, doubling, 40 at most."""
    return min(LAUNCH_ALARM * (1 << min(launches, 10)), LONGEST_LAUNCH_ALARM)


def launches_before(instance: TaskInstance) -> int:
    """How many executions were started for this try that did not take it. Alarms before the first one do not count:
    then it was a message that was lost, or Cloud Run that refused."""
    return instance.alarms if instance.worker else 0


class Launcher:
    """Starts the executions of one worker instance's messages."""

    def __init__(self, cloud: Cloud, clock: Callable[[], datetime], jobs: Jobs) -> None:
        self._cloud = cloud
        self._clock = clock
        self._jobs = jobs
        self._progress = Progress(cloud, clock, on_close=partial(turns.start_waiting, cloud, clock))

    def launch(self, wave: TaskWave, run: RunMemory) -> None:
        """Start an execution for each ticket whose task instance is queued still and has none under way.

        Raises `TransientError` when some could not be started: their message has to come again.
        """
        stored = self._cloud.store.tasks(run.key, [ticket.key for ticket in wave.tickets])
        due = launchable(stored, wave.tickets)
        trouble: list[TransientError] = []
        with ThreadPoolExecutor(min(len(due), MOST_CALLS) or 1, "launch") as pool:
            for error in pool.map(lambda instance: self._launch(wave, run, instance), due):
                trouble += [error] if error is not None else []
        if trouble:
            raise trouble[0]

    def _launch(self, wave: TaskWave, run: RunMemory, instance: TaskInstance) -> TransientError | None:
        """Note the launch, then start the execution; returns what kept it from starting for now."""
        launches = launches_before(instance)
        if launches >= MOST_LAUNCHES:
            self._progress.end(run, ends.undeliverable(run, instance, _in_vain(wave.queue), self._clock()))
            return None
        noted = self._note(instance, worker=f"job {wave.queue}", alarms=launches, wait=launch_alarm(launches))
        if noted is None:
            return None
        try:
            name = self._jobs.start(wave.queue, _message(wave, noted))
        except UnknownQueue as error:
            self._progress.end(run, ends.undeliverable(run, noted, str(error), self._clock()))
            return None
        except QuotaExhausted as error:
            # That may last for hours. Its alarm, which backs off, publishes it again; its message would not.
            self._take_back(noted, instance)
            _log.warning("run=%s task=%s: %s; it is tried again later", run.key, instance.key, error)
            return None
        except TransientError as error:
            self._take_back(noted, instance)
            return error
        _log.info("run=%s task=%s try=%d: started %s", run.key, instance.key, instance.try_number, name)
        return None

    def _take_back(self, noted: TaskInstance, before: TaskInstance) -> None:
        """No execution is under way: the next alarm comes as for any message that nobody took."""
        self._note(noted, worker="", alarms=before.alarms, wait=queued_alarm(before.alarms))

    def _note(self, instance: TaskInstance, *, worker: str, alarms: int, wait: timedelta) -> TaskInstance | None:
        """Write who has it, and when it is late; None when someone else changed it meanwhile."""
        noted = evolve(instance, worker=worker, alarms=alarms, alarm_at=self._clock() + wait, claim=draft.nonce())
        result = self._cloud.store.commit([Replace(noted)])
        return written(noted, result.tokens[0]) if isinstance(result, Committed) else None


def launchable(stored: Iterable[TaskInstance], tickets: Iterable[TaskTicket]) -> list[TaskInstance]:
    """Those of `stored` that an execution has to be started for, because of `tickets`.

    One that has been noted as launched is left alone, unless its alarm rang: then a ticket names its latest write.
    """
    by_key = {ticket.key: ticket for ticket in tickets}
    return [
        instance
        for instance in stored
        if instance.state is TaskState.QUEUED
        and instance.try_number == by_key[instance.key].try_number
        and (not instance.worker or instance.token == by_key[instance.key].token)
    ]


def _in_vain(queue: str) -> str:
    return (
        f"{MOST_LAUNCHES} executions of the job of queue {queue!r} were started in two hours, and none took the task: "
        "look at their logs (`gcloud run jobs executions list --job=...`) for what keeps the image from running "
        "`sailplane run-task`, correct it, and run the task again"
    )


def _message(wave: TaskWave, instance: TaskInstance) -> Message:
    """What the execution gets. What may be long it reads itself: the run's conf, and what a try goes on with."""
    run = evolve(wave.run, conf={})
    ticket = evolve(publishing.ticket(instance), resumption=None)
    return Message(wave=TaskWave(run=run, run_token=wave.run_token, tickets=(ticket,), queue=wave.queue))
