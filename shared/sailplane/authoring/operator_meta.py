"""How `default_args` of a DAG, a group and a task reach an operator's arguments.

Every class of operators names its own arguments in its own `__init__` and hands the rest to its parent. So each
`__init__` is wrapped: what the caller left out is filled in from the default arguments before it runs.
"""

import inspect
from abc import ABCMeta
from collections.abc import Callable, Mapping
from functools import wraps
from typing import TYPE_CHECKING, Any

from sailplane.authoring import scopes
from sailplane.authoring.origin import origin_of_call

if TYPE_CHECKING:
    from sailplane.authoring.dag import DAG
    from sailplane.authoring.taskgroup import TaskGroup


class OperatorMeta(ABCMeta):
    def __new__(mcs, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **kwargs: Any) -> "OperatorMeta":
        if "__init__" in namespace:
            namespace["__init__"] = _filling_defaults(namespace["__init__"])
        return super().__new__(mcs, name, bases, namespace, **kwargs)

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        if args:
            raise TypeError(f"{cls.__name__} takes keyword arguments only")
        file = scopes.current_file()
        new: Any = cls.__new__
        operator = new(cls)
        object.__setattr__(operator, "origin", origin_of_call(file.path if file else None))
        operator.__init__(**kwargs)
        if file is not None:
            file.operators.append(operator)
        if scopes.brackets:
            scopes.brackets[-1].note(operator)
        operator.link_arguments()
        return operator


def _filling_defaults(init: Callable[..., None]) -> Callable[..., None]:
    parameters = {
        name: parameter
        for name, parameter in inspect.signature(init).parameters.items()
        if name != "self" and parameter.kind in (parameter.KEYWORD_ONLY, parameter.POSITIONAL_OR_KEYWORD)
    }
    required = [
        name for name, parameter in parameters.items() if parameter.default is parameter.empty and name != "task_id"
    ]
    fillable = parameters.keys() - {"dag", "task_group", "default_args", "params"}

    @wraps(init)
    def filled(self: Any, **kwargs: Any) -> None:
        dag = kwargs["dag"] = kwargs.get("dag") or scopes.current_dag()
        group = kwargs["task_group"] = kwargs.get("task_group") or scopes.current_group(dag)
        defaults = merged_default_args(dag, group, kwargs.pop("default_args", None))
        for name in fillable - kwargs.keys():
            if name in defaults:
                kwargs[name] = defaults[name]
        missing = [name for name in required if name not in kwargs]
        if missing:
            raise TypeError(_missing(type(self).__name__, kwargs.get("task_id"), missing))
        init(self, **kwargs, default_args=defaults)

    return filled


def merged_default_args(dag: "DAG | None", group: "TaskGroup | None", own: Mapping[str, Any] | None) -> dict[str, Any]:
    """The nearer wins: the task's own, its group's, its DAG's."""
    if own is not None and not isinstance(own, Mapping):
        raise TypeError(f"default_args must be a dict, not {type(own).__name__}")
    return {
        **(dag.default_args if dag else {}),
        **(group.default_args if group else {}),
        **(own or {}),
    }


def _missing(operator: str, task_id: str | None, names: list[str]) -> str:
    plural = "s" if len(names) > 1 else ""
    return f"{operator}(task_id={task_id!r}) needs the argument{plural} {', '.join(map(repr, names))}"
