"""The examples of the pages on authoring do what stands below them."""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from authored_bundle import Bundle

from sailplane.authoring.dag import DAG
from sailplane.authoring.run_planning import plan
from sailplane.authoring.serialization import serialize
from sailplane.model.planning import AboutSchedule
from sailplane.testing.harness import DagHarness

DOCS = Path(__file__).parents[3] / "docs"
PAGES = ("callbacks", "dags", "params", "schedules", "taskflow", "templates", "xcoms")
BLOCK = re.compile(r"```python\n(.*?)```(?:\n```text\n(.*?)```)?", re.DOTALL)
EXAMPLES = [(page, *found) for page in PAGES for found in BLOCK.findall((DOCS / f"{page}.md").read_text())]
NOON = datetime(2026, 3, 6, 12, tzinfo=UTC)


def name(example: tuple[str, str, str]) -> str:
    page, code, _ = example
    (first, *_) = re.findall(r'DAG\(\s*"(\w+)"|def (\w+)\(height', code) or [("files", "")]
    return f"{page}-{first[0] or first[1]}"


@pytest.mark.parametrize("example", EXAMPLES, ids=name)
def test_an_example_ends_as_its_page_says(bundle: Bundle, example: tuple[str, str, str]) -> None:
    _, code, ends = example
    dags = bundle.load(code)
    for dag in dags.values():
        serialize(dag, "flow.py")
    if ends:
        assert sorted(told(next(iter(dags.values())), ends)) == sorted(ends.splitlines())


def told(dag: DAG, ends: str) -> list[str]:
    """What the page should say: without the results that it does not show."""
    run = DagHarness(dag).run(logical_date="2026-03-01")
    lines = [f"run: {run.state}"]
    for task_id, state in run.states.items():
        shown = re.search(rf"^{re.escape(task_id)}: \w+ -> ", ends, re.MULTILINE)
        lines.append(f"{task_id}: {state}{f' -> {shown_value(run.xcom(task_id))}' if shown else ''}")
    if "planned: " in ends:
        starts = [f"{each.start:%Y-%m-%d}" for each in plan(dag, AboutSchedule(now=NOON)).runs]
        lines.append(f"planned: {', '.join(starts)}")
    return lines


def shown_value(value: Any) -> str:
    return repr(value)


@pytest.mark.parametrize("page", PAGES)
def test_every_page_has_examples_that_run(page: str) -> None:
    assert [ends for of, _, ends in EXAMPLES if of == page and ends]


def test_what_cannot_be_stored_is_told_as_the_page_says(bundle: Bundle) -> None:
    text = (DOCS / "xcoms.md").read_text()
    (said,) = re.findall(r"`lose` ends with `(.*?)`\.", text)
    (code,) = [code for page, code, _ in EXAMPLES if page == "xcoms" and "def lose" in code]
    outcome = bundle.run(bundle.one(code), "lose")
    assert outcome.error is not None
    assert outcome.error.message.startswith(said)


def test_what_does_not_fit_a_param_is_told_as_the_page_says(bundle: Bundle) -> None:
    text = (DOCS / "params.md").read_text()
    (said,) = re.findall(r"written:\n`(.*?)`\.", text)
    (code,) = [code for page, code, _ in EXAMPLES if page == "params" and '"pilots"' in code]
    with pytest.raises(Exception, match=re.escape(said)):
        DagHarness(bundle.one(code)).run(conf={"pilots": 9})
