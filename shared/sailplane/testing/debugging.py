"""`dag.test()`: one run of a DAG in this process, its logs on the terminal, breakpoints possible anywhere."""

import logging
import os
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sailplane.authoring.arguments import is_arg_set
from sailplane.authoring.dag import DAG
from sailplane.engine.value_files import connection_of, read_file, variable_of
from sailplane.testing.given import Given, moment
from sailplane.testing.harness import DagHarness, finished
from sailplane.testing.logbook import LogBook
from sailplane.testing.questions import at_terminal
from sailplane.testing.run import FinishedRun

_log = logging.getLogger("sailplane.test")


def test(
    dag: DAG,
    *,
    run_after: datetime | None,
    logical_date: Any,
    run_conf: Mapping[str, Any] | None,
    conn_file_path: str | os.PathLike[str] | None,
    variable_file_path: str | os.PathLike[str] | None,
    use_executor: bool,
    mark_success_pattern: re.Pattern[str] | str | None,
) -> FinishedRun:
    """Run `dag` with Airflow's arguments; see `DAG.test`."""
    given = Given(
        variables=_variables(variable_file_path),
        connections=_connections(conn_file_path),
        conf=dict(run_conf or {}),
        logical_date=moment(logical_date) if is_arg_set(logical_date) else datetime.now(UTC),
        run_after=moment(run_after),
        mark_success=re.compile(mark_success_pattern) if mark_success_pattern is not None else None,
        environment=os.environ,
    )
    with _logs_on_the_terminal():
        if use_executor:
            _log.warning("use_executor has no effect: `sailplane dags test` runs each task in a process of its own")
        loop = DagHarness(dag).loop(given, LogBook(keeps_output=False), waits_for_sensors=True)
        if sys.stdin is not None and sys.stdin.isatty():
            loop.ask = at_terminal(input)
        loop.run()
        done = finished(loop)
        _log.info("%s", done.describe())
    return done


def _variables(path: str | os.PathLike[str] | None) -> dict[str, str]:
    found = read_file(Path(path)) if path is not None else {}
    return {key: variable_of(key, value).value for key, value in found.items()}


def _connections(path: str | os.PathLike[str] | None) -> dict[str, str]:
    found = read_file(Path(path)) if path is not None else {}
    return {conn_id: connection_of(conn_id, value, str(path)).as_json() for conn_id, value in found.items()}


@contextmanager
def _logs_on_the_terminal() -> Iterator[None]:
    """Show what is logged, unless the program has seen to that itself."""
    root = logging.getLogger()
    if root.handlers:
        yield
        return
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("[%(asctime)s] %(levelname)s - %(message)s"))
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    try:
        yield
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
