"""Whole runs in this process: the engine's decisions over a dictionary, each try run as a worker's child runs it."""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from authored_bundle import run_context

from sailplane.authoring.dag import DAG
from sailplane.authoring.execution import execute
from sailplane.authoring.serialization import serialize
from sailplane.engine import draft, ends, mapping
from sailplane.engine.draft import Draft
from sailplane.engine.memory import RunMemory
from sailplane.model import xcom
from sailplane.model.execution import TaskJob, XComItems, XComRef
from sailplane.model.ids import TaskKey
from sailplane.model.other_runs import RunAnswer, RunProblem, RunQuery, RunRequest
from sailplane.model.runs import TaskInstance
from sailplane.model.states import RunState, TaskState

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
MOST_TRIES = 10_000
RETURN_VALUE = "return_value"


@dataclass
class MemoryRun:
    """One run of `dag`: what it was when it ended."""

    dag: DAG
    run: RunState = RunState.RUNNING
    instances: dict[TaskKey, TaskInstance] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)

    @property
    def states(self) -> dict[str, str]:
        return {str(key): str(instance.state) for key, instance in sorted(self.instances.items())}

    @property
    def values(self) -> dict[str, Any]:
        return {
            str(key): xcom.loads(instance.xcoms[RETURN_VALUE])
            for key, instance in sorted(self.instances.items())
            if RETURN_VALUE in instance.xcoms
        }

    @property
    def map_names(self) -> dict[str, str]:
        return {str(key): each.map_name for key, each in sorted(self.instances.items()) if each.map_name}

    def errors(self) -> dict[str, str]:
        return {str(key): each.error.message for key, each in self.instances.items() if each.error}

    # What the child asks.

    def xcom(self, ref: XComRef) -> str | None:
        found = self.instances.get(TaskKey(ref.task_id, ref.map_index))
        return found.xcoms.get(ref.key) if found else None

    def xcom_items(self, ref: XComRef, start: int, stop: int) -> XComItems:
        mapped = (each for key, each in sorted(self.instances.items()) if key.task_id == ref.task_id)
        found = [each.xcoms[ref.key] for each in mapped if each.map_index >= 0 and ref.key in each.xcoms]
        return XComItems(total=len(found), envelopes=tuple(found[start:stop]))

    def trigger_run(self, request: RunRequest) -> RunAnswer:
        return RunAnswer(problem=RunProblem.NO_DAG, message=f"there is no DAG {request.dag_id!r}")

    def find_runs(self, query: RunQuery) -> RunAnswer:
        return RunAnswer(problem=RunProblem.NO_DAG, message=f"there is no DAG {query.dag_id!r}")

    def variable(self, key: str) -> str | None:
        return None

    def connection(self, conn_id: str) -> str | None:
        return None


def run_in_memory(dag: DAG, seed: int = 0, **fields: Any) -> MemoryRun:
    """Run `dag` to its end, one try after the other, in an order that follows from `seed`."""
    result = MemoryRun(dag)
    order = random.Random(seed)
    memory = RunMemory(run_context(dag, **fields), "", serialize(dag, "flow.py"))
    for _ in range(MOST_TRIES):
        _push(memory, result)
        queued = [each for _, each in sorted(result.instances.items()) if each.state is TaskState.QUEUED]
        if not queued:
            return result
        _run_one(memory, result, order.choice(queued))
    raise AssertionError("the run does not end")


def _push(memory: RunMemory, result: MemoryRun) -> None:
    """Create all that is due now."""
    snapshot = mapping.whole_snapshot(memory.dag, list(result.instances.values()))
    drafted = draft.draft_all(memory.dag, snapshot)
    for each in _records(memory, drafted):
        assert each.key not in result.instances
        result.instances[each.key] = each
    if drafted.run is not None:
        result.run = drafted.run


def _records(memory: RunMemory, drafted: Draft) -> list[TaskInstance]:
    tasks: Mapping[str, Any] = memory.dag.task_dict
    starts = [
        draft.queued(memory.key, tasks[key.task_id], key, NOW, drafted.sizes.get(key.task_id, 0))
        for key in drafted.starts
    ]
    return [*starts, *draft.settled_all(memory, drafted, NOW)]


def _run_one(memory: RunMemory, result: MemoryRun, queued: TaskInstance) -> None:
    running = draft.running(queued, "memory", NOW, timedelta(minutes=1))
    job = TaskJob(
        run=memory.context,
        task_id=queued.task_id,
        map_index=queued.map_index,
        try_number=queued.try_number,
        max_tries=queued.max_tries,
        started_at=NOW,
    )
    outcome = execute(result.dag, job, result)
    ended = ends.ended(memory, running, outcome, outcome.xcoms, False, NOW)
    result.instances[queued.key] = ended if ended.state.is_terminal else draft.requeued(ended, NOW)
