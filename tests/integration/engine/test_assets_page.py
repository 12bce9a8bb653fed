"""The examples of `docs/assets.md` do what stands below them."""

import re
from pathlib import Path

import pytest
from engine_flights import Flight
from engine_stage import Stage

from sailplane.authoring.loading import load_file
from sailplane.authoring.serialization import serialize
from sailplane.engine import runs
from sailplane.model import xcom
from sailplane.model.dags import ScheduleKind, SerializedDag

PAGE = (Path(__file__).parents[3] / "docs" / "assets.md").read_text()
EXAMPLES = re.findall(r"```python\n(.*?)```\n```text\n(.*?)```", PAGE, re.DOTALL)


def run_all(flight: Flight, dag: SerializedDag) -> None:
    """Run a DAG, and all that its assets start."""
    flight.stage.clock.turn(seconds=1)
    runs.trigger(flight.stage.cloud, dag.dag_id, now=flight.stage.clock())
    while taken := flight.stage.bus.take():
        for data in taken:
            flight.worker.handle(data)


def told(stage: Stage) -> list[str]:
    """Each task instance with what it returned, or else its state."""
    lines = []
    for run in stage.cloud.store.runs():
        for instance in stage.cloud.store.tasks(run.key):
            envelope = instance.xcoms.get("return_value")
            value = instance.state if envelope is None else xcom.loads(envelope)
            lines.append(f"{run.key.dag_id}.{instance.task_id}: {value}")
    return lines


@pytest.mark.parametrize(
    ("code", "ends"), EXAMPLES, ids=[f"example {number}" for number in range(1, len(EXAMPLES) + 1)]
)
def test_an_example_ends_as_the_page_says(flight: Flight, code: str, ends: str) -> None:
    (flight.stage.bundle / "dags.py").write_text(code)
    dags = [serialize(dag, "dags.py") for dag in load_file(flight.stage.bundle, "dags.py").values()]
    flight.stage.push(*dags)
    for dag in sorted(dags, key=lambda each: each.dag_id):
        if dag.schedule.kind is not ScheduleKind.ASSETS:
            run_all(flight, dag)
    assert sorted(told(flight.stage)) == sorted(ends.splitlines())


def test_every_example_says_how_it_ends() -> None:
    assert len(EXAMPLES) == PAGE.count("```python") == 5
