"""What a DAG will cost: from what its last runs used, or else from its structure."""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from sailplane.cost.assumptions import (
    COMMIT_SECONDS,
    CONCURRENCY,
    DAYS,
    DOCUMENT_BYTES,
    GIB,
    OBJECT_BYTES,
    request_logs,
    worker_time,
)
from sailplane.model.dags import SerializedDag, SerializedTask
from sailplane.model.usage import Usage, total

DEFAULT_SECONDS = 1.0
ROUNDING_SECONDS = 0.05
"""Of a request, on average, up to the next 100 ms."""
WAVE_BYTES = 700
TICKET_BYTES = 250
LEAST_BYTES = 1000
RUN = Usage(reads=4, writes=3)
"""Of a run whatever its size: the DAG, its version, the runs that are active and those that wait; its document when it
begins and ends, and its schedule."""


class Basis(StrEnum):
    """What an estimate stands on."""

    RUNS = "runs"
    STRUCTURE = "structure"


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """Of one DAG."""

    basis: Basis
    runs: int
    """How many measured runs it stands on."""
    run: Usage
    """One run."""
    month: Usage
    """All runs of a month, with what they leave behind kept for that month."""


@dataclass(frozen=True, kw_only=True)
class Habit:
    """How a DAG is expected to run. `seconds`: by task_id, where known; `each`: of the others."""

    runs_per_day: float
    each: float = DEFAULT_SECONDS
    seconds: Mapping[str, float]
    mapped: int = 1
    """How many items a task returns that another one is mapped over. Lengths that the DAG file names are known."""


def from_runs(dag: SerializedDag, used: Sequence[Usage], runs_per_day: float) -> Estimate:
    """From what runs of it used, all their task instances counted in. `used` may not be empty."""
    run = total(used).times(1 / len(used))
    return _estimate(Basis.RUNS, len(used), _complete(run), len(dag.tasks), runs_per_day)


def from_structure(dag: SerializedDag, habit: Habit) -> Estimate:
    """From its tasks: which of them a worker keeps, and which travel through the queue side by side."""
    run = _complete(RUN + _Sketch(dag, habit).usage())
    size = sum(_instances(dag, task.task_id, habit.mapped) for task in dag.tasks)
    return _estimate(Basis.STRUCTURE, 0, run, size, habit.runs_per_day)


def _complete(run: Usage) -> Usage:
    return run + request_logs(run.requests)


def _estimate(basis: Basis, runs: int, run: Usage, size: int, runs_per_day: float) -> Estimate:
    number = runs_per_day * DAYS
    kept = Usage(
        document_gib_months=(size + 1) * DOCUMENT_BYTES / GIB, object_gib_months=run.class_a * OBJECT_BYTES / GIB
    )
    return Estimate(basis=basis, runs=runs, run=run, month=(run + kept).times(number))


def _instances(dag: SerializedDag, task_id: str, items: int) -> int:
    """How many instances a task probably has: one, unless it is mapped or in a mapped group."""
    mapped = dag.mapped_by.get(task_id)
    if mapped is None:
        return 1
    expansion = dag.expansions[mapped]
    return expansion.size(dict.fromkeys(expansion.producers, items)) or 0


class _Sketch:
    """One run as it will probably go: each task is started by that one of its upstream tasks that ends last."""

    def __init__(self, dag: SerializedDag, habit: Habit) -> None:
        self._dag = dag
        self._habit = habit
        self._depth: dict[str, int] = {}
        self._starter: dict[str, str] = {}
        """The task whose end starts this one; empty when the run's creation does."""
        for task in dag.tasks:
            self._place(task)
        self._keeper: dict[str, str] = {}
        """For a task that its starter's worker keeps, that starter."""
        self._side_by_side: dict[str, float] = {}
        """How many task instances share the machine with one of this task."""

    def _place(self, task: SerializedTask) -> None:
        last = max(task.upstream, key=lambda one: (self._depth[one], one), default="")
        self._depth[task.task_id] = self._depth[last] + 1 if last else 0
        # What has nothing to run ends in the commit that makes it ready: whoever made that goes on.
        is_settled = bool(last) and not self._dag.task_dict[last].needs_code
        self._starter[task.task_id] = self._starter[last] if is_settled else last

    def usage(self) -> Usage:
        waves: dict[tuple[str, str], list[SerializedTask]] = defaultdict(list)
        for task in self._coded():
            starter = self._starter[task.task_id]
            if self._is_kept(task, starter):
                self._keeper[task.task_id] = starter
            else:
                waves[starter, task.queue].append(task)
        for wave in waves.values():
            width = sum(map(self._instances, wave))
            for task in wave:
                self._side_by_side[task.task_id] = max(min(width, CONCURRENCY), 1)
        settled = Usage(writes=sum(not task.needs_code for task in self._dag.tasks))
        return total([settled, *map(self._wave, waves.values()), *map(self._task, self._coded())])

    def _coded(self) -> list[SerializedTask]:
        return [task for task in self._dag.tasks if task.needs_code]

    def _is_kept(self, task: SerializedTask, starter: str) -> bool:
        """A worker keeps one successor, of its own queue; of a mapped task that is one of many, and not counted."""
        if not starter or self._instances(task) > 1 or starter in self._keeper.values():
            return False
        return self._dag.task_dict[starter].queue == task.queue

    def _instances(self, task: SerializedTask) -> int:
        return _instances(self._dag, task.task_id, self._habit.mapped)

    def _wave(self, tasks: Sequence[SerializedTask]) -> Usage:
        """The messages that hand `tasks` to workers, and the requests that bring them."""
        tickets = sum(map(self._instances, tasks))
        messages = math.ceil(tickets / CONCURRENCY)
        size = max(WAVE_BYTES + TICKET_BYTES * tickets / max(messages, 1), LEAST_BYTES)
        carried = Usage(messages=messages, requests=messages, message_bytes=2 * messages * size)
        return carried + worker_time(ROUNDING_SECONDS * messages)

    def _task(self, task: SerializedTask) -> Usage:
        is_kept = task.task_id in self._keeper
        seconds = self._habit.seconds.get(task.task_id, self._habit.each)
        waited = COMMIT_SECONDS * (1 if is_kept else 2)
        own = Usage(writes=2 if is_kept else 3, reads=self._reads(task), class_a=1)
        return (own + worker_time((seconds + waited) / self._shared_by(task))).times(self._instances(task))

    def _shared_by(self, task: SerializedTask) -> float:
        """A chain that began in a wave goes on beside the others of that wave, until a join."""
        name = task.task_id
        while name in self._keeper:
            if len(self._dag.task_dict[name].upstream) > 1:
                return 1
            name = self._keeper[name]
        return self._side_by_side.get(name, 1)

    def _reads(self, task: SerializedTask) -> float:
        """Looks at upstream tasks that other workers ran: one an end where a join waits for several."""
        upstream = task.upstream
        starters = {self._starter[one] for one in upstream}
        if len(upstream) < 2 or (len(starters) == 1 and len(upstream) <= CONCURRENCY):
            return 0
        return len(upstream) / max(self._instances(task), 1)
