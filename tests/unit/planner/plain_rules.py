"""Airflow's rules once more, written down one after the other for a run in which tasks end one by one.

What the planner says of runs with many workers is compared with this. It shares no code with the planner and knows
nothing of partial knowledge, counts or time.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace

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


def unrolled(dag: SerializedDag, sizes: Mapping[str, int]) -> SerializedDag:
    """`dag` with each mapped task written out as that many tasks, named `task[0]`, `task[1]`...

    `sizes` has those that were expanded, by task_id; the others stand alone.
    """

    def names(task_id: str) -> list[str]:
        return [f"{task_id}[{index}]" for index in range(sizes[task_id])] if task_id in sizes else [task_id]

    def upstream(task: SerializedTask, place: int) -> list[str]:
        own = dag.mapped_by.get(task.task_id)
        found: list[str] = []
        for each in task.upstream:
            is_near = own is not None and dag.mapped_by.get(each) == own and len(names(each)) > place
            found += [names(each)[place]] if is_near else names(each)
        return found

    tasks = [
        replace(task, task_id=name, upstream=tuple(upstream(task, place)), expansion=None)
        for task in dag.tasks
        for place, name in enumerate(names(task.task_id))
    ]
    return SerializedDag(dag_id=dag.dag_id, file=dag.file, tasks=tuple(tasks))


def mapped_end_states(
    dag: SerializedDag, ran: Mapping[str, TaskState], lengths: Mapping[str, int]
) -> dict[str, TaskState]:
    """As `end_states`, for a DAG with mapped tasks: by `task` or `task[index]`.

    `lengths`: how many items those that succeeded returned; a mapped task's instance that succeeds returned one.
    """
    states: dict[str, TaskState] = {}
    sizes: dict[str, int] = {}
    known: dict[str, int | None] = {}
    for task in dag.tasks:
        size = _size(dag, task, known)
        own = task.expansion is not None and bool(task.expansion.producers)
        alone = end_states(unrolled(_upto(dag, task), sizes), {**ran, **states}, {}) | states
        starts = may_start(unrolled(_upto(dag, task), sizes), unrolled(_upto(dag, task), sizes).tasks[-1], states)
        if task.task_id not in dag.mapped_by:
            if task.task_id in alone:
                states[task.task_id] = alone[task.task_id]
        elif size and (starts or not own):
            sizes[task.task_id] = size
            of = unrolled(_upto(dag, task), sizes)
            found = end_states(of, {**ran, **states}, {})
            names = [f"{task.task_id}[{index}]" for index in range(size)]
            states.update({name: found[name] for name in names if name in found})
        elif starts:
            states[task.task_id] = _without_instances(
                dag.expansions[dag.mapped_by[task.task_id]].producers, size, states
            )
        elif task.task_id in alone:
            states[task.task_id] = alone[task.task_id]
        known[task.task_id] = _length(dag, task.task_id, states, sizes, lengths)
    return states


def _without_instances(producers: Iterable[str], size: int | None, states: Mapping[str, TaskState]) -> TaskState:
    """What a mapped task becomes that may start and has nothing to be mapped over."""
    ends = [states.get(each) for each in producers]
    if FAILED in ends or UPSTREAM_FAILED in ends:
        return UPSTREAM_FAILED
    return UPSTREAM_FAILED if size is None and SKIPPED not in ends else SKIPPED


def _upto(dag: SerializedDag, last: SerializedTask) -> SerializedDag:
    return replace(dag, tasks=dag.tasks[: dag.tasks.index(last) + 1])


def _size(dag: SerializedDag, task: SerializedTask, lengths: Mapping[str, int | None]) -> int | None:
    mapped_by = dag.mapped_by.get(task.task_id)
    return dag.expansions[mapped_by].size(lengths) if mapped_by is not None else 0


def _length(
    dag: SerializedDag,
    task_id: str,
    states: Mapping[str, TaskState],
    sizes: Mapping[str, int],
    lengths: Mapping[str, int],
) -> int | None:
    if task_id in sizes:
        return sum(states.get(f"{task_id}[{index}]") is SUCCESS for index in range(sizes[task_id]))
    if task_id in dag.mapped_by:
        return 0
    return lengths.get(task_id, 0) if states.get(task_id) is SUCCESS else None


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
