"""The examples of `docs/deadlines.md` say what stands below them when they are late."""

import logging
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from authored_bundle import Bundle

from sailplane.authoring.serialization import serialize
from sailplane.model.deadlines import AboutDeadline, deadline_id
from sailplane.model.execution import OutcomeKind

PAGE = (Path(__file__).parents[3] / "docs" / "deadlines.md").read_text()
EXAMPLES = re.findall(r"```python\n(.*?)```\n```text\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize(
    ("code", "told"), EXAMPLES, ids=[re.findall(r'DAG\(\s*"(\w+)"', code)[0] for code, _ in EXAMPLES]
)
def test_an_example_says_what_the_page_shows(
    bundle: Bundle, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str], code: str, told: str
) -> None:
    caplog.set_level(logging.INFO)
    dag = bundle.one(code)
    for number in range(len(serialize(dag, "flow.py").deadlines)):
        about = AboutDeadline(number=number, is_missed=True, at=datetime(2026, 3, 1, tzinfo=UTC))
        outcome = bundle.run(dag, dag.task_ids[0], job_task_id=deadline_id(number), run_id="r1", about_deadline=about)
        assert outcome.kind is OutcomeKind.SUCCESS
    logged = [f"{record.levelname} {record.getMessage()}" for record in caplog.records]
    printed = [f"INFO {line}" for line in capsys.readouterr().out.splitlines()]
    assert [*logged, *printed] == told.splitlines()


def test_every_example_is_tested() -> None:
    assert len(EXAMPLES) == PAGE.count("```python") == 4
