"""The examples of `docs/deferring.md` do what stands below them."""

import re
from pathlib import Path

import pytest
from authored_bundle import Bundle

from sailplane.testing.harness import DagHarness

PAGE = (Path(__file__).parents[3] / "docs" / "deferring.md").read_text()
EXAMPLES = re.findall(r"```python\n(.*?)```\n```text\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize(("code", "ends"), EXAMPLES, ids=[re.findall(r'DAG\("(\w+)"', code)[0] for code, _ in EXAMPLES])
def test_an_example_ends_as_the_page_says(bundle: Bundle, code: str, ends: str) -> None:
    run = DagHarness(bundle.one(code)).run()
    told = [f"{task}: {state}" for task, state in run.states.items()]
    assert sorted([*told, f"run: {run.state}"]) == sorted(ends.splitlines()), run.book.lines


def test_every_example_says_how_it_ends() -> None:
    assert len(EXAMPLES) == PAGE.count("```python") == 3
