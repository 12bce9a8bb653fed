"""What docs/migrating.md shows is what happens."""

import io
import re
from pathlib import Path

from sailplane.authoring.loading import load_file
from sailplane.cli.main import run
from sailplane.cli.output import Output
from sailplane.cli.session import Session

PAGE = (Path(__file__).parents[3] / "docs" / "migrating.md").read_text()
BEFORE, AFTER = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
(SHOWN,) = re.findall(r"```text\n(.*?)```", PAGE, re.DOTALL)


def told(folder: Path, text: str) -> tuple[int, list[str]]:
    """Exit code and lines of the check of one file, blanks as the page has them."""
    (folder / "report.py").write_text(text)
    out = io.StringIO()
    session = Session(environment={}, output=Output(stdout=out, stderr=out))
    code = run(["migrate", "check", str(folder)], session)
    return code, [" ".join(line.split()) for line in out.getvalue().splitlines() if not line.startswith("──")]


def test_the_check_tells_what_the_page_shows(tmp_path: Path) -> None:
    code, lines = told(tmp_path, BEFORE)
    assert lines == [" ".join(line.split()) for line in SHOWN.splitlines()]
    assert code == 1


def test_the_changed_file_is_read_and_nothing_is_missing(tmp_path: Path) -> None:
    code, lines = told(tmp_path, AFTER)
    assert code == 0, lines
    (dag,) = load_file(tmp_path, "report.py").values()
    assert set(dag.task_ids) == {"fetch", "copy"}


def test_the_page_of_airflows_examples_tells_of_no_dag_that_ends_otherwise() -> None:
    page = (Path(__file__).parents[3] / "docs" / "airflow-examples.md").read_text()
    assert "other end" not in page
    assert page.count("| same end: ") >= 45
