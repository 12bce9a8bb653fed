"""State of task instances in the store: it outlives tries and workers, expires, and costs what it says."""

from datetime import timedelta
from pathlib import Path

import pytest
from engine_flights import Flight
from engine_stage import Stage, dag, task

from localcloud.faults import Fault, FaultKind
from sailplane.engine import clearing, state_store
from sailplane.engine.clearing import Clear
from sailplane.engine.values import InEnvironment, Values
from sailplane.model.assets import asset_id
from sailplane.model.ids import RunKey, TaskKey
from sailplane.model.state_store import OfTask, StateOwner, StateRequest, StateVerb, StateWriter, WriterKind
from sailplane.model.usage import Usage

RUN = RunKey("flight", "only")
OPERATIONS = ("firestore.reads", "firestore.writes", "firestore.deletes")


def ask(stage: Stage, verb: StateVerb, task_id: str = "a", map_index: int = -1, **fields: object) -> str | None:
    request = StateRequest(verb=verb, owner=StateOwner.TASK, task_id=task_id, map_index=map_index, **fields)  # type: ignore[arg-type]
    return state_store.answer(stage.cloud.store, RUN, request, stage.clock())[0]


def test_a_retry_finds_what_the_try_before_kept(stage: Stage, flight: Flight) -> None:
    key = flight.fly("""
        from datetime import timedelta
        from sailplane import DAG, NEVER_EXPIRE, task

        @task(retries=1, retry_delay=timedelta(0))
        def run_job(task_state_store, ti):
            job = task_state_store.get("job/ü")
            if job is None:
                task_state_store.set("job/ü", {"id": 7}, retention=NEVER_EXPIRE)
                task_state_store.set("seen", True)
                raise ConnectionError("lost")
            task_state_store.delete("seen")
            return [ti.try_number, job, task_state_store.get("seen")]

        @task
        def other(task_state_store):
            return task_state_store.get("job/ü", "none of mine")

        with DAG("flight"):
            run_job() >> other()
        """)
    assert stage.instance(key, "run_job").xcoms["return_value"] == '[2,{"id":7},null]'
    assert stage.instance(key, "other").xcoms["return_value"] == '"none of mine"'
    (entry,) = stage.cloud.store.task_entries(key, TaskKey("run_job"))
    assert (entry.key, entry.value, entry.expires_at) == ("job/ü", '{"id": 7}', None)


def test_each_instance_of_a_mapped_task_has_its_own(stage: Stage) -> None:
    ask(stage, StateVerb.SET, map_index=0, key="n", value="0")
    ask(stage, StateVerb.SET, map_index=1, key="n", value="1")
    assert [ask(stage, StateVerb.GET, map_index=index, key="n") for index in (-1, 0, 1)] == [None, "0", "1"]
    ask(stage, StateVerb.CLEAR, map_index=0)
    assert [ask(stage, StateVerb.GET, map_index=index, key="n") for index in (0, 1)] == [None, "1"]


def test_nobody_sees_what_has_expired(stage: Stage) -> None:
    expires_at = stage.clock() + timedelta(hours=1)
    ask(stage, StateVerb.SET, key="short", value="1", expires_at=expires_at)
    ask(stage, StateVerb.SET, key="long", value="2")
    assert ask(stage, StateVerb.GET, key="short") == "1"
    stage.clock.turn(hours=1)
    assert ask(stage, StateVerb.GET, key="short") is None
    found = state_store.entries(stage.cloud.store, OfTask(run=RUN, task=TaskKey("a")), stage.clock())
    assert [(entry.key, entry.value) for entry in found] == [("long", "2")]


def test_setting_again_replaces_value_and_expiry(stage: Stage) -> None:
    ask(stage, StateVerb.SET, key="k", value="1", expires_at=stage.clock() + timedelta(hours=1))
    stage.clock.turn(minutes=30)
    ask(stage, StateVerb.SET, key="k", value="2", expires_at=stage.clock() + timedelta(hours=1))
    stage.clock.turn(minutes=45)
    assert ask(stage, StateVerb.GET, key="k") == "2"


def test_state_does_not_count_as_a_task_instance(stage: Stage) -> None:
    key = stage.start(dag(task("a"), task("b", "a")), run_id="only")
    ask(stage, StateVerb.SET, key="k", value="1")
    stage.deliver_all()
    assert stage.states(key) == {"a": "success", "b": "success"}
    assert stage.run(key).state == "success"


@pytest.mark.localcloud
def test_each_operation_costs_one(stage: Stage) -> None:
    def cost(verb: StateVerb, **fields: object) -> dict[str, int]:
        before = stage.count()
        ask(stage, verb, **fields)  # type: ignore[arg-type]
        return {name: n for name, n in stage.since(before).items() if name in OPERATIONS}

    assert cost(StateVerb.SET, key="k", value="1") == {"firestore.writes": 1}
    assert cost(StateVerb.GET, key="k") == {"firestore.reads": 1}
    assert cost(StateVerb.DELETE, key="k") == {"firestore.deletes": 1}


def test_what_it_cost_is_told(stage: Stage) -> None:
    def spent(verb: StateVerb, **fields: str) -> Usage:
        request = StateRequest(verb=verb, owner=StateOwner.TASK, task_id="a", **fields)  # type: ignore[arg-type]
        return state_store.answer(stage.cloud.store, RUN, request, stage.clock())[1]

    assert spent(StateVerb.SET, key="k", value="1") == Usage(writes=1)
    assert spent(StateVerb.GET, key="k") == Usage()
    assert spent(StateVerb.SET, key="m", value="1") == Usage(writes=1)
    assert spent(StateVerb.CLEAR) == Usage(deletes=2)


def test_the_state_of_an_asset_goes_on_from_run_to_run(stage: Stage, flight: Flight) -> None:
    text = """
        from sailplane import DAG, task
        from sailplane.authoring.assets import Asset

        ORDERS = Asset("orders", "s3://warehouse/orders")

        @task(inlets=[ORDERS, Asset("raw")], outlets=[ORDERS])
        def load(asset_state_store):
            state = asset_state_store[ORDERS]
            state.set("runs", state.get("runs", 0) + 1)
            return state.get("runs")

        with DAG("flight"):
            load()
        """
    keys = [flight.fly(text, run_id=run_id) for run_id in ("first", "second")]
    assert [stage.instance(key, "load").xcoms["return_value"] for key in keys] == ["1", "2"]
    (entry,) = stage.cloud.store.asset_entries(asset_id("orders", "s3://warehouse/orders"))
    writer = StateWriter(kind=WriterKind.TASK, dag_id="flight", run_id="second", task_id="load", map_index=-1)
    assert (entry.key, entry.value, entry.written_by) == ("runs", "2", writer)


def test_the_state_of_an_asset_is_cleared_by_asset(stage: Stage) -> None:
    def ask(verb: StateVerb, asset: int, key: str = "", value: str = "") -> str | None:
        request = StateRequest(verb=verb, owner=StateOwner.ASSET, task_id="a", asset=asset, key=key, value=value)
        return state_store.answer(stage.cloud.store, RUN, request, stage.clock())[0]

    for asset, key in ((1, "a"), (1, "b/c"), (2, "a")):
        ask(StateVerb.SET, asset, key, str(asset))
    ask(StateVerb.DELETE, 1, "a")
    assert [ask(StateVerb.GET, *where) for where in ((1, "a"), (1, "b/c"), (2, "a"))] == [None, "1", "2"]
    ask(StateVerb.CLEAR, 1)
    assert [ask(StateVerb.GET, *where) for where in ((1, "b/c"), (2, "a"))] == [None, "2"]
    assert stage.cloud.store.assets.all() == [], "state is no asset"


@pytest.mark.localcloud
@pytest.mark.parametrize("kind", [FaultKind.ERROR, FaultKind.LOST_ANSWER])
def test_a_commit_that_fails_or_whose_answer_is_lost_is_made_again(stage: Stage, kind: FaultKind) -> None:
    for verb, value in ((StateVerb.SET, "1"), (StateVerb.DELETE, None)):
        stage.local.cloud.faults.inject(Fault(point="firestore.Commit", kind=kind, times=2))
        ask(stage, verb, key="k", value="1")
        assert ask(stage, StateVerb.GET, key="k") == value


@pytest.mark.localcloud
def test_a_task_hears_that_the_store_is_away_and_can_go_on(stage: Stage, flight: Flight) -> None:
    away = Fault(point="firestore.*", kind=FaultKind.ERROR, times=1000)

    class OnDemand(InEnvironment):
        """Breaks and mends the store when the task asks for it."""

        def variable(self, key: str) -> str | None:
            stage.local.cloud.faults.clear()
            if key == "break":
                stage.local.cloud.faults.inject(away)
            return "done"

    flight.worker.values = Values([OnDemand({})], stage.cloud.store)
    key = flight.fly("""
        from sailplane import DAG, Variable, task

        @task
        def ask(task_state_store):
            task_state_store.set("k", 1)
            Variable.get("break")
            try:
                task_state_store.get("k")
            except Exception as error:
                told = type(error).__name__
            Variable.get("mend")
            return [told, task_state_store.get("k")]

        with DAG("flight"):
            ask()
        """)
    assert stage.instance(key, "ask").error is None, stage.instance(key, "ask").error
    assert stage.instance(key, "ask").xcoms["return_value"] == '["Unavailable",1]'


def test_a_resumable_job_outlives_its_try_and_is_submitted_anew_by_a_cleared_task(
    stage: Stage, flight: Flight, tmp_path: Path
) -> None:
    jobs = tmp_path / "jobs"
    jobs.mkdir()
    key = flight.fly(f"""
        from datetime import timedelta
        from pathlib import Path
        from sailplane import BaseOperator, DAG, ResumableJobMixin

        JOBS = Path({str(jobs)!r})

        class Elsewhere(ResumableJobMixin, BaseOperator):
            def execute(self, context):
                return self.execute_resumable(context)

            def submit_job(self, context):
                name = f"job-{{len(list(JOBS.iterdir())) + 1}}"
                (JOBS / name).write_text("RUNNING")
                return name

            def get_job_status(self, external_id, context):
                return (JOBS / external_id).read_text()

            def is_job_active(self, status):
                return status == "RUNNING"

            def is_job_succeeded(self, status):
                return status == "DONE"

            def poll_until_complete(self, external_id, context):
                if context["ti"].try_number == 1:
                    import os
                    os._exit(1)
                (JOBS / external_id).write_text("DONE")

            def get_job_result(self, external_id, context):
                return [external_id, context["ti"].try_number]

        with DAG("flight"):
            Elsewhere(task_id="train", retries=1, retry_delay=timedelta(0))
        """)
    assert stage.instance(key, "train").xcoms["return_value"] == '["job-1",2]'
    clearing.clear(stage.cloud, stage.clock, key, Clear(named=("train",)))
    flight.work()
    assert stage.instance(key, "train").xcoms["return_value"] == '["job-2",3]'
    assert len(list(jobs.iterdir())) == 2
