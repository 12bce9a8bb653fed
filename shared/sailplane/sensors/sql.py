"""Sensors that ask a database."""

from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import Any, ClassVar

from sailplane.authoring.exceptions import AirflowException
from sailplane.hooks.sql import Parameters, database_hook
from sailplane.sensors.base import BaseSensorOperator

_NOT_YET = (0, "0", "", None)


class SqlSensor(BaseSensorOperator):
    """Waits until `sql` gives a row of which `selector`, the first value by default, is true.

    0, "0", the empty text and NULL are not. `success(value)` may judge otherwise, `failure(value)` fails the task, and
    with `fail_on_empty` so does a query without rows.
    """

    template_fields: Sequence[str] = ("sql", "parameters", "hook_params")
    template_ext: Sequence[str] = (".hql", ".sql")
    template_fields_renderers: ClassVar[Mapping[str, str]] = {"sql": "sql", "parameters": "json"}
    ui_color = "#7c7287"

    def __init__(
        self,
        *,
        conn_id: str,
        sql: str,
        parameters: Parameters = None,
        success: Callable[[Any], bool] | None = None,
        failure: Callable[[Any], bool] | None = None,
        selector: Callable[[Any], Any] = itemgetter(0),
        fail_on_empty: bool = False,
        hook_params: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.conn_id, self.sql, self.parameters = conn_id, sql, parameters
        self.success, self.failure, self.selector = success, failure, selector
        self.fail_on_empty = fail_on_empty
        self.hook_params = dict(hook_params or {})

    def poke(self, context: Mapping[str, Any]) -> bool:
        self.log.info("Poking: %s", self.sql)
        rows = database_hook(self.conn_id, self.hook_params).get_records(self.sql, self.parameters)
        if not rows:
            if self.fail_on_empty:
                raise AirflowException(f"the query of sensor {self.task_id!r} gave no row: {self.sql}")
            return False
        value = self.selector(rows[0])
        if self.failure is not None and self.failure(value):
            raise AirflowException(
                f"the query of sensor {self.task_id!r} gave {value!r}, which its failure says to fail for"
            )
        return bool(self.success(value)) if self.success is not None else value not in _NOT_YET
