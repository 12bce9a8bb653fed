"""What mapping adds to the running of one try: an instance's own arguments, its name, and the length of its result."""

import os
from collections.abc import Collection, Mapping
from typing import Any

from sailplane.authoring.exceptions import (
    AirflowException,
    UnmappableXComLengthPushed,
    UnmappableXComTypePushed,
    XComForMappingNotPushed,
)
from sailplane.authoring.mapped import MappedOperator, is_mapped_over
from sailplane.authoring.operator import BaseOperator
from sailplane.authoring.task_instance import TaskInstance
from sailplane.model.errors import TemplateError
from sailplane.model.evolve import evolve
from sailplane.model.execution import Outcome
from sailplane.model.ids import UNMAPPED

LONGEST = 1024
"""Items that a task may return for others to be mapped over, unless `SAILPLANE_MAX_MAP_LENGTH` says otherwise."""


def unmapped(task: BaseOperator, context: Mapping[str, Any]) -> BaseOperator:
    """The operator that one instance of `task` runs: itself unless it is mapped."""
    return task.unmap(context) if isinstance(task, MappedOperator) else task


def measure(task: BaseOperator, ti: TaskInstance, result: Any) -> None:
    """Note how many items the task returned, if others are mapped over them; raises when they cannot be."""
    if ti.map_index != UNMAPPED or not is_mapped_over(task):
        return
    where = f"other tasks are mapped over what task {task.task_id!r} returns"
    if result is None or not task.do_xcom_push:
        raise XComForMappingNotPushed(
            f"{where}, and it returned nothing: return a list or a dict, an empty one for none"
        )
    if not isinstance(result, Collection) or isinstance(result, str | bytes | bytearray):
        raise UnmappableXComTypePushed(f"{where}, and it returned a {type(result).__name__}: return a list or a dict")
    if len(result) > (longest := _longest()):
        raise UnmappableXComLengthPushed(
            f"{where}, and it returned {len(result)} items, more than the {longest} that are allowed; return chunks of "
            "them, or set SAILPLANE_MAX_MAP_LENGTH"
        )
    ti.map_length = len(result)


def _longest() -> int:
    given = os.environ.get("SAILPLANE_MAX_MAP_LENGTH") or os.environ.get("AIRFLOW__CORE__MAX_MAP_LENGTH") or LONGEST
    try:
        return int(given)
    except ValueError:
        raise AirflowException(f"SAILPLANE_MAX_MAP_LENGTH={given!r} must be a whole number") from None


def described(outcome: Outcome, ti: TaskInstance, context: Mapping[str, Any]) -> Outcome:
    """`outcome` with what was found out about mapping."""
    if ti.map_index != UNMAPPED:
        ti.map_name = _name(context)
    if ti.map_length is None and not ti.map_name:
        return outcome
    return evolve(outcome, map_length=ti.map_length, map_name=ti.map_name)


def _name(context: Mapping[str, Any]) -> str:
    """The instance's name by its `map_index_template`, which may use what the task put into the context."""
    task: BaseOperator = context["task"]
    template = task.map_index_template
    if not template:
        return ""
    try:
        return str(task.render_template(template, context))
    except TemplateError as error:  # A name is no reason to fail what the task did.
        task.log.warning("map_index_template: %s", error)
        return ""
