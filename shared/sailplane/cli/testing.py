"""`sailplane dags test`."""

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import typer

from sailplane.cli import rows
from sailplane.cli.output import Format
from sailplane.cli.session import Session
from sailplane.model.runs import TaskInstance
from sailplane.model.states import RunState

if TYPE_CHECKING:
    from sailplane.standalone.trial import Trial


def run_test(session: Session, trial: "Trial", form: Format) -> None:
    """Run it, its logs on standard error, and print how it went. Raises `typer.Exit` 1 when the run failed."""
    from sailplane.api.logs import log_line
    from sailplane.standalone.trial import run_trial
    from sailplane.testing.questions import at_terminal

    def tell(instance: TaskInstance, number: int, line: Mapping[str, Any]) -> None:
        again = f" try {number}" if number > 1 else ""
        session.output.note(f"[{instance.key}{again}] {log_line(line)}")

    ask = at_terminal(input) if sys.stdin is not None and sys.stdin.isatty() else None
    result = run_trial(trial, session.environment, say=session.output.note, tell=tell, ask=ask)
    instances = rows.instance_rows(result.instances, result.dag)
    if form is Format.TABLE:
        session.output.rows(instances, rows.INSTANCE_COLUMNS, form)
        session.output.line(f"\n{trial.dag_id} {result.run.context.run_id}: {result.run.state}")
    else:
        session.output.document({**rows.run_row(result.run), "task_instances": instances}, form)
    if result.run.state is not RunState.SUCCESS:
        raise typer.Exit(1)
