"""Results on standard output as a table, JSON or YAML; everything else on standard error."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Any, TextIO

from sailplane.cost.money import Dollars
from sailplane.model.states import TaskState

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

Row = Mapping[str, Any]
_WIDE = 10_000
"""Columns of a table that no terminal shows: nothing is cut."""


class Format(StrEnum):
    TABLE = "table"
    JSON = "json"
    YAML = "yaml"


STYLES: Mapping[str, str] = {
    TaskState.SUCCESS: "green",
    TaskState.FAILED: "red",
    TaskState.UPSTREAM_FAILED: "dark_orange",
    TaskState.RUNNING: "cyan",
    TaskState.QUEUED: "bright_black",
    TaskState.SKIPPED: "magenta",
    TaskState.UP_FOR_RETRY: "yellow",
    TaskState.UP_FOR_RESCHEDULE: "yellow",
    TaskState.AWAITING_INPUT: "dark_orange",
}


@dataclass(kw_only=True)
class Output:
    """The two streams of one invocation."""

    stdout: TextIO
    stderr: TextIO

    @cached_property
    def console(self) -> "Console":
        from rich.console import Console

        return Console(file=self.stdout, width=None if self.stdout.isatty() else _WIDE, highlight=False)

    def rows(self, rows: Iterable[Row], columns: Sequence[str], form: Format) -> None:
        """Print a list: `columns` say what a table shows, the other forms show all."""
        listed = list(rows)
        if form is Format.TABLE:
            self.console.print(make_table(listed, columns))
        else:
            self.document(listed, form)

    def record(self, row: Row, form: Format) -> None:
        """Print one thing."""
        if form is Format.TABLE:
            self.console.print(make_table([{"field": key, "value": row[key]} for key in row], ("field", "value")))
        else:
            self.document(row, form)

    def document(self, value: Any, form: Format) -> None:
        if form is Format.YAML:
            import yaml

            self.stdout.write(yaml.safe_dump(plain(value), sort_keys=False, allow_unicode=True))
        else:
            self.stdout.write(json.dumps(plain(value), indent=2, ensure_ascii=False) + "\n")
        self.stdout.flush()

    def line(self, text: str) -> None:
        if self.stdout.isatty():  # So that a live table makes room for it.
            self.console.print(text, markup=False, soft_wrap=True)
            return
        self.stdout.write(f"{text}\n")
        self.stdout.flush()

    def note(self, text: str) -> None:
        """Tell the user something that is not the result."""
        self.stderr.write(f"{text}\n")
        self.stderr.flush()


def plain(value: Any) -> Any:
    """`value` in JSON's types: instants as ISO text, durations in seconds."""
    match value:
        case Dollars():
            return float(value)
        case datetime():
            return value.isoformat()
        case timedelta():
            return value.total_seconds()
        case StrEnum():
            return value.value
        case Mapping():
            return {str(key): plain(item) for key, item in value.items()}
        case list() | tuple():
            return [plain(item) for item in value]
        case str() | int() | float() | None:
            return value
        case _:
            return str(value)


def make_table(rows: Iterable[Row], columns: Sequence[str]) -> "Table":
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for column in columns:
        table.add_column(column.replace("_", " "), overflow="fold")
    for row in rows:
        table.add_row(*(cell(row.get(column)) for column in columns))
    return table


def cell(value: Any) -> "Text":
    """A value as a table shows it; a state in its colour."""
    from rich.text import Text

    return Text(cell_text(value), style=STYLES.get(value, "") if isinstance(value, str) else "")


def cell_text(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case datetime():
            return f"{value:%Y-%m-%d %H:%M:%S}"
        case Dollars():
            return str(value)
        case float():
            return f"{value:.2f}"
        case list() | tuple():
            return ", ".join(map(cell_text, value))
        case Mapping():
            return json.dumps(plain(value), ensure_ascii=False) if value else ""
        case _:
            return str(value)
