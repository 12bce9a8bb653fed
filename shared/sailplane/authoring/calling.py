"""How a task's function is called: its own arguments, and those of the context that it asks for by name."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sailplane.authoring.lazy_value import unwrapped

CONTEXT_KEYS = frozenset(
    {
        "asset_state_store",
        "conf",
        "conn",
        "dag",
        "dag_run",
        "data_interval_end",
        "data_interval_start",
        "ds",
        "ds_nodash",
        "exception",
        "inlets",
        "inlet_events",
        "logical_date",
        "macros",
        "outlets",
        "outlet_events",
        "params",
        "partition_date",
        "partition_key",
        "prev_data_interval_end_success",
        "prev_data_interval_start_success",
        "prev_end_date_success",
        "prev_start_date_success",
        "reason",
        "run_id",
        "task",
        "task_instance",
        "task_instance_key_str",
        "task_reschedule_count",
        "task_state_store",
        "templates_dict",
        "test_mode",
        "ti",
        "triggering_asset_events",
        "try_number",
        "ts",
        "ts_nodash",
        "ts_nodash_with_tz",
        "var",
    }
)
"""Names that a function may ask for without being given them."""

_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def keywords_for(
    function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any], context: Mapping[str, Any]
) -> dict[str, Any]:
    """The keyword arguments for a call with `args`: of `kwargs` and `context` together, those that `function` takes.

    A function with `**kwargs` gets all; `kwargs` go before the context. Raises `ValueError` when one would be given
    twice.
    """
    parameters = inspect.signature(function).parameters
    for name, parameter in list(parameters.items())[: len(args)]:
        if parameter.kind in _POSITIONAL and (name in context or name in kwargs):
            raise ValueError(
                f"{_name(function)}() would get {name!r} twice: by its position in op_args, and by its name"
            )
    offered = {**context, **kwargs}
    asked = {name: unwrapped(offered[name]) for name in parameters if name in offered}
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()):
        return {**offered, **asked}
    return asked


def check_call(function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
    """Raise `TypeError` unless `function` can be called so, once the context has given it what it asks for by name."""
    signature = inspect.signature(function)
    for name, parameter in signature.parameters.items():
        if name in CONTEXT_KEYS and parameter.default not in (None, parameter.empty):
            raise ValueError(
                f"{_name(function)}() asks for {name!r} of the context, so its default can only be None, not "
                f"{parameter.default!r}"
            )
    given = dict.fromkeys(kwargs)
    names = list(signature.parameters)
    for name in names[len(args) :]:
        if name in CONTEXT_KEYS and signature.parameters[name].kind is not inspect.Parameter.POSITIONAL_ONLY:
            given.setdefault(name, None)
    try:
        signature.bind(*args, **given)
    except TypeError as error:
        raise TypeError(f"{_name(function)}(): {error}") from None


def _name(function: Callable[..., Any]) -> str:
    return getattr(function, "__name__", repr(function))
