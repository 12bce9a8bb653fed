"""A task's result as the argument of another: the value to come, and the dependency with it."""

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from sailplane.authoring.arguments import NOTSET, is_arg_set
from sailplane.authoring.exceptions import XComNotFound
from sailplane.authoring.setup_teardown import SetupTeardownMixin
from sailplane.model.mapping import Source, SourceKind

if TYPE_CHECKING:
    from sailplane.authoring.operator import BaseOperator

XCOM_RETURN_KEY = "return_value"


class Resolvable:
    """A value that is known only when the task runs."""

    def iter_references(self) -> Iterator[tuple["BaseOperator", str]]:
        """The XComs that `resolve` reads, as pairs of task and key."""
        yield from ()

    def resolve(self, context: Mapping[str, Any]) -> Any:
        raise NotImplementedError


class Mappable(Resolvable, SetupTeardownMixin):
    """A task's result, or what is made of some, that other tasks can be mapped over."""

    def source(self) -> Source:
        """From which lengths its own length follows. Raises `ValueError` when it cannot be mapped over."""
        raise NotImplementedError

    def __iter__(self) -> Iterator[Any]:
        raise TypeError(
            f"{self._unknown} and cannot be iterated over in the DAG file; do that inside the task that uses it"
        )

    def __getitem__(self, item: str) -> "Mappable":
        raise TypeError(f"{self._unknown}: it cannot be indexed by {item!r}; do that inside the task that uses it")

    @property
    def _unknown(self) -> str:
        return f"what is made of the result of task {self.roots[0].task_id!r} is only known when it has run"

    def map(self, function: Callable[[Any], Any]) -> "Mappable":
        """Each item given to `function`, in the task that is mapped over it."""
        from sailplane.authoring.xcom_transforms import MapXComArg

        self.source()
        return MapXComArg(self, function)

    def zip(self, *others: "Mappable", fillvalue: Any = NOTSET) -> "Mappable":
        """Tuples of the items at the same place, as many as the shortest has; with `fillvalue`, as the longest has."""
        from sailplane.authoring.xcom_transforms import ZipXComArg

        return ZipXComArg([_mappable(each) for each in (self, *others)], fillvalue)

    def concat(self, *others: "Mappable") -> "Mappable":
        """The items of this, then those of `others`."""
        from sailplane.authoring.xcom_transforms import ConcatXComArg

        return ConcatXComArg([_mappable(each) for each in (self, *others)])

    @property
    def roots(self) -> list["BaseOperator"]:
        return [operator for operator, _ in self.iter_references()]

    @property
    def leaves(self) -> list["BaseOperator"]:
        return self.roots


def _mappable(value: Any) -> Mappable:
    if not isinstance(value, Mappable):
        raise TypeError(f"zip() and concat() take results of tasks, not {value!r}")
    value.source()
    return value


class XComArg(Mappable):
    """The XCom that `operator` pushes under `key`."""

    def __init__(self, operator: "BaseOperator", key: str = XCOM_RETURN_KEY) -> None:
        self.operator = operator
        self.key = key

    def __getitem__(self, item: str) -> "XComArg":
        """The XCom of the same task under another key: `stats["mean"]` of a task with multiple outputs."""
        if not isinstance(item, str):
            raise ValueError(
                f"the result of task {self.operator.task_id!r} is only known when it has run: it takes keys that are "
                f"strings, not {item!r}; index it inside the task that uses it"
            )
        return XComArg(self.operator, item)

    def __iter__(self) -> Iterator[Any]:
        raise TypeError(
            f"the result of task {self.operator.task_id!r} is only known when it has run and cannot be iterated over "
            "in the DAG file; do that inside the task that uses it"
        )

    @property
    def is_setup(self) -> bool:
        return self.operator.is_setup

    @property
    def is_teardown(self) -> bool:
        return self.operator.is_teardown

    @property
    def on_failure_fail_dagrun(self) -> bool:
        return self.operator.on_failure_fail_dagrun

    def __eq__(self, other: object) -> bool:
        return isinstance(other, XComArg) and (self.operator, self.key) == (other.operator, other.key)

    def __hash__(self) -> int:
        return hash((id(self.operator), self.key))

    def __repr__(self) -> str:
        key = "" if self.key == XCOM_RETURN_KEY else f", {self.key!r}"
        return f"XComArg({self.operator!r}{key})"

    def __str__(self) -> str:
        """A template that pulls the value, so that it can stand in an f-string of a templated field."""
        operator = self.operator
        dag_id = operator.dag.dag_id if operator.dag else ""
        pull = f"task_ids='{operator.task_id}', dag_id='{dag_id}', key='{self.key}'"
        return f"{{{{ task_instance.xcom_pull({pull}) }}}}"

    def source(self) -> Source:
        if self.key != XCOM_RETURN_KEY:
            raise ValueError(
                f"tasks can be mapped over what task {self.operator.task_id!r} returns, not over its XCom {self.key!r}"
            )
        return Source(kind=SourceKind.XCOM, task_id=self.operator.task_id)

    def iter_references(self) -> Iterator[tuple["BaseOperator", str]]:
        yield self.operator, self.key

    def resolve(self, context: Mapping[str, Any]) -> Any:
        """The value. None for a return value that was not pushed; `XComNotFound` for another key that was not.

        Of a task with several instances: what the same instance of a common mapped group pushed, else a sequence of
        what all did.
        """
        ti = context["ti"]
        group = self.operator.mapped_group
        if group is None or context["task"].mapped_group is not group:
            if self.operator.has_instances:
                return ti.lazy_xcoms(self.operator.task_id, self.key)
            group = None
        index = ti.map_index if group is not None else None
        value = ti.xcom_pull(task_ids=self.operator.task_id, key=self.key, default=NOTSET, map_indexes=index)
        if is_arg_set(value):
            return value
        if self.key == XCOM_RETURN_KEY or self.operator.multiple_outputs:
            return None
        raise XComNotFound(ti.dag_id, self.operator.task_id, self.key)


def iter_references(value: Any) -> Iterator[tuple["BaseOperator", str]]:
    """All XComs that `value` names, however deep in lists, tuples, sets, dicts and objects with `template_fields`."""
    if isinstance(value, Resolvable):
        yield from value.iter_references()
    elif isinstance(value, list | tuple | set):
        for item in value:
            yield from iter_references(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from iter_references(item)
    elif not isinstance(value, type):
        for name in getattr(value, "template_fields", ()):
            yield from iter_references(getattr(value, name, None))
