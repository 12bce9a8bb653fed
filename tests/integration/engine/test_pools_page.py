"""The examples of `docs/pools.md`: their tasks run in the order that stands below them."""

import re
from pathlib import Path

import pytest
from engine_stage import Stage

from sailplane.authoring.loading import parse_bundle
from sailplane.engine import pools, runs
from sailplane.model.ids import TaskKey
from sailplane.model.pools import Pool, parse_rate
from sailplane.model.states import RunState

PAGE = (Path(__file__).parents[3] / "docs" / "pools.md").read_text()
EXAMPLES = re.findall(r"```python\n(.*?)```\n```text\n(.*?)```", PAGE, re.DOTALL)
SETTING = re.compile(r'^sailplane pools set (\S+) (-?\d+) "([^"]*)"(?: --rate (\S+))?$', re.MULTILINE)


@pytest.mark.parametrize(
    ("code", "order"), EXAMPLES, ids=[re.findall(r'DAG\("(\w+)"', code)[0] for code, _ in EXAMPLES]
)
def test_the_tasks_of_an_example_run_in_the_order_that_the_page_gives(
    stage: Stage, tmp_path: Path, code: str, order: str
) -> None:
    for name, slots, description, rate in SETTING.findall(PAGE):
        pools.put(stage.cloud, Pool(name=name, slots=int(slots), description=description, rate=rate), stage.clock)
    folder = tmp_path / "dags"
    folder.mkdir()
    (folder / "example.py").write_text(code)
    (dag,) = parse_bundle(folder).dags
    assert stage.push(dag).warnings == ()
    key = runs.trigger(stage.cloud, dag.dag_id, now=stage.clock()).key
    stage.deliver_all()
    assert stage.run(key).state is RunState.SUCCESS
    assert [str(TaskKey(job.task_id, job.map_index)) for job in stage.runner.jobs] == order.split()


def test_the_page_has_what_is_tested_here() -> None:
    assert len(EXAMPLES) == PAGE.count("```python") == 3
    assert len(SETTING.findall(PAGE)) == PAGE.count("sailplane pools set") == 2


@pytest.mark.parametrize("text", re.findall(r"`(\d+/\d*[smhd])`", PAGE))
def test_the_rates_of_the_page_are_rates(text: str) -> None:
    assert parse_rate(text).count > 0
