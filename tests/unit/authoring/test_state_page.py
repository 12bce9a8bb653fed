"""The examples of `docs/state-and-caching.md` return what stands below them."""

import json
import re
from pathlib import Path

import pytest
from authored_bundle import Bundle
from run_in_memory import run_in_memory

PAGE = (Path(__file__).parents[3] / "docs" / "state-and-caching.md").read_text()
EXAMPLES = re.findall(r"```python\n(.*?)```\n```text\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize(("code", "told"), EXAMPLES, ids=[re.findall(r'DAG\("(\w+)"', code)[0] for code, _ in EXAMPLES])
def test_an_example_returns_what_the_page_says(bundle: Bundle, code: str, told: str) -> None:
    run = run_in_memory(bundle.one(code))
    returned = dict(line.split(": ", 1) for line in told.splitlines())
    assert run.values == {task: json.loads(value) for task, value in returned.items()}, run.errors()


def test_every_example_says_what_it_returns() -> None:
    assert len(EXAMPLES) == PAGE.count("```python") == 4
