"""Tasks that call a Python function."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from sailplane.authoring.asset_outlets import take_metadata
from sailplane.authoring.calling import keywords_for
from sailplane.authoring.exceptions import AirflowException
from sailplane.authoring.operator import BaseOperator
from sailplane.authoring.taskflow import DecoratedOperator

LONGEST_VALUE_IN_LOG = 2000
"""Characters of a return value that the log shows."""


class PythonOperator(BaseOperator):
    """Calls `python_callable`; what it returns is the task's XCom.

    The function gets `op_args` and `op_kwargs` (both templated), and of the context whatever its parameters name; with
    `**kwargs`, the whole context. `templates_dict` reaches it as the context's `templates_dict`, rendered.
    """

    template_fields: Sequence[str] = ("templates_dict", "op_args", "op_kwargs")
    template_fields_renderers: ClassVar[Mapping[str, str]] = {
        "templates_dict": "json",
        "op_args": "py",
        "op_kwargs": "py",
    }
    ui_color = "#ffefeb"

    def __init__(
        self,
        *,
        python_callable: Callable[..., Any],
        op_args: Sequence[Any] | None = None,
        op_kwargs: Mapping[str, Any] | None = None,
        templates_dict: Mapping[str, Any] | None = None,
        templates_exts: Sequence[str] | None = None,
        show_return_value_in_logs: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if not callable(python_callable):
            raise AirflowException(
                f"task {self.task_id!r}: python_callable must be a function, not {python_callable!r}"
            )
        self.python_callable = python_callable
        self.op_args: Sequence[Any] = op_args or ()
        self.op_kwargs: Mapping[str, Any] = op_kwargs or {}
        self.templates_dict = templates_dict
        if templates_exts:
            self.template_ext = templates_exts
        self.show_return_value_in_logs = show_return_value_in_logs

    def execute(self, context: Mapping[str, Any]) -> Any:
        value = self.call(context)
        if self.show_return_value_in_logs:
            # An empty log costs nothing: a task that returns nothing and prints nothing has none.
            if value is not None:
                self.log.info("Done. Returned value was: %s", _shortened(value))
        else:
            self.log.info("Done. Returned value not shown")
        return value

    def call(self, context: Mapping[str, Any]) -> Any:
        """What the function returns; of a coroutine function, what it returns once awaited."""
        offered = {**context, "templates_dict": self.templates_dict}
        keywords = keywords_for(self.python_callable, self.op_args, self.op_kwargs, offered)
        value = self.python_callable(*self.op_args, **keywords)
        if inspect.isgenerator(value) and inspect.isgeneratorfunction(self.python_callable):
            return take_metadata(value, context["outlet_events"], self.log)
        if not inspect.iscoroutine(value):
            return value
        import asyncio  # Late: few tasks need it, and it takes longer to import than all of this.

        return asyncio.run(value)


def _shortened(value: Any) -> str:
    text = str(value)
    return text if len(text) <= LONGEST_VALUE_IN_LOG else f"{text[:LONGEST_VALUE_IN_LOG]}... ({len(text)} characters)"


class PythonDecoratedOperator(DecoratedOperator, PythonOperator):
    """A `@task`."""

    template_fields: Sequence[str] = ("templates_dict", "op_args", "op_kwargs")
    custom_operator_name = "@task"

    def __init__(
        self,
        *,
        python_callable: Callable[..., Any],
        op_args: Sequence[Any] = (),
        op_kwargs: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            python_callable=python_callable,
            op_args=op_args,
            op_kwargs=op_kwargs,
            upstream_arguments={"python_callable": python_callable},
            **kwargs,
        )
