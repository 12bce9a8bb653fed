"""The end of a run: its state and its summary."""

from collections.abc import Mapping

from sailplane.model.dags import SerializedDag
from sailplane.model.gates import is_gate
from sailplane.model.ids import TaskKey
from sailplane.model.states import RunState, TaskState
from sailplane.planner.wiring import Node, wiring

_FAILURES = frozenset({TaskState.FAILED, TaskState.UPSTREAM_FAILED})


def expected(dag: SerializedDag, states: Mapping[TaskKey, TaskState], sizes: Mapping[str, int]) -> int:
    """How many task instances the run has at least, and exactly that many once each mapped task is decided.

    `sizes` as in `Snapshot`. A mapped task that is not decided counts as one.
    """
    wired = wiring(dag)
    more = (sizes.get(node.mapped_by or "", 1) - 1 for node in wired.mapped if not _stands_alone(node, states))
    return len(wired.nodes) + sum(more)


def is_over(dag: SerializedDag, states: Mapping[TaskKey, TaskState], sizes: Mapping[str, int] | None = None) -> bool:
    """True when `states` has every task instance of the run, each ended. What is not in `states` has not ended."""
    for node in wiring(dag).by_rank:
        size = 0 if _stands_alone(node, states) else (sizes or {}).get(node.mapped_by or "", 0)
        keys = (node.key_at(index) for index in range(size)) if size else (node.key,)
        if not all(states.get(key, TaskState.NONE).is_terminal for key in keys):
            return False
    return True


def _stands_alone(node: Node, states: Mapping[TaskKey, TaskState]) -> bool:
    return states.get(node.key, TaskState.NONE) is not TaskState.NONE


def run_state(
    dag: SerializedDag, states: Mapping[TaskKey, TaskState], sizes: Mapping[str, int] | None = None
) -> RunState:
    """The state of a run whose task instances are in `states`: RUNNING until all have ended, then by its leaves.

    As in Airflow (`DagRun.update_state`): failed when a leaf failed or could not start because of a failure before it.
    A failure that no leaf sees (its rule let it succeed) does not fail the run. Teardowns are left out unless they say
    `on_failure_fail_dagrun`; removed tasks are left out. With `fail_fast` each failed task fails it, for those behind
    it were skipped.
    """
    if not is_over(dag, states, sizes):
        return RunState.RUNNING
    if dag.fail_fast and TaskState.FAILED in states.values():
        return RunState.FAILED
    leaves = wiring(dag).leaves
    failed = any(state in _FAILURES and key.task_id in leaves for key, state in states.items())
    return RunState.FAILED if failed else RunState.SUCCESS


def summary(states: Mapping[TaskKey, TaskState]) -> dict[str, TaskState]:
    """What a finished run keeps of its task instances: document id -> state, in order of the ids."""
    there = (key for key in sorted(states) if states[key] is not TaskState.NONE and not is_gate(key.task_id))
    return {key.document_id: states[key] for key in there}
