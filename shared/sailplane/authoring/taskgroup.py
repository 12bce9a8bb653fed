"""Groups of tasks: shown as one box, linked as one, with default arguments of their own."""

import copy
import inspect
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from functools import wraps
from types import TracebackType
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, overload

from sailplane.authoring import scopes
from sailplane.authoring.arguments import NOTSET, ArgNotSet, is_arg_set
from sailplane.authoring.deadlines import as_deadlines
from sailplane.authoring.dependencies import DependencyMixin
from sailplane.authoring.exceptions import AirflowException, DuplicateTaskIdFound
from sailplane.authoring.group_retries import DEFAULT_DELAY, checked
from sailplane.model.ids import check_group_id

if TYPE_CHECKING:
    from sailplane.authoring.dag import DAG
    from sailplane.authoring.expand_input import ExpandInput
    from sailplane.authoring.operator import BaseOperator

P = ParamSpec("P")
R = TypeVar("R")


class TaskGroup(DependencyMixin):
    """Tasks and groups made inside `with TaskGroup(...)` belong to it; their ids are prefixed with its id."""

    expand_input: "ExpandInput | None" = None
    """Of a mapped group: what it is mapped over."""

    def __init__(
        self,
        group_id: str | None,
        group_display_name: str = "",
        prefix_group_id: bool = True,
        parent_group: "TaskGroup | ArgNotSet | None" = NOTSET,
        dag: "DAG | None" = None,
        default_args: dict[str, Any] | None = None,
        tooltip: str = "",
        doc_md: str | None = None,
        ui_color: str = "CornflowerBlue",
        ui_fgcolor: str = "#000",
        add_suffix_on_collision: bool = False,
        deadline: Any = None,
        retries: int = 0,
        retry_delay: timedelta | float = DEFAULT_DELAY,
    ) -> None:
        self.prefix_group_id = prefix_group_id
        self.tooltip, self.doc_md = tooltip, doc_md
        self.retries, self.retry_delay = checked(f"task group {group_id!r}", retries, retry_delay)
        self.ui_color, self.ui_fgcolor = ui_color, ui_fgcolor
        self.group_display_name = group_display_name
        self.deadline = as_deadlines(deadline, f"task group {group_id!r}")
        self.children: dict[str, DependencyMixin] = {}
        self._before: list[BaseOperator] = []
        self._behind: list[BaseOperator] = []
        self.default_args = copy.copy(default_args or {})
        self.parent_group: TaskGroup | None = None
        self.dag: Any = dag or scopes.current_dag()
        self._group_id = group_id
        if group_id is not None:
            self._join(group_id, parent_group, add_suffix_on_collision)

    def _join(self, group_id: str, parent_group: Any, add_suffix: bool) -> None:
        check_group_id(group_id)
        parent: TaskGroup | None = parent_group if is_arg_set(parent_group) else scopes.current_group(self.dag)
        if parent is None and self.dag is None:
            raise AirflowException(
                f"task group {group_id!r} is in no DAG: create it inside `with DAG(...):` or pass dag="
            )
        self.dag = self.dag or (parent.dag if parent else None)
        self.parent_group = parent or self.dag.task_group
        assert self.parent_group is not None
        self.default_args = {**self.parent_group.default_args, **self.default_args}
        if add_suffix:
            self._group_id = self._free_id(group_id)
        self.dag.add_group(self)
        self.parent_group.children[self.node_id] = self

    def _free_id(self, group_id: str) -> str:
        """`group_id`, or when it is taken the next of `group__1`, `group__2`..."""
        if not self.dag.has_node(self.node_id):
            return group_id
        base = re.split(r"__\d+$", group_id)[0]
        number = 1
        while self.dag.has_node(self._in_parent(f"{base}__{number}")):
            number += 1
        return f"{base}__{number}"

    def _in_parent(self, own_id: str) -> str:
        return self.parent_group.child_id(own_id) if self.parent_group else own_id

    @property
    def group_id(self) -> str | None:
        """With the prefixes of its parents; None of the root group of a DAG."""
        return self._in_parent(self._group_id) if self._group_id is not None else None

    @property
    def node_id(self) -> str:
        return self.group_id or ""

    @property
    def label(self) -> str:
        return self.group_display_name or self._group_id or ""

    @property
    def is_root(self) -> bool:
        return self._group_id is None

    def child_id(self, label: str) -> str:
        """The full id of a task or group that calls itself `label` inside this group."""
        return f"{self.group_id}.{label}" if self._group_id is not None and self.prefix_group_id else label

    def add(self, node: "BaseOperator") -> None:
        """Put a task here: only its DAG calls this."""
        if node.task_id in self.children:
            raise DuplicateTaskIdFound(f"task id {node.task_id!r} is taken already in group {self.group_id!r}")
        self.children[node.task_id] = node
        node.task_group = self

    def __iter__(self) -> Iterator["BaseOperator"]:
        """All tasks in it, also those of groups inside."""
        for child in self.children.values():
            if isinstance(child, TaskGroup):
                yield from child
            else:
                yield from child.roots

    def has_task(self, task: "BaseOperator") -> bool:
        return any(member is task for member in self)

    @property
    def roots(self) -> list["BaseOperator"]:
        """Tasks that wait for nothing inside the group. An empty group is passed through: what stands behind it."""
        ids = {task.task_id for task in self}
        return [task for task in self if not task.upstream_task_ids & ids] if ids else self._behind

    @property
    def leaves(self) -> list["BaseOperator"]:
        """Tasks that nothing inside the group waits for. Of an empty group: what stands before it.

        Teardowns do not count: what comes after the group waits for what they wait for, but for their setups.
        """
        ids = {task.task_id for task in self}
        ends = [task for task in self if not task.downstream_task_ids & ids]
        found = {each.task_id: each for task in ends for each in self._without_teardown(task, ids)}
        return list(found.values()) if ids else self._before

    def _without_teardown(self, task: "BaseOperator", ids: set[str]) -> Iterator["BaseOperator"]:
        if not task.is_teardown:
            yield task
            return
        for before in task.upstream_list:
            if before.task_id not in ids or before.is_setup:
                continue
            if before.is_teardown:
                yield from self._without_teardown(before, ids)
            elif all(each.is_teardown or each.task_id not in ids for each in before.downstream_list):
                yield before

    def as_setup(self) -> "TaskGroup":
        raise AirflowException(f"task group {self.group_id!r} cannot be a setup; mark tasks in it as setups")

    def as_teardown(self, **_: Any) -> "TaskGroup":
        raise AirflowException(f"task group {self.group_id!r} cannot be a teardown; mark tasks in it as teardowns")

    def note_neighbours(
        self, *, upstream: Sequence["BaseOperator"] = (), downstream: Sequence["BaseOperator"] = ()
    ) -> None:
        self._before.extend(upstream)
        self._behind.extend(downstream)

    def get_roots(self) -> Iterator["BaseOperator"]:
        return iter(self.roots)

    def get_leaves(self) -> Iterator["BaseOperator"]:
        return iter(self.leaves)

    def __enter__(self) -> "TaskGroup":
        scopes.groups.append(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        scopes.groups.pop()

    def __repr__(self) -> str:
        return f"<TaskGroup: {self.group_id}>"


@overload
def task_group(python_callable: Callable[P, R]) -> Callable[P, Any]: ...
@overload
def task_group(python_callable: None = None, **options: Any) -> Callable[[Callable[P, R]], Callable[P, Any]]: ...
def task_group(python_callable: Any = None, **options: Any) -> Any:
    """Make of a function that declares tasks a function that declares them as a group.

    A call gives what the function returns; without a return value, the group, so that it can be linked.
    """
    if python_callable is not None:
        return _GroupFactory(python_callable, options)
    return lambda function: _GroupFactory(function, options)


class _GroupFactory:
    def __init__(self, function: Callable[..., Any], options: dict[str, Any]) -> None:
        self._function = function
        self._options = {"group_id": function.__name__, "add_suffix_on_collision": True, **options}
        self._shared: dict[str, Any] = {}
        wraps(function)(self)

    def override(self, **options: Any) -> "_GroupFactory":
        """The same with other options: `stage.override(group_id="second")(x)`."""
        return _GroupFactory(self._function, {**self._options, **options})

    def partial(self, **kwargs: Any) -> "_GroupFactory":
        """The arguments that all instances of the group share; `.expand()` or `.expand_kwargs()` has the others."""
        self._refuse_unknown(kwargs, "partial")
        made = _GroupFactory(self._function, self._options)
        made._shared = {**self._shared, **kwargs}
        return made

    def expand(self, **mapped: Any) -> Any:
        """The group as several instances, one for each combination of the items of these arguments.

        Instance i of a task in it waits for instance i of another, not for all of them.
        """
        from sailplane.authoring.expand_input import ProductInput

        where = f"{self._function.__name__}.expand()"
        if not mapped:
            raise TypeError(f"{where} needs at least one argument to map over")
        self._refuse_unknown(mapped, "expand")
        return self._mapped(ProductInput(mapped, where), mapped)

    def expand_kwargs(self, rows: Any) -> Any:
        """The group as several instances, one for each dict of arguments in a list, or in what a task returns."""
        from sailplane.authoring.expand_input import RowsInput

        names = [name for name in inspect.signature(self._function).parameters if name not in self._shared]
        return self._mapped(RowsInput(rows, f"{self._function.__name__}.expand_kwargs()"), names)

    def _mapped(self, expand_input: "ExpandInput", names: Iterable[str]) -> Any:
        from sailplane.authoring.mapped_group import MappedArgument, MappedTaskGroup

        arguments = {name: MappedArgument(expand_input, name) for name in names}
        with MappedTaskGroup(expand_input, **self._options) as group:
            return self._fill(group, (), {**self._shared, **arguments})

    def _refuse_unknown(self, kwargs: Mapping[str, Any], verb: str) -> None:
        parameters = inspect.signature(self._function).parameters
        for name in kwargs:
            if name not in parameters:
                raise TypeError(f"{self._function.__name__}.{verb}() got an unexpected keyword argument {name!r}")
            if name in self._shared:
                raise TypeError(f"{self._function.__name__}.{verb}() got multiple values for the argument {name!r}")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        with TaskGroup(**self._options) as group:
            return self._fill(group, args, {**self._shared, **kwargs})

    def _fill(self, group: TaskGroup, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        group.tooltip = group.tooltip or self._function.__doc__ or ""
        group.doc_md = group.doc_md or self._function.__doc__
        result = self._function(*args, **kwargs)
        return group if result is None else result
