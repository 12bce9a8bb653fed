"""Setups and teardowns: tasks that make and remove what others need.

A teardown runs when its setups have succeeded and all between them has ended, however that ended. Unless it says
`on_failure_fail_dagrun`, its own failure does not fail the run.
"""

from collections.abc import Callable, Iterable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar

from sailplane.authoring import scopes
from sailplane.authoring.dependencies import DependencyMixin
from sailplane.authoring.exceptions import AirflowException
from sailplane.model.states import TriggerRule

if TYPE_CHECKING:
    from sailplane.authoring.operator import BaseOperator


class SetupTeardownMixin(DependencyMixin):
    """Something that stands for tasks and can make setups and teardowns of them."""

    def as_setup(self) -> Any:
        """The same, made a setup."""
        for task in self._own_tasks():
            mark_setup(task)
        return self

    def as_teardown(self, *, setups: Any = None, on_failure_fail_dagrun: bool | None = None) -> Any:
        """The same, made the teardown of `setups`, a task or several, which become setups and come before it."""
        for task in self._own_tasks():
            mark_teardown(task, on_failure_fail_dagrun=on_failure_fail_dagrun)
        for each in _listed(setups):
            each.as_setup()
            each.set_downstream(self)
        return self

    def _own_tasks(self) -> Sequence["BaseOperator"]:
        return self.roots

    def __enter__(self) -> "SetupTeardownScope":
        return SetupTeardownScope.open(self._own_tasks())

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        SetupTeardownScope.close(failed=error is not None)


def mark_setup(task: "BaseOperator") -> None:
    if task.is_teardown:
        raise ValueError(f"task {task.task_id!r} is a teardown and cannot be a setup too")
    task.is_setup = True


def mark_teardown(task: "BaseOperator", *, on_failure_fail_dagrun: bool | None = None) -> None:
    if task.is_setup:
        raise ValueError(f"task {task.task_id!r} is a setup and cannot be a teardown too")
    task.is_teardown = True
    task.trigger_rule = TriggerRule.ALL_DONE_SETUP_SUCCESS
    if on_failure_fail_dagrun is not None:
        task.on_failure_fail_dagrun = on_failure_fail_dagrun


def _listed(setups: Any) -> list[Any]:
    found = [] if setups is None else [setups] if isinstance(setups, DependencyMixin) else setups
    if not isinstance(found, Iterable) or isinstance(found, str | bytes):
        raise TypeError(f"setups must be a task, a result of one or a list of them, not {setups!r}")
    found = list(found)
    for each in found:
        if not isinstance(each, SetupTeardownMixin):
            hint = "; call the @setup function to get a task" if callable(each) else ""
            raise TypeError(f"setups must be tasks or results of them, not {each!r}{hint}")
    return found


class SetupTeardownScope:
    """`with create >> delete:`: the tasks made inside come after the setups and before the teardowns."""

    _open: ClassVar[list["SetupTeardownScope"]] = scopes.brackets

    def __init__(self, setups: Sequence["BaseOperator"], teardowns: Sequence["BaseOperator"]) -> None:
        self._setups, self._teardowns = list(setups), list(teardowns)
        self._tasks: list[BaseOperator] = []

    def add_task(self, task: Any) -> None:
        """Count a task that was made outside as one made inside."""
        for each in task.roots:
            self.note(each)

    def note(self, task: "BaseOperator") -> None:
        self._tasks.append(task)

    @classmethod
    def open(cls, tasks: Sequence["BaseOperator"]) -> "SetupTeardownScope":
        setups, teardowns = [t for t in tasks if t.is_setup], [t for t in tasks if t.is_teardown]
        plain = [task.task_id for task in tasks if not task.is_setup and not task.is_teardown]
        if plain:
            names = ", ".join(map(repr, plain))
            raise AirflowException(
                f"`with` takes setups and teardowns, and {names} is neither; use @setup, @teardown, .as_setup() or "
                ".as_teardown()"
            )
        if setups and teardowns:
            raise ValueError("`with` takes setups or teardowns in one list, not both: write `with setup >> teardown:`")
        scope = cls(setups or _nearest_setups(teardowns), teardowns or _nearest_teardowns(setups))
        cls._open.append(scope)
        return scope

    @classmethod
    def close(cls, *, failed: bool) -> None:
        scope = cls._open.pop()
        if failed:
            return
        scope._link_tasks()
        if cls._open:
            scope._link_inside(cls._open[-1])

    def _link_tasks(self) -> None:
        """Only tasks without a neighbour on that side, or when all have one the outermost as written."""
        work = [task for task in self._tasks if not task.is_setup and not task.is_teardown]
        if not work:
            return
        first = [task for task in work if not task.upstream_task_ids] or work[:1]
        last = [task for task in work if not task.downstream_task_ids] or work[-1:]
        for setup in self._setups:
            setup.set_downstream(first)
        for teardown in self._teardowns:
            teardown.set_upstream(last)

    def _link_inside(self, outer: "SetupTeardownScope") -> None:
        for setup in outer._setups:
            setup.set_downstream([each for each in self._setups if each is not setup])
        for teardown in outer._teardowns:
            teardown.set_upstream([each for each in self._teardowns if each is not teardown])


def _nearest_setups(teardowns: Sequence["BaseOperator"]) -> list["BaseOperator"]:
    return _nearest(teardowns, upstream=True)


def _nearest_teardowns(setups: Sequence["BaseOperator"]) -> list["BaseOperator"]:
    return _nearest(setups, upstream=False)


def _nearest(tasks: Sequence["BaseOperator"], *, upstream: bool) -> list["BaseOperator"]:
    """The setups directly upstream of `tasks`, or the teardowns downstream; when there are none, those behind that."""
    seen: set[str] = set()
    ahead = list(tasks)
    while ahead:
        ids = {each for task in ahead for each in task.get_direct_relative_ids(upstream)} - seen
        seen |= ids
        ahead = [tasks[0].dag.get_task(task_id) for task_id in sorted(ids)]
        found = [task for task in ahead if (task.is_setup if upstream else task.is_teardown)]
        if found:
            return found
    return []


class ContextWrapper(list[Any]):
    """A list of setups, or of teardowns, that can stand in `with`."""

    def __init__(self, tasks: Iterable[Any]) -> None:
        super().__init__(tasks)

    def __enter__(self) -> SetupTeardownScope:
        return SetupTeardownScope.open([task for each in self for task in each.roots])

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        SetupTeardownScope.close(failed=error is not None)


context_wrapper = ContextWrapper


def setup(function: Callable[..., Any]) -> Any:
    """Make of a function, or of a decorated one, a function whose calls make setups."""
    factory = _factory(function, "setup")
    factory.is_setup = True
    return factory


def teardown(function: Callable[..., Any] | None = None, *, on_failure_fail_dagrun: bool = False) -> Any:
    """Make of a function, or of a decorated one, a function whose calls make teardowns."""

    def decorate(function: Callable[..., Any]) -> Any:
        factory = _factory(function, "teardown")
        factory.is_teardown, factory.on_failure_fail_dagrun = True, on_failure_fail_dagrun
        return factory

    return decorate if function is None else decorate(function)


def _factory(function: Callable[..., Any], decorator: str) -> Any:
    from sailplane.authoring.taskflow import TaskFactory, task

    if isinstance(function, TaskFactory):
        return function
    if not callable(function):
        raise TypeError(f"@{decorator} decorates functions, not {function!r}")
    if hasattr(function, "expand"):  # What @task_group has made.
        raise AirflowException(f"task groups cannot be marked as setup or teardown; @{decorator} is for tasks")
    return task(function)
