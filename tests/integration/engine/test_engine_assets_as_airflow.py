"""Which runs updates of assets start, held against Airflow 3.3.2 (`tests/oracle/record_asset_schedules.py`)."""

import json
from pathlib import Path

import pytest
from asset_dags import names, started, write
from engine_stage import Stage

from sailplane.authoring.loading import load_file
from sailplane.authoring.serialization import serialize
from sailplane.engine import asset_runs
from sailplane.model.assets import AssetUpdate

RECORDED = json.loads((Path(__file__).parents[2] / "oracle" / "asset_schedules.json").read_text())
CONDITIONS: dict[str, str] = RECORDED["conditions"]
LATE = {
    "a+a": {name: [["a", "a"]] for name in ("any", "nested_any", "one", "same_twice")},
    "x:a y:a": {"two_aliases": [["a", "a"]]},
    "y:c x:c": {"two_aliases": [["c", "c"]]},
}
"""Airflow leaves an update that comes after another one of its asset, before the run is created, to the next run."""
HEAD = """
from sailplane import DAG, Asset, AssetAlias, BashOperator

A, B, C = (Asset(name, f"s3://lake/{name}") for name in "abc")
X, Y = AssetAlias("x"), AssetAlias("y")

with DAG("producer", schedule=None):
    BashOperator(task_id="make", bash_command="true", outlets=[A, B, C, X, Y])
"""


def push(stage: Stage) -> None:
    texts = (
        f'\nwith DAG("{name}", schedule={schedule}):\n    BashOperator(task_id="use", bash_command="true")\n'
        for name, schedule in CONDITIONS.items()
    )
    (stage.bundle / "dags.py").write_text(HEAD + "".join(texts))
    stage.push(*(serialize(dag, "dags.py") for dag in load_file(stage.bundle, "dags.py").values()))


def updates_of(step: str) -> list[AssetUpdate]:
    told = (each.rpartition(":") for each in step.split("+"))
    return [
        AssetUpdate(name=name, uri=f"s3://lake/{name}", aliases=(alias,) if alias else ()) for alias, _, name in told
    ]


@pytest.mark.parametrize("sequence", RECORDED["runs"])
def test_updates_start_the_runs_that_they_start_in_airflow(stage: Stage, sequence: str) -> None:
    push(stage)
    for number, step in enumerate(sequence.split()):
        stage.clock.turn(seconds=1)
        write(stage, *updates_of(step), key=str(number), look=False)
        asset_runs.look_at_all(stage.cloud, stage.clock, CONDITIONS)
    recorded = RECORDED["runs"][sequence] | LATE.get(sequence, {})
    for name, schedule in CONDITIONS.items():
        runs = [sorted(names(stage, run)) for run in started(stage, name)]
        if "ref(" in schedule:  # Airflow gives runs no events of assets that are meant by a reference.
            assert (name, len(runs)) == (name, len(recorded[name]))
            assert all(runs)
        else:
            assert (name, runs) == (name, [sorted(run) for run in recorded[name]])
