"""`@task.run_if` and `@task.skip_if`: a condition that is asked right before the task would run."""

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, TypeVar

from sailplane.authoring.exceptions import AirflowSkipException
from sailplane.authoring.taskflow import TaskFactory

Condition = Callable[[Mapping[str, Any]], bool | tuple[bool, str | None]]
"""Gets the context; may say with its answer why the task is skipped."""

Factory = TypeVar("Factory", bound=TaskFactory)


def run_if(condition: Condition, skip_message: str | None = None) -> Callable[[Factory], Factory]:
    """Skip the task unless `condition(context)` is true. Stands above `@task`."""
    return _conditional(condition, skip_message, wanted=True, name="run_if")


def skip_if(condition: Condition, skip_message: str | None = None) -> Callable[[Factory], Factory]:
    """Skip the task when `condition(context)` is true. Stands above `@task`."""
    return _conditional(condition, skip_message, wanted=False, name="skip_if")


def _conditional(condition: Condition, message: str | None, *, wanted: bool, name: str) -> Callable[[Factory], Factory]:
    if not callable(condition) or isinstance(condition, TaskFactory):
        raise TypeError(f"@task.{name} takes a function of the context, as @task.{name}(is_due), not {condition!r}")

    def decorate(factory: Factory) -> Factory:
        if not isinstance(factory, TaskFactory):
            raise TypeError(f"@task.{name} stands above @task: decorate {factory!r} with @task first")
        before = factory.options.get("pre_execute")
        factory.options["pre_execute"] = _asking(condition, message, wanted, before)
        return factory

    return decorate


def _asking(
    condition: Condition, message: str | None, wanted: bool, before: Callable[[Any], Any] | None
) -> Callable[[Mapping[str, Any]], None]:
    @wraps(condition)
    def ask(context: Mapping[str, Any]) -> None:
        if before is not None:
            before(context)
        answer = condition(context)
        holds, reason = answer if isinstance(answer, tuple) else (answer, None)
        if bool(holds) is not wanted:
            raise AirflowSkipException(reason or message or "Task was skipped due to condition.")

    return ask
