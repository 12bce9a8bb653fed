"""Deadlines: by when a run, a task or a group must have succeeded, and whom to call when it has not."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib import import_module
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any, ClassVar

from sailplane.authoring.operator_checks import utc
from sailplane.model.deadlines import ReferenceKind, SerializedDeadline

if TYPE_CHECKING:
    from sailplane.authoring.dag import DAG


class Callback:
    """What is called when a deadline is missed: a callable, or its path, with these arguments and `context`."""

    def __init__(self, callback_callable: Callable[..., Any] | str, kwargs: Mapping[str, Any] | None = None) -> None:
        if kwargs and "context" in kwargs:
            raise ValueError("context is a reserved kwarg for this class")
        self.kwargs = dict(kwargs or {})
        self._callable = callback_callable if callable(callback_callable) else None
        if self._callable is not None:
            self.verify_callable(self._callable)
        self.path = _path(callback_callable)

    @classmethod
    def verify_callable(cls, callback: Callable[..., Any]) -> None:
        """Raise `AttributeError` for one that cannot be called so."""

    def load(self) -> Callable[..., Any]:
        """The callable. Raises `ImportError` when its path leads nowhere."""
        if self._callable is not None:
            return self._callable
        module, _, name = self.path.rpartition(".")
        found: Callable[..., Any] | None = getattr(import_module(module), name, None)
        if not callable(found):
            raise ImportError(f"the callback {self.path!r} of a deadline is nothing that can be called")
        return found

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other) or not isinstance(other, Callback):
            return NotImplemented
        return (self.path, self.kwargs) == (other.path, other.kwargs)

    def __hash__(self) -> int:
        return hash((type(self), self.path))


def _path(callback: Callable[..., Any] | str) -> str:
    if not isinstance(callback, str):
        return f"{callback.__module__}.{callback.__qualname__}"
    parts = callback.strip().split(".")
    if len(parts) < 2 or not all(part.isidentifier() for part in parts):
        raise ImportError(f"`{callback}` doesn't look like a valid dot path.")
    return ".".join(parts)


class AsyncCallback(Callback):
    """A coroutine function, or a notifier."""

    @classmethod
    def verify_callable(cls, callback: Callable[..., Any]) -> None:
        if not (iscoroutinefunction(callback) or hasattr(callback, "__await__")):
            raise AttributeError(f"Provided callback {callback} is not awaitable.")


class SyncCallback(Callback):
    """A function, or a notifier. `executor` is passed over: it runs where the DAG's tasks run."""

    def __init__(
        self,
        callback_callable: Callable[..., Any] | str,
        kwargs: Mapping[str, Any] | None = None,
        executor: str | None = None,
    ) -> None:
        super().__init__(callback_callable, kwargs)
        self.executor = executor


class BaseDeadlineReference:
    """From when a deadline counts.

    A class of your own writes `_evaluate_with(self, *, session, **kwargs)`, which returns that moment, or None for no
    deadline. It is asked in a worker's process once a run is created: with `dag_id` and `run_id` if its
    `required_kwargs` name them, and without a session, which there is not.
    """

    kind: ClassVar[ReferenceKind] = ReferenceKind.CUSTOM
    required_kwargs: ClassVar[frozenset[str] | set[str]] = frozenset()

    @property
    def reference_name(self) -> str:
        return type(self).__name__

    def serialize_reference(self) -> dict[str, Any]:
        return {"reference_type": self.reference_name}

    def as_data(self) -> dict[str, Any]:
        """The fields of a `SerializedDeadline` that say the same."""
        return {"reference": self.kind}

    def _evaluate_with(self, *, session: Any, **kwargs: Any) -> datetime | None:
        raise NotImplementedError(f"{self.reference_name} has no _evaluate_with()")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, BaseDeadlineReference):
            return NotImplemented
        return self.serialize_reference() == other.serialize_reference()

    def __hash__(self) -> int:
        return hash(frozenset(self.serialize_reference().items()))


class DagRunLogicalDateDeadline(BaseDeadlineReference):
    """The run's logical date; a run without one has no such deadline."""

    kind = ReferenceKind.LOGICAL_DATE


class DagRunQueuedAtDeadline(BaseDeadlineReference):
    """When the run was created."""

    kind = ReferenceKind.QUEUED_AT


@dataclass(eq=False)
class FixedDatetimeDeadline(BaseDeadlineReference):
    """A given moment; UTC when it names no zone."""

    kind = ReferenceKind.FIXED
    _datetime: datetime

    def serialize_reference(self) -> dict[str, Any]:
        return {"reference_type": self.reference_name, "datetime": self._moment().timestamp()}

    def as_data(self) -> dict[str, Any]:
        return {"reference": self.kind, "fixed_at": self._moment()}

    def _moment(self) -> datetime:
        moment = utc(self._datetime)
        assert moment is not None
        return moment


@dataclass(eq=False)
class AverageRuntimeDeadline(BaseDeadlineReference):
    """When the run was created and the mean time that earlier ones took that succeeded: `max_runs` of them at most.

    With fewer than `min_runs` there is no deadline.
    """

    DEFAULT_LIMIT: ClassVar[int] = 10
    kind = ReferenceKind.AVERAGE_RUNTIME
    max_runs: int
    min_runs: int | None = None

    def __post_init__(self) -> None:
        self.min_runs = self.max_runs if self.min_runs is None else self.min_runs
        if self.min_runs < 1:
            raise ValueError("min_runs must be at least 1")

    def serialize_reference(self) -> dict[str, Any]:
        return {"reference_type": self.reference_name, "max_runs": self.max_runs, "min_runs": self.min_runs}

    def as_data(self) -> dict[str, Any]:
        return {"reference": self.kind, "max_runs": self.max_runs, "min_runs": self.min_runs}


class DeadlineReference:
    """From when a deadline counts: one of these, or a class of your own that `deadline_reference` registers."""

    class TYPES:
        """When a reference is asked: in Sailplane always once the run is created."""

        DAGRUN_CREATED: tuple[type[BaseDeadlineReference], ...] = (
            DagRunLogicalDateDeadline,
            FixedDatetimeDeadline,
            AverageRuntimeDeadline,
        )
        DAGRUN_QUEUED: tuple[type[BaseDeadlineReference], ...] = (DagRunQueuedAtDeadline,)
        DAGRUN: tuple[type[BaseDeadlineReference], ...] = DAGRUN_CREATED + DAGRUN_QUEUED

    DAGRUN_LOGICAL_DATE: BaseDeadlineReference = DagRunLogicalDateDeadline()
    DAGRUN_QUEUED_AT: BaseDeadlineReference = DagRunQueuedAtDeadline()

    @classmethod
    def AVERAGE_RUNTIME(cls, max_runs: int = 0, min_runs: int | None = None) -> BaseDeadlineReference:  # noqa: N802
        return AverageRuntimeDeadline(max_runs or AverageRuntimeDeadline.DEFAULT_LIMIT, min_runs)

    @classmethod
    def FIXED_DATETIME(cls, dt: datetime) -> BaseDeadlineReference:  # noqa: N802
        return FixedDatetimeDeadline(dt)

    @classmethod
    def register_custom_reference(
        cls, reference_class: type[BaseDeadlineReference], deadline_reference_type: Any = None
    ) -> type[BaseDeadlineReference]:
        """Make an object of the class an attribute here, under the class's name."""
        if not issubclass(reference_class, BaseDeadlineReference):
            raise ValueError(f"{reference_class.__name__} must inherit from BaseDeadlineReference")
        try:
            made = reference_class()
        except TypeError as error:
            raise TypeError(
                f"{reference_class.__name__} must be constructible with no arguments in order to be registered as a "
                f"deadline reference: {error}"
            ) from error
        setattr(cls, reference_class.__name__, made)
        return reference_class


def deadline_reference(deadline_reference_type: Any = None) -> Any:
    """Register the decorated class as an attribute of `DeadlineReference`; with or without parentheses."""
    if isinstance(deadline_reference_type, type):
        return DeadlineReference.register_custom_reference(deadline_reference_type)
    return DeadlineReference.register_custom_reference


@dataclass(frozen=True)
class VariableInterval:
    """An interval that a Variable has, in whole seconds; it is asked when a run is created."""

    key: str


class DeadlineAlert:
    """A deadline: `interval` after `reference`, when `callback` is called unless the run, task or group succeeded."""

    def __init__(
        self,
        reference: BaseDeadlineReference,
        interval: timedelta | VariableInterval,
        callback: Callback,
        name: str | None = None,
    ) -> None:
        if not isinstance(reference, BaseDeadlineReference):
            raise TypeError(f"reference must be a DeadlineReference, not {reference!r}")
        if not isinstance(interval, timedelta | VariableInterval):
            raise TypeError(f"interval must be a timedelta or a VariableInterval, not {interval!r}")
        if not isinstance(callback, AsyncCallback | SyncCallback):
            raise ValueError(f"Callbacks of type {type(callback).__name__} are not currently supported")
        self.reference, self.interval, self.callback, self.name = reference, interval, callback, name

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, DeadlineAlert):
            return NotImplemented
        return (self.reference, self.interval, self.callback) == (other.reference, other.interval, other.callback)

    def __hash__(self) -> int:
        return hash((type(self.reference), self.interval, self.callback))


@dataclass(frozen=True, kw_only=True)
class Declared:
    """A deadline where a DAG has it."""

    alert: DeadlineAlert
    task_id: str | None = None
    group_id: str | None = None

    def serialized(self) -> SerializedDeadline:
        interval = self.alert.interval
        by_variable = isinstance(interval, VariableInterval)
        return SerializedDeadline(
            **self.alert.reference.as_data(),
            interval=timedelta() if isinstance(interval, VariableInterval) else interval,
            interval_variable=interval.key if by_variable and isinstance(interval, VariableInterval) else "",
            name=self.alert.name,
            task_id=self.task_id,
            group_id=self.group_id,
        )


def as_deadlines(value: Any, where: str) -> list[DeadlineAlert]:
    """What was given as `deadline`: one, several, or none. Raises `TypeError`."""
    given = [] if value is None else list(value) if isinstance(value, list | tuple) else [value]
    for alert in given:
        if not isinstance(alert, DeadlineAlert):
            raise TypeError(f"{where}: deadline must be a DeadlineAlert or a list of them, not {alert!r}")
    return given


def declared(dag: "DAG") -> list[Declared]:
    """All deadlines of a DAG, in the order that numbers them: its own, those of its tasks, those of its groups."""
    found = [Declared(alert=alert) for alert in dag.deadline]
    for task_id in sorted(dag.task_dict):
        found += [Declared(alert=alert, task_id=task_id) for alert in dag.task_dict[task_id].deadline]
    for group_id in sorted(dag.group_dict):
        found += [Declared(alert=alert, group_id=group_id) for alert in dag.group_dict[group_id].deadline]
    return found


def evaluated(reference: BaseDeadlineReference, dag_id: str, run_id: str) -> datetime | None:
    """The moment that a reference of the author's says, in UTC. Raises `TypeError` for what is none."""
    known = {"dag_id": dag_id, "run_id": run_id}
    missing = set(reference.required_kwargs) - known.keys()
    if missing:
        raise ValueError(f"{reference.reference_name} is missing required parameters: {', '.join(sorted(missing))}")
    asked = {name: value for name, value in known.items() if name in reference.required_kwargs}
    moment = reference._evaluate_with(session=None, **asked)
    if moment is None:
        return None
    if not isinstance(moment, datetime):
        raise TypeError(f"{reference.reference_name}._evaluate_with() must return a datetime or None, not {moment!r}")
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
