"""The examples of `docs/human-steps.md` do what stands below them."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from authored_bundle import Bundle

from sailplane.testing.harness import DagHarness

PAGE = (Path(__file__).parents[3] / "docs" / "human-steps.md").read_text()
CODES = re.findall(r"```python\n((?:(?!```).)*?\bDAG\(.*?)```\n((?:```text\n.*?```\n)+)", PAGE, re.DOTALL)
EXAMPLES = [(code, ends) for code, blocks in CODES for ends in re.findall(r"```text\n(.*?)```", blocks, re.DOTALL)]


def named(value: Any) -> str | None:
    found = re.search(r'DAG\("(\w+)"', value) if isinstance(value, str) else None
    return found[1] if found else ""


@pytest.mark.parametrize(("code", "ends"), EXAMPLES, ids=named)
def test_an_example_ends_as_the_page_says(bundle: Bundle, code: str, ends: str) -> None:
    first, *told = ends.splitlines()
    run = DagHarness(bundle.one(code)).run(answers=json.loads(first.removeprefix("answers: ")))
    assert [*(f"{task}: {state}" for task, state in run.states.items()), f"run: {run.state}"] == told, run.describe()


def test_every_example_says_how_it_ends() -> None:
    tests = PAGE.count("```python\ndef test_")
    assert (len(CODES), len(EXAMPLES)) == (PAGE.count("```python") - tests, 8)
