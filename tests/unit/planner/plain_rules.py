"""Airflow's rules once more, written down one after the other for a run in which tasks end one by one.

What the planner says of runs with many workers is compared with this. It shares no code with the planner and knows
nothing of partial knowledge, counts or time.
"""

from collections.abc import Mapping

from sailplane.model.dags import SerializedDag, SerializedTask
from sailplane.model.states import RunState, TaskState, TriggerRule

SUCCESS, FAILED, SKIPPED, UPSTREAM_FAILED = (
    TaskState.SUCCESS,
    TaskState.FAILED,
    TaskState.SKIPPED,
    TaskState.UPSTREAM_FAILED,
)
ENDED = (SUCCESS, FAILED, SKIPPED, UPSTREAM_FAILED)


def may_start(dag: SerializedDag, task: SerializedTask, states: Mapping[str, TaskState]) -> bool:
    """Whether `task` may start when the task instances that exist are in `states`."""
    if not task.upstream or task.trigger_rule is TriggerRule.ALWAYS:
        return True
    if any(states.get(setup) is not SUCCESS for setup in indirect_setups(dag, task)):
        return False
    if any(states.get(inner) not in ENDED for inner in inside_teardown(dag, task)):
        return False
    return _rule_lets_start(dag, task, [states.get(each) for each in task.upstream], states)


def _rule_lets_start(
    dag: SerializedDag, task: SerializedTask, upstream: list[TaskState | None], states: Mapping[str, TaskState]
) -> bool:
    match task.trigger_rule:
        case TriggerRule.ALL_SUCCESS:
            return all(state is SUCCESS for state in upstream)
        case TriggerRule.ALL_FAILED:
            return all(state in (FAILED, UPSTREAM_FAILED) for state in upstream)
        case TriggerRule.ALL_DONE:
            return all(state in ENDED for state in upstream)
        case TriggerRule.ALL_DONE_MIN_ONE_SUCCESS:
            return all(state in (SUCCESS, FAILED, UPSTREAM_FAILED) for state in upstream) and SUCCESS in upstream
        case TriggerRule.ALL_DONE_SETUP_SUCCESS:
            setups = [states.get(each) for each in task.upstream if dag.task_dict[each].is_setup]
            return all(state in ENDED for state in upstream) and (not setups or SUCCESS in setups)
        case TriggerRule.ONE_SUCCESS:
            return SUCCESS in upstream
        case TriggerRule.ONE_FAILED:
            return FAILED in upstream or UPSTREAM_FAILED in upstream
        case TriggerRule.ONE_DONE:
            return SUCCESS in upstream or FAILED in upstream
        case TriggerRule.NONE_FAILED:
            return all(state in (SUCCESS, SKIPPED) for state in upstream)
        case TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS:
            return all(state in (SUCCESS, SKIPPED) for state in upstream) and SUCCESS in upstream
        case TriggerRule.NONE_SKIPPED:
            return all(state in (SUCCESS, FAILED, UPSTREAM_FAILED) for state in upstream)
        case TriggerRule.ALL_SKIPPED:
            return all(state is SKIPPED for state in upstream)
    raise AssertionError(f"no such rule: {task.trigger_rule}")


def unstarted_state(dag: SerializedDag, task: SerializedTask, states: Mapping[str, TaskState]) -> TaskState:
    """What `task` becomes when all that it waits for has ended, in `states`, and it may not start."""
    setups = [states[each] for each in indirect_setups(dag, task)]
    if FAILED in setups or UPSTREAM_FAILED in setups:
        return UPSTREAM_FAILED
    if SKIPPED in setups:
        return SKIPPED
    upstream = [states[each] for each in task.upstream]
    failure = FAILED in upstream or UPSTREAM_FAILED in upstream
    match task.trigger_rule:
        case TriggerRule.ALL_SUCCESS | TriggerRule.NONE_FAILED | TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS:
            return UPSTREAM_FAILED if failure else SKIPPED
        case TriggerRule.ONE_SUCCESS:
            return SKIPPED if all(state is SKIPPED for state in upstream) else UPSTREAM_FAILED
        case TriggerRule.ALL_DONE_MIN_ONE_SUCCESS:
            return SKIPPED if SKIPPED in upstream else UPSTREAM_FAILED
        case TriggerRule.ALL_DONE_SETUP_SUCCESS:
            own = [states[each] for each in task.upstream if dag.task_dict[each].is_setup]
            return SKIPPED if all(state is SKIPPED for state in own) else UPSTREAM_FAILED
    return SKIPPED


def end_states(
    dag: SerializedDag, ran: Mapping[str, TaskState], unchosen: Mapping[str, frozenset[str]]
) -> dict[str, TaskState]:
    """The end state of every task, when those that run end as in `ran` and branches leave out the `unchosen` tasks.

    A task that must run but is not in `ran` is left out.
    """
    states: dict[str, TaskState] = {}
    for task in dag.tasks:
        branches = [
            each for each in task.upstream if task.task_id in unchosen.get(each, ()) and ran.get(each) is SUCCESS
        ]
        if branches and task.trigger_rule is not TriggerRule.ALWAYS:
            states[task.task_id] = SKIPPED
        elif may_start(dag, task, states):
            if task.task_id in ran:
                states[task.task_id] = ran[task.task_id]
        elif all(each in states for each in upstream_of(dag, task)):
            states[task.task_id] = unstarted_state(dag, task, states)
    return states


def run_state(dag: SerializedDag, states: Mapping[str, TaskState]) -> RunState:
    def matters(task_id: str) -> bool:
        task = dag.task_dict[task_id]
        return not task.is_teardown or task.on_failure_fail_dagrun

    leaves = [
        task.task_id
        for task in dag.tasks
        if matters(task.task_id) and not any(matters(each) for each in dag.downstream[task.task_id])
    ]
    leaves = leaves or [task.task_id for task in dag.tasks if not dag.downstream[task.task_id]]
    return RunState.FAILED if any(states[each] in (FAILED, UPSTREAM_FAILED) for each in leaves) else RunState.SUCCESS


def upstream_of(dag: SerializedDag, task: SerializedTask) -> set[str]:
    """All tasks from which `task` can be reached."""
    return {each for name in task.upstream for each in (name, *upstream_of(dag, dag.task_dict[name]))}


def indirect_setups(dag: SerializedDag, task: SerializedTask) -> set[str]:
    found = set()
    for name in upstream_of(dag, task) - set(task.upstream):
        teardowns = [each for each in dag.downstream[name] if dag.task_dict[each].is_teardown]
        leads_to_one = any(task.task_id in upstream_of(dag, dag.task_dict[each]) for each in teardowns)
        if dag.task_dict[name].is_setup and not task.is_teardown and (leads_to_one or not teardowns):
            found.add(name)
    return found


def inside_teardown(dag: SerializedDag, task: SerializedTask) -> set[str]:
    if not task.is_teardown:
        return set()
    setups = {each for each in task.upstream if dag.task_dict[each].is_setup}
    return {
        name for name in upstream_of(dag, task) - set(task.upstream) if setups & upstream_of(dag, dag.task_dict[name])
    }
