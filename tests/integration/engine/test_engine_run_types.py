"""DAGs that allow some types of runs only."""

import pytest
from engine_stage import Stage, dag, task

from sailplane.model.errors import InvalidConf
from sailplane.model.states import RunType


def test_a_run_of_a_type_that_the_dag_does_not_allow_is_refused_and_nothing_is_written(stage: Stage) -> None:
    flow = dag(task("land"), allowed_run_types=(RunType.OPERATOR_TRIGGERED,))
    with pytest.raises(InvalidConf, match="'flight' does not allow manual runs, only: operator_triggered"):
        stage.start(flow)
    assert stage.cloud.store.runs("flight") == []
    assert stage.start(flow, run_type=RunType.OPERATOR_TRIGGERED).run_id.startswith("operator_triggered__")
