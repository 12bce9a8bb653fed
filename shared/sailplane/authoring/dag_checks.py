"""Checks of a DAG: of its arguments when it is made, and of the whole when its file has been read."""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sailplane.authoring.exceptions import (
    AirflowDagCycleException,
    AirflowException,
    AirflowTimetableInvalid,
    ParamValidationError,
    TaskNotFound,
)
from sailplane.authoring.scopes import blame, blaming, current_file
from sailplane.model.dags import Schedule, ScheduleKind
from sailplane.model.states import RunType, TriggerRule

if TYPE_CHECKING:
    from sailplane.authoring.dag import DAG
    from sailplane.authoring.operator import BaseOperator

MAX_TAG_LENGTH = 100

_TYPES: Mapping[str, type | tuple[type, ...]] = {
    "description": str,
    "default_args": Mapping,
    "max_active_tasks": int,
    "max_active_runs": int,
    "max_consecutive_failed_dag_runs": int,
    "dagrun_timeout": timedelta,
    "catchup": bool,
    "doc_md": str,
    "params": Mapping,
    "is_paused_upon_creation": bool,
    "jinja_environment_kwargs": Mapping,
    "render_template_as_native_obj": bool,
    "owner_links": Mapping,
    "auto_register": bool,
    "fail_fast": bool,
    "dag_display_name": str,
}
"""Any of them may be None too."""


def refuse_unknown(unknown: Mapping[str, Any]) -> None:
    for name in unknown:
        hint = _RENAMED.get(name)
        raise TypeError(f"DAG() got the unexpected argument {name!r}{f'; {hint}' if hint else ''}")


_RENAMED = {
    "schedule_interval": "it is called schedule since Airflow 3",
    "timetable": "it is called schedule since Airflow 3",
    "concurrency": "it is called max_active_tasks since Airflow 3",
    "default_view": "it was removed in Airflow 3",
    "orientation": "it was removed in Airflow 3",
    "fail_stop": "it is called fail_fast since Airflow 3",
}


def check_types(given: Mapping[str, Any]) -> None:
    for name, kind in _TYPES.items():
        value = given[name]
        if value is not None and not isinstance(value, kind):
            wanted = " or ".join(k.__name__ for k in (kind if isinstance(kind, tuple) else (kind,)))
            raise TypeError(f"{name} must be a {wanted}, not {type(value).__name__}: {value!r}")
    if given["sla_miss_callback"] is not None:
        raise AirflowException("sla_miss_callback was removed in Airflow 3; use deadline")


def check_dates(start_date: Any, end_date: Any) -> None:
    for name, value in (("start_date", start_date), ("end_date", end_date)):
        if value is not None and not isinstance(value, datetime):
            raise TypeError(f"{name} must be a datetime, not {type(value).__name__}: {value!r}")


def tags(given: Collection[str]) -> set[str]:
    if isinstance(given, str):
        raise TypeError(f"tags must be a list of strings, not the string {given!r}")
    for tag in given:
        if not isinstance(tag, str) or len(tag) > MAX_TAG_LENGTH:
            raise AirflowException(f"{tag!r} is no tag: tags are texts of up to {MAX_TAG_LENGTH} characters")
    return set(given)


def check_continuous(schedule: Schedule, max_active_runs: int) -> None:
    if schedule.kind is ScheduleKind.CONTINUOUS and max_active_runs != 1:
        raise AirflowTimetableInvalid("schedule='@continuous' needs max_active_runs=1")


def run_types(given: Any, schedule: Schedule) -> tuple[RunType, ...] | None:
    """Types that its runs may have; None: any. Raises `ValueError` unless those that it makes are among them."""
    if not given:
        return None
    allowed = tuple(sorted({RunType(each) for each in ([given] if isinstance(given, str) else given)}))
    needed, why = RunType.SCHEDULED, "the DAG has a schedule"
    if schedule.kind is ScheduleKind.NONE:
        needed, why = RunType.MANUAL, "the DAG has no schedule"
    elif schedule.kind is ScheduleKind.ASSETS:
        needed, why = RunType.ASSET_TRIGGERED, "the DAG is scheduled by assets"
    if needed not in allowed:
        raise ValueError(f"allowed_run_types must include {needed.name}, as {why}")
    return allowed


def markdown(text: str | None) -> str | None:
    """The text; of a file when it names one, in the working directory or beside the DAG file."""
    if text is None or not text.endswith(".md") or "\n" in text:
        return text
    file = current_file()
    beside = [Path(file.path).parent / text] if file is not None and file.path else []
    for path in (Path(text), *beside):
        try:
            return path.read_text()
        except OSError:
            continue
    return text


def taken(dag: "DAG", node_id: str) -> str:
    first = dag.task_dict.get(node_id) or dag.group_dict.get(node_id)
    what = "task" if node_id in dag.task_dict else "task group"
    origin = getattr(first, "origin", None)
    where = f" (line {origin.line})" if origin else ""
    return f"there are two nodes {node_id!r} in DAG {dag.dag_id!r}; the first is a {what}{where}"


def check_dag(dag: "DAG") -> None:
    """Raise what is wrong with a DAG as a whole."""
    with blaming(dag.dag_id, dag.origin.line if dag.origin else None):
        _check_upstream(dag)
        find_order(dag)
        _check_setups(dag)
        _check_params(dag)


def _check_upstream(dag: "DAG") -> None:
    for task in dag.tasks:
        for task_id in sorted(task.upstream_task_ids - dag.task_dict.keys()):
            with blaming(dag.dag_id, task.origin.line if task.origin else None):
                raise TaskNotFound(f"task {task.task_id!r} waits for {task_id!r}, which the DAG does not have")


def _check_setups(dag: "DAG") -> None:
    """What follows a setup must wait for its success, or it would run without what the setup makes."""
    for task in dag.tasks:
        followers = task.downstream_list if task.is_setup else []
        for after in followers:
            if not after.is_teardown and after.trigger_rule is not TriggerRule.ALL_SUCCESS:
                with blaming(dag.dag_id, after.origin.line if after.origin else None):
                    raise ValueError(
                        f"task {after.task_id!r} directly follows the setup {task.task_id!r} and must have the "
                        f"trigger_rule all_success, not {after.trigger_rule.value}"
                    )


def _check_params(dag: "DAG") -> None:
    """Check the schemas, and where runs start by themselves the defaults too."""
    for params in (dag.params, *(task.params for task in dag.tasks)):
        params.check_schemas()
    if dag.timetable.kind is ScheduleKind.NONE:
        return
    try:
        dag.params.validate()
    except ParamValidationError as error:
        raise ParamValidationError(
            f"{error}. A DAG with a schedule needs a default that fits the schema for each of its params"
        ) from None


def find_order(dag: "DAG") -> "list[BaseOperator]":
    """The tasks in topological order, ties by task_id. Raises `AirflowDagCycleException` when there is none."""
    from heapq import heapify, heappop, heappush

    waits = {task_id: len(task.upstream_task_ids) for task_id, task in dag.task_dict.items()}
    ready = [task_id for task_id, count in waits.items() if count == 0]
    heapify(ready)
    order = []
    while ready:
        task = dag.task_dict[heappop(ready)]
        order.append(task)
        for task_id in task.downstream_task_ids:
            waits[task_id] -= 1
            if waits[task_id] == 0:
                heappush(ready, task_id)
    if len(order) < len(waits):
        raise _cycle(dag, {task_id for task_id, count in waits.items() if count})
    return order


def _cycle(dag: "DAG", unsorted: set[str]) -> AirflowDagCycleException:
    task_id = min(unsorted)
    path: list[str] = []
    while task_id not in path:
        path.append(task_id)
        task_id = min(dag.task_dict[task_id].upstream_task_ids & unsorted)
    circle = [*path[path.index(task_id) :], task_id][::-1]
    error = AirflowDagCycleException(f"tasks wait for each other in a circle: {' >> '.join(circle)}")
    origin = dag.task_dict[circle[0]].origin
    blame(error, dag.dag_id, origin.line if origin else None)
    return error
