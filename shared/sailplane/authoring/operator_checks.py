"""Checks of an operator's arguments. Each says which task, which argument, and what would be right."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from sailplane.authoring.exceptions import AirflowException
from sailplane.model.states import TriggerRule

if TYPE_CHECKING:
    from sailplane.authoring.operator import BaseOperator

_TYPES: Mapping[str, type | tuple[type, ...]] = {
    "owner": str,
    "email": (str, Sequence),
    "email_on_retry": bool,
    "email_on_failure": bool,
    "retry_exponential_backoff": (int, float),
    "depends_on_past": bool,
    "ignore_first_depends_on_past": bool,
    "wait_for_past_depends_before_skipping": bool,
    "wait_for_downstream": bool,
    "priority_weight": int,
    "queue": str,
    "pool": str,
    "pool_slots": int,
    "trigger_rule": str,
    "run_as_user": str,
    "map_index_template": str,
    "max_active_tis_per_dag": int,
    "max_active_tis_per_dagrun": int,
    "executor": str,
    "execution_timeout": timedelta,
    "cache_expiration": timedelta,
    "do_xcom_push": bool,
    "multiple_outputs": bool,
    "doc": str,
    "doc_md": str,
    "doc_json": str,
    "doc_yaml": str,
    "doc_rst": str,
    "task_display_name": str,
    "logger_name": str,
    "allow_nested_operators": bool,
    "start_date": datetime,
    "end_date": datetime,
}
"""Any of them may be None too."""


def check_types(task_id: str, given: Mapping[str, Any]) -> None:
    for name, kind in _TYPES.items():
        value = given[name]
        if value is not None and not isinstance(value, kind):
            raise TypeError(f"task {task_id!r}: {name} must be a {_names(kind)}, not {type(value).__name__}: {value!r}")


def _names(kind: type | tuple[type, ...]) -> str:
    kinds = kind if isinstance(kind, tuple) else (kind,)
    return " or ".join(item.__name__ for item in kinds)


def refuse_unknown(operator: str, task_id: str, unknown: Mapping[str, Any]) -> None:
    if unknown:
        plural = "s" if len(unknown) > 1 else ""
        names = ", ".join(repr(name) for name in unknown)
        raise TypeError(f"{operator}(task_id={task_id!r}) got the unexpected argument{plural} {names}")


def retries(task_id: str, value: Any) -> int:
    if value is None:
        return 0
    try:
        return int(value)
    except (TypeError, ValueError):
        raise TypeError(f"task {task_id!r}: retries must be an int, not {value!r}") from None


def duration(task_id: str, name: str, value: Any) -> timedelta:
    if isinstance(value, timedelta):
        return value
    if isinstance(value, int | float):
        return timedelta(seconds=value)
    raise TypeError(f"task {task_id!r}: {name} must be a timedelta or seconds, not {value!r}")


def backoff(task_id: str, value: Any) -> float:
    """The factor by which the delay grows. True is Airflow 2's way to say 2."""
    if isinstance(value, bool):
        return 2.0 if value else 0.0
    if value < 0:
        raise ValueError(f"task {task_id!r}: retry_exponential_backoff must not be negative, but is {value}")
    return float(value)


def check_limits(task: "BaseOperator") -> None:
    if task.pool_slots < 1:
        raise ValueError(f"task {task.task_id!r}: pool_slots must be 1 or more, but is {task.pool_slots}")
    for name in ("max_active_tis_per_dag", "max_active_tis_per_dagrun"):
        most = getattr(task, name)
        if most is not None and most < 1:
            raise ValueError(f"task {task.task_id!r}: {name} must be 1 or more, but is {most}; None is no limit")
    if task.sla is not None:
        raise AirflowException(
            f"task {task.task_id!r}: sla was removed in Airflow 3; use execution_timeout or a deadline"
        )


def trigger_rule(task_id: str, value: str) -> TriggerRule:
    try:
        return TriggerRule("always" if value == "dummy" else value)
    except ValueError:
        known = ", ".join(TriggerRule)
        raise ValueError(f"task {task_id!r}: there is no trigger_rule {value!r}; there are {known}") from None


def utc(value: datetime | None) -> datetime | None:
    """A time without a zone is meant as UTC."""
    return value.replace(tzinfo=UTC) if value is not None and value.tzinfo is None else value


def as_list(value: Any) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, list | tuple | set) else [value]


def in_two_dags(task_id: str, first: str, second: str) -> AirflowException:
    return AirflowException(f"task {task_id!r} of DAG {first!r} cannot be put in DAG {second!r} too")
