"""Sensors that ask a Python function."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from sailplane.authoring.calling import keywords_for
from sailplane.authoring.taskflow import DecoratedOperator
from sailplane.sensors.base import BaseSensorOperator, PokeReturnValue


class PythonSensor(BaseSensorOperator):
    """Waits until `python_callable` returns something true. It is called as by `PythonOperator`."""

    template_fields: Sequence[str] = ("templates_dict", "op_args", "op_kwargs")

    def __init__(
        self,
        *,
        python_callable: Callable[..., Any],
        op_args: Sequence[Any] | None = None,
        op_kwargs: Mapping[str, Any] | None = None,
        templates_dict: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.python_callable = python_callable
        self.op_args: Sequence[Any] = op_args or ()
        self.op_kwargs: Mapping[str, Any] = op_kwargs or {}
        self.templates_dict = templates_dict

    def poke(self, context: Mapping[str, Any]) -> bool | PokeReturnValue:
        offered = {**context, "templates_dict": self.templates_dict}
        keywords = keywords_for(self.python_callable, self.op_args, self.op_kwargs, offered)
        answer = self.python_callable(*self.op_args, **keywords)
        return answer if isinstance(answer, PokeReturnValue) else bool(answer)


class SensorDecoratedOperator(DecoratedOperator, PythonSensor):
    """A `@task.sensor`."""

    template_fields: Sequence[str] = ("templates_dict", "op_args", "op_kwargs")
    custom_operator_name: ClassVar[str] = "@task.sensor"

    def __init__(self, *, python_callable: Callable[..., Any], **kwargs: Any) -> None:
        super().__init__(
            python_callable=python_callable, upstream_arguments={"python_callable": python_callable}, **kwargs
        )
