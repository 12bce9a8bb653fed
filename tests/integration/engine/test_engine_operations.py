"""What runs cost: Firestore operations and messages, as Google would bill them."""

import pytest
from engine_stage import Stage, chain, dag, fan, task

from sailplane.model.dags import Schedule, ScheduleKind
from sailplane.model.states import RunState

pytestmark = pytest.mark.localcloud
PER_RUN = 8
"""Operations that a run costs whatever its size: the DAG, its version, active and waiting runs, its own writes."""


def test_a_chain_costs_two_writes_and_at_most_one_read_a_task(stage: Stage) -> None:
    stage.push(chain(50))
    before = stage.count()
    key = stage.start(chain(50))
    stage.deliver_all()
    cost = stage.since(before)
    assert stage.run(key).state is RunState.SUCCESS
    assert cost["firestore.writes"] <= 2 * 50 + 3
    assert cost["firestore.reads"] <= 50
    assert cost["firestore.reads"] <= PER_RUN + 8
    assert cost["firestore.commits"] <= 50 + 3
    assert stage.bus.published == 1


def test_a_fan_out_costs_three_writes_and_at_most_two_reads_a_task(stage: Stage) -> None:
    stage.push(fan(100))
    before = stage.count()
    key = stage.start(fan(100))
    stage.deliver_all()
    cost = stage.since(before)
    assert stage.run(key).state is RunState.SUCCESS
    assert cost["firestore.writes"] <= 3 * 101 + 2
    assert cost["firestore.reads"] <= 2 * 101 + PER_RUN
    assert stage.bus.published <= 100 / stage.settings.worker_concurrency + 2


def test_a_fan_out_over_many_workers_stays_within_two_reads_a_task(stage: Stage) -> None:
    """Each message goes to a worker that knows nothing of the others: the worst that can happen."""
    shape = fan(64)
    stage.push(shape)
    before = stage.count()
    key = stage.start(shape)
    while taken := stage.bus.take():
        for data in taken:
            worker = stage.make_worker("fresh")
            stage.workers.append(worker)
            worker.handle(data)
    cost = stage.since(before)
    assert stage.run(key).state is RunState.SUCCESS
    assert cost["firestore.writes"] <= 3 * 65 + 2
    assert cost["firestore.reads"] <= 2 * 65 + PER_RUN + 10


def test_an_idle_tick_makes_two_reads_and_no_write(stage: Stage) -> None:
    hourly = Schedule(kind=ScheduleKind.CRON, cron="30 * * * *")
    stage.push(dag(task("a"), schedule=hourly), dag(task("a"), dag_id="other"))
    key = stage.start(chain(3))
    stage.deliver_all()
    assert stage.run(key).state is RunState.SUCCESS
    before = stage.count()
    assert stage.tick().looks == 1
    cost = stage.since(before)
    assert cost.pop("firestore.reads") == 2
    assert cost.pop("firestore.queries") == 2
    assert cost == {}


def test_running_tasks_do_not_cost_the_tick_anything(stage: Stage) -> None:
    """Their leases end within the minute that the tick looks ahead, but only late ones concern it."""
    stage.start(dag(*(task(f"f{n}") for n in range(20))))
    before = stage.count()
    stage.tick()
    assert stage.since(before)["firestore.reads"] == 2


def test_a_push_that_changes_nothing_writes_nothing(stage: Stage) -> None:
    assert stage.push(chain(3)).created == ("flight",)
    before = stage.count()
    assert stage.push(chain(3)).unchanged == ("flight",)
    assert "firestore.writes" not in stage.since(before)


def test_a_redelivered_wave_reads_the_run_once(stage: Stage) -> None:
    stage.start(fan(40))
    taken = stage.bus.take()
    for data in taken:
        stage.worker.handle(data)
    another = stage.make_worker("another")
    stage.workers.append(another)
    before = stage.count()
    for data in taken:
        another.handle(data)
    tickets = 40
    assert stage.since(before)["firestore.reads"] <= len(taken) * (41 + 3) + tickets + 3
    assert "firestore.writes" not in stage.since(before)
