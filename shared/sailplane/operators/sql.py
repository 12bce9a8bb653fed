"""Tasks that run SQL."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar, NoReturn

from sailplane.authoring.exceptions import AirflowException, AirflowFailException
from sailplane.authoring.operator import BaseOperator
from sailplane.hooks.sql import DbApiHook, Parameters, database_hook, fetch_all_handler
from sailplane.operators.branch import BranchMixIn

Handler = Callable[[Any], Any]


class BaseSQLOperator(BaseOperator):
    """An operator with a hook for the database of a Connection, whatever its type."""

    def __init__(
        self,
        *,
        conn_id: str | None = None,
        database: str | None = None,
        hook_params: Mapping[str, Any] | None = None,
        retry_on_failure: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if conn_id is None:
            raise TypeError(f"{type(self).__name__}(task_id={self.task_id!r}) needs the argument 'conn_id'")
        self.conn_id, self.database = conn_id, database
        self.hook_params = dict(hook_params or {})
        self.retry_on_failure = retry_on_failure

    def fail_check(self, reason: str) -> NoReturn:
        """The check `reason`, a verb first; it is tried again only with `retry_on_failure`."""
        error = AirflowException if self.retry_on_failure else AirflowFailException
        raise error(f"the check of task {self.task_id!r} {reason}")

    def get_db_hook(self) -> DbApiHook:
        database = {"database": self.database} if self.database else {}
        return database_hook(self.conn_id, {**self.hook_params, **database})


class SQLExecuteQueryOperator(BaseSQLOperator):
    """Runs `sql`, a text, the name of an `.sql` file, or a list; returns what `handler` makes of the cursor.

    By default that is all rows. `output_processor(results, descriptions)` changes what is returned.
    """

    template_fields: Sequence[str] = ("sql", "parameters", "conn_id", "database", "hook_params")
    template_ext: Sequence[str] = (".sql", ".json")
    template_fields_renderers: ClassVar[Mapping[str, str]] = {"sql": "sql", "parameters": "json"}
    ui_color = "#cdaaed"

    def __init__(
        self,
        *,
        sql: str | Sequence[str],
        autocommit: bool = False,
        parameters: Parameters = None,
        handler: Handler | None = fetch_all_handler,
        split_statements: bool = False,
        return_last: bool = True,
        output_processor: Callable[[list[Any], Sequence[Any]], list[Any]] | None = None,
        show_return_value_in_logs: bool = False,
        requires_result_fetch: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.sql, self.parameters = sql, parameters
        self.autocommit, self.handler = autocommit, handler
        self.split_statements, self.return_last = split_statements, return_last
        self.output_processor, self.requires_result_fetch = output_processor, requires_result_fetch
        self.show_return_value_in_logs = show_return_value_in_logs

    def execute(self, context: Mapping[str, Any]) -> Any:
        self.log.info("Executing: %s", self.sql)
        hook = self.get_db_hook()
        is_wanted = self.do_xcom_push or self.show_return_value_in_logs or self.requires_result_fetch
        result = hook.run(
            self.sql,
            autocommit=self.autocommit,
            parameters=self.parameters,
            handler=self.handler if is_wanted else None,
            split_statements=self.split_statements,
            return_last=self.return_last,
        )
        if self.show_return_value_in_logs:
            self.log.info("Returned: %s", result)
        return _storable(self._processed(result, hook.descriptions))

    def _processed(self, result: Any, descriptions: Sequence[Any]) -> Any:
        """What `output_processor(results, descriptions)` makes of the results: it gets a list, also of a single one."""
        if self.output_processor is None:
            return result
        is_one = self.return_last and (isinstance(self.sql, str) or len(descriptions) == 1)
        processed = self.output_processor([result] if is_one else result, descriptions)
        return processed[-1] if is_one else processed


class SQLCheckOperator(BaseSQLOperator):
    """Fails unless the first row that `sql` gives is there and has only true values."""

    template_fields: Sequence[str] = ("sql", "parameters", "conn_id", "database", "hook_params")
    template_ext: Sequence[str] = (".sql",)
    template_fields_renderers: ClassVar[Mapping[str, str]] = {"sql": "sql"}

    def __init__(self, *, sql: str, parameters: Parameters = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.sql, self.parameters = sql, parameters

    def execute(self, context: Mapping[str, Any]) -> None:
        self.judge(self.get_db_hook().get_first(self.sql, self.parameters))

    def judge(self, row: Any) -> None:
        """Raises `AirflowException` unless the check is passed."""
        if row is None:
            self.fail_check(f"gave no row: {self.sql}")
        if not all(_values(row)):
            self.fail_check(f"failed with {tuple(_values(row))}: {self.sql}")


class SQLValueCheckOperator(BaseSQLOperator):
    """Fails unless all values of the first row that `sql` gives are `pass_value`.

    Numbers may be off by `tolerance`, a share of `pass_value`: 0.1 allows ten percent.
    """

    template_fields: Sequence[str] = ("sql", "pass_value", "parameters", "conn_id", "database", "hook_params")
    template_ext: Sequence[str] = (".sql",)
    template_fields_renderers: ClassVar[Mapping[str, str]] = {"sql": "sql"}

    def __init__(
        self, *, sql: str, pass_value: Any, tolerance: Any = None, parameters: Parameters = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.sql, self.parameters = sql, parameters
        self.pass_value = str(pass_value)
        self.tolerance = _number(tolerance)

    def execute(self, context: Mapping[str, Any]) -> None:
        self.judge(self.get_db_hook().get_first(self.sql, self.parameters))

    def judge(self, row: Any) -> None:
        """Raises `AirflowException` unless the check is passed."""
        if row is None:
            self.fail_check(f"gave no row: {self.sql}")
        values = tuple(_values(row))
        if not all(self._is_near(value) for value in values):
            near = f", give or take {self.tolerance:.1%}" if self.tolerance else ""
            self.fail_check(f"gave {values} instead of {self.pass_value}{near}: {self.sql}")

    def _is_near(self, value: Any) -> bool:
        wanted = _number(self.pass_value)
        if wanted is None:
            return str(value) == self.pass_value
        found = _number(value)
        if found is None:
            self.fail_check(f"gave {value!r}, which is no number as {self.pass_value} is: {self.sql}")
        return abs(found - wanted) <= abs(wanted) * (self.tolerance or 0.0)


class BranchSQLOperator(BranchMixIn, BaseSQLOperator):
    """Goes on with `follow_task_ids_if_true` when the first value that `sql` gives is true; else with the others.

    A number is true unless it is 0; of texts, `true`, `t`, `yes`, `y`, `on` and `1` are, and their opposites are not.
    """

    template_fields: Sequence[str] = ("sql", "parameters", "conn_id", "database", "hook_params")
    template_ext: Sequence[str] = (".sql",)
    template_fields_renderers: ClassVar[Mapping[str, str]] = {"sql": "sql"}

    def __init__(
        self,
        *,
        sql: str,
        follow_task_ids_if_true: str | Sequence[str],
        follow_task_ids_if_false: str | Sequence[str],
        parameters: Parameters = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.sql, self.parameters = sql, parameters
        self.follow_task_ids_if_true = follow_task_ids_if_true
        self.follow_task_ids_if_false = follow_task_ids_if_false

    def execute(self, context: Mapping[str, Any]) -> Any:
        row = self.get_db_hook().get_first(self.sql, self.parameters)
        if row is None:
            raise AirflowException(f"the query of branch {self.task_id!r} gave no row: {self.sql}")
        is_true = self._truth(next(iter(_values(row))))
        return self.do_branch(context, self.follow_task_ids_if_true if is_true else self.follow_task_ids_if_false)

    def _truth(self, value: Any) -> bool:
        if not isinstance(value, str):
            return bool(value)
        word = value.strip().lower()
        if word not in (*_TRUE, *_FALSE):
            raise AirflowException(
                f"the query of branch {self.task_id!r} gave {value!r}, which is neither true nor false; it may give a "
                f"boolean, a number, or one of {', '.join((*_TRUE, *_FALSE))}"
            )
        return word in _TRUE


_TRUE = ("true", "t", "yes", "y", "on", "1")
_FALSE = ("false", "f", "no", "n", "off", "0")


def _number(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def _values(row: Any) -> Iterable[Any]:
    return row.values() if isinstance(row, Mapping) else row


def _storable(result: Any) -> Any:
    """Rows as tuples, whatever the driver's own kind of row is."""
    if isinstance(result, list):
        return [_storable(each) for each in result]
    return tuple(result) if isinstance(result, tuple) else result
