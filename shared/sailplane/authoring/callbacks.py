"""Callbacks of a task: told of its moments, without a say in them."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sailplane.authoring.operator import BaseOperator


def run_callbacks(task: "BaseOperator", name: str, context: Mapping[str, Any]) -> None:
    """Call the task's callbacks of that name, each with the context. One that fails is logged and changes nothing."""
    for callback in getattr(task, name):
        try:
            callback(context)
        except Exception:  # The edge to user code.
            task.log.exception("%s %s failed", name, getattr(callback, "__qualname__", callback))
