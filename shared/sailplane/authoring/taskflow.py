"""TaskFlow: `@task` makes a task of a function, and calls of it wire data and dependencies."""

import inspect
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import update_wrapper
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar, get_origin, get_type_hints

from sailplane.authoring import scopes
from sailplane.authoring.calling import check_call
from sailplane.authoring.operator import BaseOperator
from sailplane.authoring.setup_teardown import mark_setup, mark_teardown
from sailplane.authoring.xcom_arg import XComArg

if TYPE_CHECKING:
    from sailplane.authoring.dag import DAG
    from sailplane.authoring.expand_input import ExpandInput
    from sailplane.authoring.taskgroup import TaskGroup


class DecoratedOperator(BaseOperator):
    """An operator that calls `python_callable` with `op_args` and `op_kwargs`, both templated."""

    template_fields: Sequence[str] = ("op_args", "op_kwargs")
    custom_operator_name: ClassVar[str] = "@task"
    maps_function: ClassVar[bool] = True

    def __init__(
        self,
        *,
        python_callable: Callable[..., Any],
        task_id: str,
        op_args: Sequence[Any] = (),
        op_kwargs: Mapping[str, Any] | None = None,
        upstream_arguments: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        op_kwargs = _with_defaults(python_callable, op_args, op_kwargs or {}, kwargs.get("default_args") or {})
        check_call(python_callable, op_args, op_kwargs)
        free_id = unique_task_id(task_id, kwargs.get("dag"), kwargs.get("task_group"))
        super().__init__(task_id=free_id, **(upstream_arguments or {}), **kwargs)
        self.python_callable = python_callable
        self.op_args: Sequence[Any] = op_args
        self.op_kwargs: Mapping[str, Any] = op_kwargs


def _with_defaults(
    function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any], defaults: Mapping[str, Any]
) -> dict[str, Any]:
    """`kwargs`, and what default_args has for other parameters of the function."""
    names = list(inspect.signature(function).parameters)[len(args) :]
    return {**{name: defaults[name] for name in names if name in defaults}, **kwargs}


def unique_task_id(task_id: str, dag: "DAG | None", group: "TaskGroup | None") -> str:
    """`task_id`, or when it is taken the next of `task__1`, `task__2`...: a function may be called more than once."""
    dag = dag or scopes.current_dag()
    if dag is None:
        return task_id
    group = group or scopes.current_group(dag)
    prefix = group.child_id("") if group else ""
    if not dag.has_node(prefix + task_id):
        return task_id
    base = re.split(r"__\d+$", task_id)[0]
    return f"{base}__{dag.highest_suffixes.get(prefix + base, 0) + 1}"


class TaskFactory:
    """A decorated function: a call of it makes a task and gives its result to come."""

    is_setup = False
    is_teardown = False
    on_failure_fail_dagrun = False
    returns_dag_result = False
    """True under `@result`: what the task returns is the result of its DAG."""

    def __init__(
        self,
        function: Callable[..., Any],
        operator_class: type[DecoratedOperator],
        *,
        multiple_outputs: bool | None = None,
        **options: Any,
    ) -> None:
        if not callable(function):
            raise TypeError(f"@task decorates functions, not {function!r}")
        if "self" in inspect.signature(function).parameters:
            raise TypeError(f"@task cannot decorate the method {function.__qualname__}: make it a function")
        self.function = function
        self.operator_class = operator_class
        self.multiple_outputs = returns_mapping(function) if multiple_outputs is None else multiple_outputs
        self.options: dict[str, Any] = {"task_id": getattr(function, "__name__", "task"), **options}
        update_wrapper(self, function)

    def __call__(self, *args: Any, **kwargs: Any) -> XComArg:
        operator = self.operator_class(
            python_callable=self.function,
            op_args=args,
            op_kwargs=kwargs,
            multiple_outputs=self.multiple_outputs,
            **self.options,
        )
        self._finish(operator)
        return XComArg(operator)

    def _finish(self, operator: BaseOperator) -> None:
        if self.is_setup:
            mark_setup(operator)
        if self.is_teardown:
            if "trigger_rule" in self.options:
                raise ValueError(
                    f"teardown {operator.task_id!r} cannot have a trigger_rule: it runs when all before it has ended "
                    "and its setups have succeeded"
                )
            mark_teardown(operator, on_failure_fail_dagrun=self.on_failure_fail_dagrun)
        operator.returns_dag_result = self.returns_dag_result
        docs = (operator.doc, operator.doc_md, operator.doc_json, operator.doc_yaml, operator.doc_rst)
        if self.function.__doc__ and not any(docs):
            operator.doc_md = self.function.__doc__

    def partial(self, **kwargs: Any) -> "TaskPartial":
        """The arguments that all instances of the task share; `.expand()` or `.expand_kwargs()` has the others."""
        return TaskPartial(self, kwargs)

    def expand(self, **mapped: Any) -> XComArg:
        """An instance for each combination of the items of these arguments, which are lists, dicts or task results."""
        return self.partial().expand(**mapped)

    def expand_kwargs(self, rows: Any, *, strict: bool = True) -> XComArg:
        """An instance for each dict of arguments in a list, or in what a task returns."""
        return self.partial().expand_kwargs(rows, strict=strict)

    def mapped(self, shared: Mapping[str, Any], expand_input: "ExpandInput", names: Iterable[str]) -> XComArg:
        """A task that calls the function once for each instance; `names` are the arguments known to be mapped."""
        from sailplane.authoring.mapped import MappedOperator, part

        if names:
            check_call(self.function, (), {**shared, **dict.fromkeys(names)})
        general, own = part({**self.options, "multiple_outputs": self.multiple_outputs})
        free_id = unique_task_id(general.pop("task_id"), general.get("dag"), general.get("task_group"))
        operator = MappedOperator(
            task_id=free_id,
            operator_class=self.operator_class,
            shared={**own, "python_callable": self.function, "op_kwargs": dict(shared)},
            expand_input=expand_input,
            **general,
        )
        self._finish(operator)
        return XComArg(operator)

    def override(self, **options: Any) -> "TaskFactory":
        """The same function as a task with other arguments: `extract.override(task_id="again", retries=3)()`."""
        multiple_outputs = options.pop("multiple_outputs", self.multiple_outputs)
        on_failure_fail_dagrun = options.pop("on_failure_fail_dagrun", self.on_failure_fail_dagrun)
        made = TaskFactory(
            self.function, self.operator_class, multiple_outputs=multiple_outputs, **{**self.options, **options}
        )
        made.is_setup, made.is_teardown = self.is_setup, self.is_teardown
        made.returns_dag_result = self.returns_dag_result
        made.on_failure_fail_dagrun = on_failure_fail_dagrun
        return made


class TaskPartial:
    """`task.partial(...)`: becomes a task when it is expanded."""

    def __init__(self, factory: TaskFactory, kwargs: Mapping[str, Any]) -> None:
        self._factory = factory
        self._kwargs = dict(kwargs)
        self._refuse_unknown(kwargs, "partial")

    def expand(self, **mapped: Any) -> XComArg:
        """An instance for each combination of the items of these arguments, which are lists, dicts or task results."""
        from sailplane.authoring.expand_input import ProductInput

        where = f"{self._factory.function.__name__}.expand()"
        if not mapped:
            raise TypeError(f"{where} needs at least one argument to map over")
        self._refuse_unknown(mapped, "expand")
        for name in mapped.keys() & self._kwargs.keys():
            raise TypeError(f"{where} got multiple values for the argument {name!r}: partial() has it already")
        return self._factory.mapped(self._kwargs, ProductInput(mapped, where), mapped)

    def expand_kwargs(self, rows: Any, *, strict: bool = True) -> XComArg:
        """An instance for each dict of arguments in a list, or in what a task returns."""
        from sailplane.authoring.expand_input import RowsInput

        where = f"{self._factory.function.__name__}.expand_kwargs()"
        return self._factory.mapped(self._kwargs, RowsInput(rows, where), ())

    def _refuse_unknown(self, kwargs: Mapping[str, Any], verb: str) -> None:
        parameters = inspect.signature(self._factory.function).parameters
        if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()):
            return
        for name in kwargs:
            if name not in parameters:
                raise TypeError(
                    f"{self._factory.function.__name__}.{verb}() got an unexpected keyword argument {name!r}"
                )


def result(decorated: TaskFactory) -> TaskFactory:
    """Say that what a `@task` function returns is the result of its DAG; stands above `@task`."""
    if not isinstance(decorated, TaskFactory):
        raise TypeError(f"@result stands above @task, not above {decorated!r}")
    decorated.returns_dag_result = True
    return decorated


def returns_mapping(function: Callable[..., Any]) -> bool:
    """True when the function's return annotation is a dict or another mapping."""
    annotation = getattr(function, "__annotations__", {}).get("return")
    if annotation is None:
        return False

    def alone() -> None: ...

    alone.__annotations__ = {"return": annotation}
    try:
        kind = get_type_hints(alone, getattr(function, "__globals__", {})).get("return")
    except (NameError, TypeError, SyntaxError):  # A name that only type checkers see.
        return False
    kind = get_origin(kind) or kind
    return isinstance(kind, type) and issubclass(kind, Mapping)


def task_decorator(operator_class: type[DecoratedOperator]) -> Callable[..., Any]:
    """The decorator that makes tasks of `operator_class`: `@x` and `@x(retries=3)`."""

    def decorate(python_callable: Callable[..., Any] | None = None, **options: Any) -> Any:
        if python_callable is not None:
            return TaskFactory(python_callable, operator_class, **options)
        return lambda function: TaskFactory(function, operator_class, **options)

    return decorate


_DECORATED: Mapping[str, str] = {
    "python": "sailplane.operators.python:PythonDecoratedOperator",
    "branch": "sailplane.operators.branch:BranchDecoratedOperator",
    "short_circuit": "sailplane.operators.branch:ShortCircuitDecoratedOperator",
    "bash": "sailplane.operators.bash:BashDecoratedOperator",
    "sensor": "sailplane.sensors.python:SensorDecoratedOperator",
    "virtualenv": "sailplane.operators.virtualenv:PythonVirtualenvDecoratedOperator",
    "external_python": "sailplane.operators.virtualenv:ExternalPythonDecoratedOperator",
    "branch_virtualenv": "sailplane.operators.virtualenv:BranchVirtualenvDecoratedOperator",
    "branch_external_python": "sailplane.operators.virtualenv:BranchExternalPythonDecoratedOperator",
    "docker": "sailplane.operators.docker_python:DockerDecoratedOperator",
}
"""Imported when first used: a file that needs one kind of task does not pay for the others."""


_CONDITIONS = ("run_if", "skip_if")


class TaskDecorators:
    """`@task`, and `@task.bash`, `@task.sensor`... for functions that are run in another way."""

    def __call__(self, python_callable: Callable[..., Any] | None = None, **options: Any) -> Any:
        if python_callable is not None and not callable(python_callable):
            raise TypeError(f"@task takes keyword arguments only, not {python_callable!r}")
        return self.python(python_callable, **options)

    def __getattr__(self, name: str) -> Any:
        if name in _CONDITIONS:
            return getattr(import_module("sailplane.authoring.condition"), name)
        if name not in _DECORATED:
            known = ", ".join(f"@task.{each}" for each in (*_DECORATED, *_CONDITIONS))
            raise AttributeError(f"there is no @task.{name}; there are {known}")
        module, _, operator = _DECORATED[name].partition(":")
        decorator = task_decorator(getattr(import_module(module), operator))
        setattr(self, name, decorator)
        return decorator


task = TaskDecorators()
