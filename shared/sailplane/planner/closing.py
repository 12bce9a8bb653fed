"""The end of a run: its state and its summary."""

from collections.abc import Mapping

from sailplane.model.dags import SerializedDag
from sailplane.model.ids import TaskKey
from sailplane.model.states import RunState, TaskState
from sailplane.planner.wiring import wiring

_FAILURES = frozenset({TaskState.FAILED, TaskState.UPSTREAM_FAILED})


def is_over(dag: SerializedDag, states: Mapping[TaskKey, TaskState]) -> bool:
    """True when `states` has every task instance of the run, each ended. What is not in `states` has not ended."""
    return all(states.get(node.key, TaskState.NONE).is_terminal for node in wiring(dag).nodes.values())


def run_state(dag: SerializedDag, states: Mapping[TaskKey, TaskState]) -> RunState:
    """The state of a run whose task instances are in `states`: RUNNING until all have ended, then by its leaves.

    As in Airflow (`DagRun.update_state`): failed when a leaf failed or could not start because of a failure before it.
    A failure that no leaf sees (its rule let it succeed) does not fail the run. Teardowns are left out unless they say
    `on_failure_fail_dagrun`; removed tasks are left out.
    """
    if not is_over(dag, states):
        return RunState.RUNNING
    failed = any(states[key] in _FAILURES for key in wiring(dag).leaves)
    return RunState.FAILED if failed else RunState.SUCCESS


def summary(states: Mapping[TaskKey, TaskState]) -> dict[str, TaskState]:
    """What a finished run keeps of its task instances: document id -> state, in order of the ids."""
    return {key.document_id: states[key] for key in sorted(states)}
