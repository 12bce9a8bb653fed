"""Mapped task groups: `@task_group` functions that are expanded."""

from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any

from sailplane.authoring.expand_input import ExpandInput
from sailplane.authoring.taskgroup import TaskGroup
from sailplane.authoring.xcom_arg import Resolvable

if TYPE_CHECKING:
    from sailplane.authoring.operator import BaseOperator


class MappedTaskGroup(TaskGroup):
    """A group whose tasks have as many instances as it is mapped over items."""

    def __init__(self, expand_input: ExpandInput, **options: Any) -> None:
        super().__init__(**options)
        self.expand_input = expand_input
        around = self.parent_group
        while around is not None:
            if around.expand_input is not None:
                raise NotImplementedError(
                    f"task group {self.group_id!r} is mapped inside the mapped group {around.group_id!r}; a mapped "
                    "group cannot hold another"
                )
            around = around.parent_group

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        super().__exit__(kind, error, trace)
        if error is None:
            # Also those of its first tasks that do not use an argument wait for what it is mapped over.
            for operator, _ in self.expand_input.iter_references() if self.expand_input else ():
                self.set_upstream(operator)


class MappedArgument(Resolvable):
    """An argument of a mapped group, as its tasks use it: another item in each instance."""

    def __init__(self, expand_input: ExpandInput, name: str) -> None:
        self._input, self._name = expand_input, name

    def __repr__(self) -> str:
        return f"MappedArgument({self._name!r})"

    def iter_references(self) -> Iterator[tuple["BaseOperator", str]]:
        return self._input.iter_references()

    def resolve(self, context: Mapping[str, Any]) -> Any:
        arguments, _ = self._input.resolve(context)
        if self._name not in arguments:
            raise KeyError(f"instance {context['ti'].map_index} of the mapped group got no argument {self._name!r}")
        return arguments[self._name]
