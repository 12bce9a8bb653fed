"""Tasks that hold a table's content against what it should be."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

from sailplane.authoring.exceptions import AirflowException, AirflowFailException
from sailplane.operators.sql import BaseSQLOperator

_STATEMENTS: Mapping[str, str] = {
    "null_check": "SUM(CASE WHEN {column} IS NULL THEN 1 ELSE 0 END)",
    "distinct_check": "COUNT(DISTINCT({column}))",
    "unique_check": "COUNT({column}) - COUNT(DISTINCT({column}))",
    "min": "MIN({column})",
    "max": "MAX({column})",
}
"""What can be asked of a column."""
_LOWER, _UPPER = ("geq_to", "greater_than"), ("leq_to", "less_than")
_BOUNDS = ("equal_to", *_LOWER, *_UPPER)
_FALSE = ("0", "n", "no", "f", "false", "off")


class SQLThresholdCheckOperator(BaseSQLOperator):
    """Fails unless the first value that `sql` gives lies between the thresholds: numbers, or SQL that gives one."""

    template_fields: Sequence[str] = ("sql", "min_threshold", "max_threshold", "conn_id", "database", "hook_params")
    template_ext: Sequence[str] = (".hql", ".sql")
    template_fields_renderers: ClassVar[Mapping[str, str]] = {"sql": "sql"}

    def __init__(self, *, sql: str, min_threshold: Any, max_threshold: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.sql, self.min_threshold, self.max_threshold = sql, min_threshold, max_threshold

    def execute(self, context: Mapping[str, Any]) -> None:
        found = self._first(self.sql)
        lowest, highest = self._bound(self.min_threshold), self._bound(self.max_threshold)
        if found is None or not lowest <= found <= highest:
            self.fail_check(f"failed: {found} is not between {lowest} and {highest}: {self.sql}")

    def _bound(self, threshold: Any) -> Any:
        try:
            return float(threshold)
        except (TypeError, ValueError):
            return self._first(threshold)

    def _first(self, sql: str) -> Any:
        row = self.get_db_hook().get_first(sql)
        if row is None:
            self.fail_check(f"gave no row: {sql}")
        return next(iter(row))


class SQLIntervalCheckOperator(BaseSQLOperator):
    """Fails when a metric of the run's day is too far from that of `days_back` days before.

    `metrics_thresholds` are SQL expressions and the ratio that each must stay below; `ratio_formula` is `max_over_min`
    or `relative_diff`. Metrics that are 0 on one of the days are passed over with `ignore_zero`.
    """

    template_fields: Sequence[str] = ("sql1", "sql2", "conn_id", "database", "hook_params")
    template_ext: Sequence[str] = (".hql", ".sql")
    template_fields_renderers: ClassVar[Mapping[str, str]] = {"sql1": "sql", "sql2": "sql"}
    ui_color = "#fff7e6"
    ratio_formulas: ClassVar[Mapping[str, Callable[[Any, Any], Any]]] = {
        "max_over_min": lambda now, then: max(now, then) / min(now, then),
        "relative_diff": lambda now, then: abs(now - then) / then,
    }

    def __init__(
        self,
        *,
        table: str,
        metrics_thresholds: Mapping[str, float],
        date_filter_column: str | None = "ds",
        days_back: int = -7,
        ratio_formula: str = "max_over_min",
        ignore_zero: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if ratio_formula not in self.ratio_formulas:
            known = ", ".join(self.ratio_formulas)
            raise AirflowFailException(f"task {self.task_id!r}: ratio_formula is {ratio_formula!r}; it may be {known}")
        self.table, self.metrics_thresholds = table, dict(sorted(metrics_thresholds.items()))
        self.ratio_formula, self.ignore_zero, self.days_back = ratio_formula, ignore_zero, -abs(days_back)
        select = f"SELECT {', '.join(self.metrics_thresholds)} FROM {table} WHERE {date_filter_column}="
        self.sql1 = f"{select}'{{{{ ds }}}}'"
        self.sql2 = f"{select}'{{{{ macros.ds_add(ds, {self.days_back}) }}}}'"

    def execute(self, context: Mapping[str, Any]) -> None:
        now, then = self._metrics(self.sql1), self._metrics(self.sql2)
        wrong = [
            f"{metric} was {then[metric]} and is {now[metric]}, which is not below the ratio {threshold}"
            for metric, threshold in self.metrics_thresholds.items()
            if not self._is_near(now[metric], then[metric], threshold)
        ]
        if wrong:
            self.fail_check(f"failed: {'; '.join(wrong)}")

    def _metrics(self, sql: str) -> dict[str, Any]:
        row = self.get_db_hook().get_first(sql)
        if row is None:
            self.fail_check(f"gave no row: {sql}")
        return dict(zip(self.metrics_thresholds, row, strict=True))

    def _is_near(self, now: Any, then: Any, threshold: float) -> bool:
        if not now or not then:
            return self.ignore_zero
        return bool(self.ratio_formulas[self.ratio_formula](now, then) < threshold)


class _TableChecks(BaseSQLOperator):
    """Checks that are asked for in one statement."""

    template_fields: Sequence[str] = ("table", "partition_clause", "conn_id", "database", "hook_params")

    def __init__(self, *, table: str, partition_clause: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.table, self.partition_clause = table, partition_clause

    def select(self, columns: str, check: Mapping[str, Any]) -> str:
        clauses = [clause for clause in (self.partition_clause, check.get("partition_clause")) if clause]
        where = f" WHERE {' AND '.join(clauses)}" if clauses else ""
        return f"SELECT {columns} FROM {self.table}{where}"

    def ask(self, selects: Iterable[str]) -> list[Any]:
        return self.get_db_hook().get_records(" UNION ALL ".join(selects))


class SQLColumnCheckOperator(_TableChecks):
    """Fails unless each column is as `column_mapping` says.

    `{"km": {"min": {"geq_to": 0}, "null_check": {"equal_to": 0, "partition_clause": "landed"}}}`: of a column may be
    asked `null_check`, `distinct_check`, `unique_check`, `min` and `max`, held against `equal_to`, `greater_than`,
    `geq_to`, `less_than` and `leq_to`, give or take `tolerance`. With `accept_none` NULL counts as 0.
    """

    def __init__(
        self,
        *,
        table: str,
        column_mapping: Mapping[str, Mapping[str, Mapping[str, Any]]],
        accept_none: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(table=table, **kwargs)
        self.column_mapping, self.accept_none = column_mapping, accept_none
        for column, kind, check in self._checks():
            _refuse_senseless(f"task {self.task_id!r}: the check {kind} of the column {column}", kind, check)

    def execute(self, context: Mapping[str, Any]) -> None:
        selects = [
            self.select(f"'{column}' AS c, '{kind}' AS k, {_STATEMENTS[kind].format(column=column)} AS r", check)
            for column, kind, check in self._checks()
        ]
        found = {(column, kind): result for column, kind, result in self.ask(selects)}
        wrong = [
            f"{kind} of {column} is {found.get((column, kind))}, and must be {_words(check)}"
            for column, kind, check in self._checks()
            if not self._is_met(check, found.get((column, kind)))
        ]
        if wrong:
            self.fail_check(f"failed: {'; '.join(wrong)}")

    def _checks(self) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
        for column, checks in self.column_mapping.items():
            for kind, check in checks.items():
                yield column, kind, check

    def _is_met(self, check: Mapping[str, Any], found: Any) -> bool:
        if found is None:
            if not self.accept_none:
                return False
            found = 0
        leeway = {name: abs(check[name]) * check.get("tolerance", 0) for name in _BOUNDS if name in check}
        comparisons = {
            "equal_to": lambda bound, free: bound - free <= found <= bound + free if free else found == bound,
            "geq_to": lambda bound, free: found >= bound - free,
            "greater_than": lambda bound, free: found > bound - free,
            "leq_to": lambda bound, free: found <= bound + free,
            "less_than": lambda bound, free: found < bound + free,
        }
        return all(comparisons[name](check[name], free) for name, free in leeway.items())


class SQLTableCheckOperator(_TableChecks):
    """Fails unless each check is true, of all rows: `{"far": {"check_statement": "MIN(km) > 0"}}`.

    Without rows it fails too, unless `accept_none`.
    """

    def __init__(
        self, *, table: str, checks: Mapping[str, Mapping[str, Any]], accept_none: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(table=table, **kwargs)
        self.checks, self.accept_none = checks, accept_none

    def execute(self, context: Mapping[str, Any]) -> None:
        rows = self.ask(
            f"SELECT '{name}' AS n, MIN(r) AS r FROM ({self.select(_truth(check), check)}) AS s"
            for name, check in self.checks.items()
        )
        found = {name: result for name, result in rows if result is not None or not self.accept_none}
        wrong = [name for name, result in found.items() if result is None or str(result).lower() in _FALSE]
        if wrong:
            told = ", ".join(f"{name} ({self.checks[name]['check_statement']})" for name in wrong)
            self.fail_check(f"failed: not true of the table {self.table}: {told}")


def _truth(check: Mapping[str, Any]) -> str:
    return f"CASE WHEN {check['check_statement']} THEN 1 ELSE 0 END AS r"


def _words(check: Mapping[str, Any]) -> str:
    bounds = " and ".join(f"{name} {check[name]}" for name in _BOUNDS if name in check)
    return f"{bounds}, give or take {check['tolerance']:.1%}" if check.get("tolerance") else bounds


def _refuse_senseless(where: str, kind: str, check: Mapping[str, Any]) -> None:
    if kind not in _STATEMENTS:
        raise AirflowException(f"{where} is none; there are {', '.join(_STATEMENTS)}")
    given = [name for name in _BOUNDS if name in check]
    lower, upper = ([name for name in names if name in check] for names in (_LOWER, _UPPER))
    if not given:
        raise ValueError(f"{where} needs one of {', '.join(_BOUNDS)}")
    if "equal_to" in given and len(given) > 1:
        raise ValueError(f"{where} has equal_to and {given[1]}: one of them is enough")
    for both in (lower, upper):
        if len(both) > 1:
            raise ValueError(f"{where} has {both[0]} and {both[1]}: give one of them")
    if lower and upper:
        is_closed = lower == ["geq_to"] and upper == ["leq_to"]
        if check[lower[0]] > check[upper[0]] or (check[lower[0]] == check[upper[0]] and not is_closed):
            raise ValueError(f"{where} can never be met: {_words(check)}")
