"""A DAG that is pushed paused, and XComs of any size."""

import json
from dataclasses import replace

from engine_stage import Stage, chain, dag, task

from sailplane.model.execution import Outcome, OutcomeKind, TaskJob
from sailplane.model.ids import TaskKey
from sailplane.model.xcom import read_pointer


def test_a_dag_may_be_paused_when_it_is_new_and_stays_as_it_was_set_after_that(stage: Stage) -> None:
    stage.push(dag(task("land"), is_paused_upon_creation=True), dag(task("land"), dag_id="other"))
    assert {record.dag_id: record.is_paused for record in stage.cloud.store.dags()} == {"flight": True, "other": False}
    stage.push(dag(task("land"), is_paused_upon_creation=False), dag(task("land"), dag_id="other"))
    assert {record.dag_id: record.is_paused for record in stage.cloud.store.dags()} == {"flight": True, "other": False}


def test_a_large_xcom_goes_to_the_bucket_by_itself_and_comes_back_whole(stage: Stage) -> None:
    track = json.dumps("x" * 200_000)
    flow = chain(2)
    reads = replace(flow.tasks[1], reads=("t00",))
    seen: list[TaskJob] = []

    def look(job: TaskJob) -> Outcome:
        seen.append(job)
        return Outcome(kind=OutcomeKind.SUCCESS)

    stage.runner.script["t00", 1] = Outcome(kind=OutcomeKind.SUCCESS, xcoms={"return_value": track})
    stage.runner.script["t01", 1] = look
    key = stage.start(dag(flow.tasks[0], reads))
    stage.deliver_all()
    stored = stage.cloud.store.task(key, TaskKey("t00"))
    assert stored is not None
    assert read_pointer(stored.xcoms["return_value"]) is not None
    assert list(seen[0].xcoms.values()) == [track]
