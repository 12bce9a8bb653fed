"""Callbacks of a task: told of its moments, without a say in them."""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sailplane.authoring.operator import BaseOperator

_MAILED: Mapping[str, str] = {"on_failure_callback": "email_on_failure", "on_retry_callback": "email_on_retry"}
"""Which argument says whether those in `email` hear of it too."""


def callbacks_of(task: "BaseOperator", name: str) -> list[Callable[[Any], Any]]:
    """What is called: the task's callbacks of that name, and for a failure or retry the mail to those in `email`."""
    found = list(getattr(task, name))
    if task.email and name in _MAILED and getattr(task, _MAILED[name]):
        # By name: notifiers stand on what is here.
        found.append(import_module("sailplane.notifiers.smtp").SmtpNotifier(to=task.email))
    return found


def run_callbacks(task: "BaseOperator", name: str, context: Mapping[str, Any]) -> None:
    """Call them, each with the context. One that fails is logged and changes nothing."""
    for callback in callbacks_of(task, name):
        try:
            callback(context)
        except Exception:  # The edge to user code.
            task.log.exception("%s %s failed", name, getattr(callback, "__qualname__", callback))
