"""Mapped tasks: `Operator.partial(...).expand(...)`, and what each of their instances runs."""

import inspect
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar

from sailplane.authoring.expand_input import ExpandInput, ProductInput, RowsInput
from sailplane.authoring.operator import BaseOperator
from sailplane.authoring.xcom_arg import iter_references

if TYPE_CHECKING:
    pass

_MAY_DIFFER = frozenset({"doc", "doc_md", "inlets", "outlets", "resources", "executor_config", "logger_name"})
"""Of the arguments that all operators have, those that the planner need not know."""
_COPIED = (
    "task_group",
    "upstream_task_ids",
    "downstream_task_ids",
    "is_setup",
    "is_teardown",
    "on_failure_fail_dagrun",
    "trigger_rule",
    "doc_md",
    "origin",
    "params",
    "start_date",
    "end_date",
    "_label",
    "_dag",
)


class MappedOperator(BaseOperator):
    """A task that runs as several instances, each an `operator_class` with arguments of its own."""

    is_mapped: ClassVar[bool] = True

    def __init__(
        self,
        *,
        operator_class: type[BaseOperator],
        shared: Mapping[str, Any],
        expand_input: ExpandInput,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.operator_class = operator_class
        self.shared = dict(shared)
        """What every instance gets beside the arguments that all operators have."""
        self.given = {name: value for name, value in kwargs.items() if name not in ("dag", "task_group")}
        self.expand_input = expand_input
        self.is_sensor = operator_class.is_sensor
        self.does_nothing = operator_class.does_nothing
        self.ui_color, self.ui_fgcolor = operator_class.ui_color, operator_class.ui_fgcolor
        self.template_fields = tuple(operator_class.template_fields)
        if self.mapped_group is not None:
            raise NotImplementedError(
                f"task {self.task_id!r} is mapped inside the mapped group {self.mapped_group.group_id!r}; a task "
                "can be mapped, or stand in a mapped group, not both"
            )

    @property
    def task_type(self) -> str:
        return self.operator_class.__name__

    @property
    def operator_name(self) -> str:
        return getattr(self.operator_class, "custom_operator_name", self.task_type)

    def argument_tasks(self) -> list[BaseOperator]:
        templated = {name: value for name, value in self.shared.items() if name in self.template_fields}
        found = {id(operator): operator for operator, _ in iter_references(templated)}
        found |= {id(operator): operator for operator, _ in self.expand_input.iter_references()}
        return list(found.values())

    def unmap(self, context: Mapping[str, Any]) -> BaseOperator:
        """The operator of the instance that runs. Raises what its class raises for the arguments it gets."""
        own, resolved = self.expand_input.resolve(context)
        arguments = merged(self.operator_class, self.shared, own)
        operator: BaseOperator = self.operator_class.__new__(self.operator_class)
        object.__setattr__(operator, "origin", self.origin)
        # Not by a call of the class: that would make it a task of the DAG.
        operator.__init__(**{**self.given, "task_id": self.task_id, **arguments})  # type: ignore[misc]
        for name in _COPIED:
            object.__setattr__(operator, name, getattr(self, name))
        operator.resolved_ids = resolved
        return operator


class OperatorPartial:
    """`Operator.partial(...)`: becomes a task when it is expanded."""

    def __init__(self, operator_class: type[BaseOperator], kwargs: Mapping[str, Any]) -> None:
        self.operator_class = operator_class
        self.kwargs = dict(kwargs)
        self._where = operator_class.__name__
        check_names(operator_class, kwargs, f"{self._where}.partial()")
        if "task_id" not in kwargs:
            raise TypeError(f"{self._where}.partial() needs the argument 'task_id'")

    def expand(self, **mapped: Any) -> MappedOperator:
        """An instance for each combination of the items of these arguments, which are lists, dicts or task results."""
        where = f"{self._where}.expand()"
        check_mapped(self.operator_class, self.kwargs, mapped, where)
        return self._make(ProductInput(mapped, where))

    def expand_kwargs(self, rows: Any, *, strict: bool = True) -> MappedOperator:
        """An instance for each dict of arguments in a list, or in what a task returns."""
        return self._make(RowsInput(rows, f"{self._where}.expand_kwargs()"))

    def _make(self, expand_input: ExpandInput) -> MappedOperator:
        general, shared = part(self.kwargs)
        made: MappedOperator = MappedOperator(
            operator_class=self.operator_class, shared=shared, expand_input=expand_input, **general
        )
        return made


def part(kwargs: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """`kwargs`, parted into the arguments that all operators have and those of one class."""
    names = _general()
    general = {name: value for name, value in kwargs.items() if name in names}
    return general, {name: value for name, value in kwargs.items() if name not in names}


def merged(operator_class: type[BaseOperator], shared: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """All arguments of one instance beside those that all operators have."""
    if operator_class.maps_function:
        return {**shared, "op_kwargs": {**shared["op_kwargs"], **own}}
    return {**shared, **own}


def check_mapped(
    operator_class: type[BaseOperator], shared: Mapping[str, Any], mapped: Mapping[str, Any], where: str
) -> None:
    """Raise `TypeError` for arguments that the class does not have, that are given twice or that cannot be mapped."""
    if not mapped:
        raise TypeError(f"{where} needs at least one argument to map over")
    check_names(operator_class, mapped, where)
    for name in mapped:
        if name in shared:
            raise TypeError(f"{where} got multiple values for the argument {name!r}: partial() has it already")
        if name in _general() - _MAY_DIFFER:
            raise TypeError(f"{where} cannot map {name!r}: it is the same for all instances of a task; use partial()")


def check_names(operator_class: type[BaseOperator], names: Mapping[str, Any], where: str) -> None:
    known = parameters(operator_class)
    unknown = [name for name in names if name not in known]
    if unknown:
        plural = "s" if len(unknown) > 1 else ""
        raise TypeError(f"{where} got unexpected keyword argument{plural} {', '.join(map(repr, unknown))}")


@cache
def parameters(operator_class: type) -> frozenset[str]:
    """The names of all keyword arguments that a class of operators and its parents take."""
    found: set[str] = set()
    for kind in operator_class.__mro__:
        init = vars(kind).get("__init__")
        if init is not None and kind is not object:
            found |= {
                name
                for name, parameter in inspect.signature(init).parameters.items()
                if parameter.kind is not parameter.VAR_KEYWORD and name != "self"
            }
    return frozenset(found)


@cache
def _general() -> frozenset[str]:
    return parameters(BaseOperator)


def is_mapped_over(task: BaseOperator) -> bool:
    """Whether what `task` returns decides how many instances others have.

    Asked of each try: so only what waits for `task` is looked at, as a mapped task always waits for what it is made of.
    """
    inputs = [other.expand_input for other in task.downstream_list if isinstance(other, MappedOperator)]
    inputs += [group.expand_input for group in task.dag.group_dict.values() if group.expand_input is not None]
    return any(task.task_id in each.expansion().producers for each in inputs)
