"""From a DAG of the author's to the data that planning and showing need."""

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from sailplane.authoring.arguments import is_arg_set
from sailplane.authoring.asset_schedules import dag_assets
from sailplane.authoring.dag_checks import find_order
from sailplane.authoring.deadlines import declared
from sailplane.authoring.group_retries import check_order
from sailplane.authoring.mapped import MappedOperator, is_mapped_over
from sailplane.authoring.operator import CALLBACKS, BaseOperator
from sailplane.authoring.operator_links import keys_of
from sailplane.authoring.params import Param
from sailplane.authoring.priorities import priorities
from sailplane.model.dags import SerializedDag, SerializedGroup, SerializedParam, SerializedTask
from sailplane.model.errors import AuthorError

if TYPE_CHECKING:
    from sailplane.authoring.dag import DAG
    from sailplane.authoring.taskgroup import TaskGroup


def serialize(dag: "DAG", file: str) -> SerializedDag:
    """The DAG as data. Equal declarations give equal values, whatever order sets and dicts happen to have.

    Raises `AuthorError` for a declaration that holds what JSON has no form for.
    """
    try:
        encoded = msgspec.json.encode(_as_declared(dag, file), enc_hook=_plain)
        return check_order(msgspec.json.decode(encoded, type=SerializedDag))
    except (TypeError, UnicodeEncodeError, msgspec.MsgspecError) as error:
        raise AuthorError(f"{file}, DAG {dag.dag_id!r} cannot be stored: {error}") from error


def _plain(value: Any) -> Any:
    """An instance of a subclass, such as pendulum's dates, as what it is at bottom."""
    match value:
        case datetime():
            whole = (value.year, value.month, value.day, value.hour, value.minute, value.second, value.microsecond)
            return datetime(*whole, tzinfo=value.tzinfo, fold=value.fold)
        case date():
            return date(value.year, value.month, value.day)
        case timedelta():
            return timedelta(seconds=value.total_seconds())
        case str():
            return str.__str__(value)
        case int():
            return int(value)
        case float():
            return float(value)
    raise TypeError(f"it holds {value!r}, for which JSON has no form")


def _as_declared(dag: "DAG", file: str) -> SerializedDag:
    order = find_order(dag)
    urgency = priorities(order)
    return SerializedDag(
        dag_id=dag.dag_id,
        file=file,
        tasks=tuple(_task(task, urgency[task.task_id]) for task in order),
        groups=tuple(_group(dag.group_dict[group_id]) for group_id in sorted(dag.group_dict)),
        schedule=dag.timetable,
        start_date=dag.start_date,
        end_date=dag.end_date,
        catchup=dag.catchup,
        max_active_runs=dag.max_active_runs,
        max_active_tasks=dag.max_active_tasks,
        dagrun_timeout=dag.dagrun_timeout,
        is_paused_upon_creation=dag.is_paused_upon_creation,
        display_name=dag.dag_display_name,
        description=dag.description,
        doc_md=dag.doc_md,
        tags=dag.tags,
        owners=tuple(sorted({task.owner for task in order})),
        owner_links=dag.owner_links,
        params={name: _param(dag.params.get_param(name)) for name in dag.params},
        render_template_as_native_obj=dag.render_template_as_native_obj,
        has_success_callback=bool(dag.on_success_callback),
        has_failure_callback=bool(dag.on_failure_callback),
        retries=dag.retries,
        retry_delay=dag.retry_delay,
        rerun_with_latest_version=bool(dag.rerun_with_latest_version),
        deadlines=tuple(each.serialized() for each in declared(dag)),
        fail_fast=dag.fail_fast,
        allowed_run_types=dag.allowed_run_types,
        max_consecutive_failed_dag_runs=dag.max_consecutive_failed_dag_runs,
        assets=dag_assets(order),
    )


def _task(task: BaseOperator, urgency: tuple[int, ...]) -> SerializedTask:
    return SerializedTask(
        task_id=task.task_id,
        operator=task.task_type,
        upstream=tuple(sorted(task.upstream_task_ids)),
        trigger_rule=task.trigger_rule,
        execution_timeout=task.execution_timeout,
        queue=task.queue,
        **_limited(task, urgency),
        depends_on_past=task.depends_on_past,
        wait_for_downstream=task.wait_for_downstream,
        is_sensor=task.is_sensor,
        expansion=task.expand_input.expansion() if isinstance(task, MappedOperator) else None,
        is_mapped_over=is_mapped_over(task),
        is_setup=task.is_setup,
        is_teardown=task.is_teardown,
        on_failure_fail_dagrun=task.on_failure_fail_dagrun,
        extra_links=keys_of(task) if task.operator_extra_links else {},
        returns_dag_result=task.returns_dag_result,
        needs_code=needs_code(task),
        reads=tuple(sorted(other.task_id for other in task.argument_tasks() if other is not task)),
        **_window(task),
        **_retrying(task),
        **_shown(task),
    )


def _limited(task: BaseOperator, urgency: tuple[int, ...]) -> dict[str, Any]:
    rule = task.weight_rule
    return {
        "pool": task.pool,
        "pool_slots": task.pool_slots,
        "priority_weight": task.priority_weight,
        "priorities": urgency,
        "weight_rule": str(rule) if isinstance(rule, str) else type(rule).__name__,
        "max_active_tis_per_dag": task.max_active_tis_per_dag or 0,
        "max_active_tis_per_dagrun": task.max_active_tis_per_dagrun or 0,
    }


def _window(task: BaseOperator) -> dict[str, Any]:
    """The task's own dates; most have those of their DAG, which say when runs are made and leave no task out."""
    dag = task.dag
    return {
        name: getattr(task, name)
        for name in ("start_date", "end_date")
        if getattr(task, name) is not None and getattr(task, name) != getattr(dag, name)
    }


def _retrying(task: BaseOperator) -> dict[str, Any]:
    longest = {"max_retry_delay": task.max_retry_delay} if task.max_retry_delay is not None else {}
    return {
        "retries": task.retries,
        "retry_delay": task.retry_delay,
        "retry_exponential_backoff": task.retry_exponential_backoff,
        **longest,
    }


def _shown(task: BaseOperator) -> dict[str, Any]:
    return {
        "group_id": task.task_group.group_id if task.task_group else None,
        "owner": task.owner,
        "label": task.task_display_name or task.label,
        "doc_md": task.doc_md,
        "template_fields": tuple(task.template_fields),
        "ui_color": task.ui_color,
        "ui_fgcolor": task.ui_fgcolor,
        "line": task.origin.line if task.origin else None,
    }


def needs_code(task: BaseOperator) -> bool:
    """False when running the task would run none of the author's code."""
    if not task.does_nothing:
        return True
    hooks = (task._pre_execute_hook, task._post_execute_hook)
    return any(hooks) or any(getattr(task, name) for name in CALLBACKS) or bool(task.outlets)


def _group(group: "TaskGroup") -> SerializedGroup:
    parent = group.parent_group
    return SerializedGroup(
        group_id=group.node_id,
        parent_id=parent.group_id if parent else None,
        expansion=group.expand_input.expansion() if group.expand_input is not None else None,
        label=group.label,
        tooltip=group.tooltip,
        retries=group.retries,
        retry_delay=group.retry_delay,
    )


def _param(param: Param) -> SerializedParam:
    has_value = is_arg_set(param.value)
    return SerializedParam(
        value=param.value if has_value else None,
        has_value=has_value,
        description=param.description,
        schema=_keyed(dict(param.schema)),
    )


def _keyed(value: Any) -> Any:
    """`value` with JSON's name for a key that is None: forms label the choice "nothing" so."""
    if isinstance(value, dict):
        return {"null" if key is None else key: _keyed(inner) for key, inner in value.items()}
    return [_keyed(inner) for inner in value] if isinstance(value, list) else value
