"""The examples of `docs/control-flow.md` do what stands below them."""

import re
from pathlib import Path

import pytest
from authored_bundle import Bundle
from run_in_memory import run_in_memory

PAGE = (Path(__file__).parents[3] / "docs" / "control-flow.md").read_text()
EXAMPLES = re.findall(r"```python\n(.*?)```\n```text\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize(("code", "ends"), EXAMPLES, ids=[re.findall(r'DAG\("(\w+)"', code)[0] for code, _ in EXAMPLES])
def test_an_example_ends_as_the_page_says(bundle: Bundle, code: str, ends: str) -> None:
    run = run_in_memory(bundle.one(code))
    told = [f"{task}: {state}" for task, state in run.states.items()]
    assert sorted([*told, f"run: {run.run}"]) == sorted(ends.splitlines())


def test_every_example_says_how_it_ends() -> None:
    assert len(EXAMPLES) == PAGE.count("```python") == 5
