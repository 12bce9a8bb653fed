"""`ResumableJobMixin` does what Airflow's did for each state of an earlier job (`tests/oracle/resumable_jobs.json`)."""

import json
from pathlib import Path
from typing import Any

from record_resumable_jobs import play, situations

from sailplane import BaseOperator, ResumableJobMixin

ORACLE = Path(__file__).parents[2] / "oracle"
NOTE = "remote_job_id.ended"
"""What is noted here, so that a task that was cleared submits a new job: Airflow's returns the old one's result."""
ROWS: list[dict[str, Any]] = json.loads((ORACLE / "resumable_jobs.json").read_text())["rows"]


def reconnects(row: dict[str, Any]) -> bool:
    """Whether the try waits for the job of an earlier one."""
    return row["durable"] and bool(row["stored"]) and row["status"] == "RUNNING"


def expected(row: dict[str, Any]) -> dict[str, Any]:
    """What Airflow did; but here a try that waited for an earlier job returns that job's result, as any other try."""
    calls, result = row["calls"], row["result"]
    if reconnects(row):
        assert result is None
        calls, result = [*calls, ["result", row["stored"]]], f"result of {row['stored']}"
    return {"calls": calls, "result": result}


def test_each_situation_goes_as_in_airflow() -> None:
    assert len(ROWS) == len(situations())
    for row in ROWS:
        ours = play(ResumableJobMixin, BaseOperator, row)
        ours["calls"] = [call for call in ours["calls"] if call[1:2] != [NOTE]]
        assert json.loads(json.dumps(ours)) == expected(row), row


def test_the_difference_is_on_the_page() -> None:
    page = (ORACLE.parents[1] / "docs" / "airflow-differences.md").read_text()
    assert (
        "| a `ResumableJobMixin` that found its job under way | returns what `poll_until_complete` returned |" in page
    )
    assert any(map(reconnects, ROWS))
