"""The examples of `docs/mapping.md` do what stands below them."""

import re
from pathlib import Path

import pytest
from authored_bundle import Bundle
from run_in_memory import MemoryRun, run_in_memory

PAGE = (Path(__file__).parents[3] / "docs" / "mapping.md").read_text()
EXAMPLES = re.findall(r"```python\n(.*?)```\n```text\n(.*?)```", PAGE, re.DOTALL)


def told(run: MemoryRun) -> list[str]:
    """Each task instance with its name, and what it returned or else its state."""
    lines = []
    for key, state in run.states.items():
        name = f" ({run.map_names[key]})" if key in run.map_names else ""
        lines.append(f"{key}{name}: {run.values.get(key, state)}")
    return lines


@pytest.mark.parametrize(("code", "ends"), EXAMPLES, ids=[re.findall(r'DAG\("(\w+)"', code)[0] for code, _ in EXAMPLES])
def test_an_example_ends_as_the_page_says(bundle: Bundle, code: str, ends: str) -> None:
    run = run_in_memory(bundle.one(code))
    assert sorted(told(run)) == sorted(ends.splitlines())
    assert run.run == "success"


def test_every_example_says_how_it_ends() -> None:
    assert len(EXAMPLES) == PAGE.count("```python") == 6
