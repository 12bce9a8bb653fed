"""`sailplane migrate check`: what of a folder of Airflow's DAG files runs here."""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sailplane.cli.output import Format
from sailplane.cli.session import FormatOption, session_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sailplane.compat.migration.findings import Finding

app = typer.Typer(name="migrate", no_args_is_help=True, help="Bring DAG files of Airflow's here.")
_COLUMNS = ("file", "line", "verdict", "name", "advice")


@app.callback()
def migrate() -> None:
    """Bring DAG files of Airflow's here."""


@app.command()
def check(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(help="A folder of DAG files, or one file.", exists=True)],
    form: FormatOption = Format.TABLE,
) -> None:
    """Say what of a folder of Airflow's DAG files runs as it is, what differs, and what is missing.

    The files are read, not imported. The exit code is 1 when something is missing.
    """
    from sailplane.compat.migration.findings import Verdict
    from sailplane.compat.migration.folder import check as check_folder

    output = session_of(context).output
    findings = check_folder(folder)
    output.rows([_row(finding) for finding in findings], _COLUMNS, form)
    output.note(_summary(findings))
    if any(finding.verdict is Verdict.MISSING for finding in findings):
        raise typer.Exit(1)


def _row(finding: "Finding") -> dict[str, Any]:
    return {
        "file": finding.file,
        "line": finding.line or None,
        "verdict": finding.verdict,
        "name": finding.name,
        "advice": finding.advice,
    }


def _summary(findings: "Sequence[Finding]") -> str:
    """How many files fare how, by the worst that each has."""
    from sailplane.compat.migration.findings import Verdict

    order = list(Verdict)
    worst: dict[str, Verdict] = {}
    for finding in findings:
        worst[finding.file] = max(worst.get(finding.file, Verdict.RUNS), finding.verdict, key=order.index)
    counts = Counter(worst.values())
    listed = ", ".join(f"{counts[verdict]} {verdict.value}" for verdict in order)
    return f"{len(worst)} files: {listed}. What differs for every DAG: docs/airflow-differences.md"
