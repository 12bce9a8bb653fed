"""Tasks that choose which way a run goes on."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar

from sailplane.authoring.exceptions import AirflowException, DownstreamTasksSkipped
from sailplane.authoring.operator import BaseOperator
from sailplane.authoring.taskflow import DecoratedOperator
from sailplane.operators.python import PythonOperator


class SkipMixin:
    """For operators that skip tasks downstream of them: each call ends the task, with success."""

    def skip(self, ti: Any, tasks: BaseOperator | Iterable[BaseOperator]) -> None:
        """Skip `tasks`, given as operators."""
        listed = [tasks] if isinstance(tasks, BaseOperator) else list(tasks)
        if listed:
            raise DownstreamTasksSkipped(tasks=[task.task_id for task in listed])

    def skip_all_except(self, ti: Any, branch_task_ids: Any) -> None:
        """Go on with these of the direct downstream tasks and skip the others."""
        raise DownstreamTasksSkipped(tasks=not_chosen(ti.task, branch_task_ids), value=branch_task_ids)


class BranchMixIn(SkipMixin):
    """For operators that choose which of the tasks downstream of them to go on with."""

    def do_branch(self, context: Mapping[str, Any], branches_to_execute: Any) -> Any:
        """Go on with these tasks or groups; ends the task, with success and with them as its result."""
        self.skip_all_except(context["ti"], branches_to_execute)
        return branches_to_execute


class BaseBranchOperator(BranchMixIn, BaseOperator):
    """Chooses which tasks to go on with; subclasses write `choose_branch`."""

    def choose_branch(self, context: Mapping[str, Any]) -> str | Iterable[str] | None:
        """The id of a task or group directly downstream, several, or None for none of them."""
        raise NotImplementedError(f"{type(self).__name__} has no choose_branch()")

    def execute(self, context: Mapping[str, Any]) -> Any:
        return self.do_branch(context, self.choose_branch(context))


class BranchPythonOperator(BranchMixIn, PythonOperator):
    """Calls a function that returns the task_id, or ids, to go on with; other direct downstream tasks are skipped.

    None goes on with none of them. A group's id stands for the tasks at its front.
    """

    def execute(self, context: Mapping[str, Any]) -> Any:
        return self.do_branch(context, super().execute(context))


class ShortCircuitOperator(PythonOperator):
    """Calls a function; when what it returns is false, the tasks downstream are skipped.

    All of them by default; with `ignore_downstream_trigger_rules=False` the direct ones, and the others by their rules.
    Teardowns are never skipped so.
    """

    def __init__(self, *, ignore_downstream_trigger_rules: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.ignore_downstream_trigger_rules = ignore_downstream_trigger_rules

    def execute(self, context: Mapping[str, Any]) -> Any:
        condition = super().execute(context)
        if condition:
            return condition
        far = self.ignore_downstream_trigger_rules
        below = self.get_flat_relative_ids() if far else self.downstream_task_ids
        skipped = sorted(task_id for task_id in below if not self.dag.get_task(task_id).is_teardown)
        self.log.info("The condition is %r: skipping downstream tasks", condition)
        raise DownstreamTasksSkipped(tasks=skipped, value=condition)


def not_chosen(task: BaseOperator, chosen: Any) -> list[str]:
    """The direct downstream tasks that a branch leaves out. Raises `AirflowException` when it chose another task."""
    names = _names(task, chosen)
    wanted = {task_id for name in names for task_id in _fronts(task, name)}
    # A task that a chosen one leads to is not skipped, although the branch points to it too.
    reachable = {other for task_id in wanted for other in task.dag.get_task(task_id).get_flat_relative_ids()}
    return sorted(task.downstream_task_ids - wanted - reachable)


def _names(task: BaseOperator, chosen: Any) -> list[str]:
    if chosen is None:
        return []
    names = [chosen] if isinstance(chosen, str) else list(chosen) if isinstance(chosen, Iterable) else [chosen]
    if all(isinstance(name, str) for name in names):
        return names
    raise AirflowException(f"branch {task.task_id!r} must return a task_id, a list of them or None, not {chosen!r}")


def _fronts(task: BaseOperator, name: str) -> list[str]:
    group = task.dag.group_dict.get(name)
    ids = [root.task_id for root in group.roots] if group else [name]
    if not all(task.dag.has_task(task_id) for task_id in ids):
        known = ", ".join(sorted(task.downstream_task_ids))
        raise AirflowException(
            f"branch {task.task_id!r} chose {name!r}, which the DAG does not have; directly downstream of it "
            f"are: {known}"
        )
    return ids


class BranchDecoratedOperator(DecoratedOperator, BranchPythonOperator):
    """A `@task.branch`."""

    template_fields: Sequence[str] = ("templates_dict", "op_args", "op_kwargs")
    custom_operator_name: ClassVar[str] = "@task.branch"

    def __init__(self, *, python_callable: Callable[..., Any], **kwargs: Any) -> None:
        super().__init__(
            python_callable=python_callable, upstream_arguments={"python_callable": python_callable}, **kwargs
        )


class ShortCircuitDecoratedOperator(DecoratedOperator, ShortCircuitOperator):
    """A `@task.short_circuit`."""

    template_fields: Sequence[str] = ("templates_dict", "op_args", "op_kwargs")
    custom_operator_name: ClassVar[str] = "@task.short_circuit"

    def __init__(self, *, python_callable: Callable[..., Any], **kwargs: Any) -> None:
        super().__init__(
            python_callable=python_callable, upstream_arguments={"python_callable": python_callable}, **kwargs
        )
