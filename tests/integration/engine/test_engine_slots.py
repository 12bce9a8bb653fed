"""Pools, and the limits of DAGs and tasks: who waits, who gets in, and that no place is lost or given twice."""

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from engine_deaths import Died, die_after
from engine_stage import FAILED, SUCCESS, Stage, all_in, dag, fan, task

from localcloud.faults import Fault, FaultKind
from sailplane.cloud.changes import Create, Replace
from sailplane.engine import pools, runs
from sailplane.engine.memory import RunMemory
from sailplane.engine.slots import Slots
from sailplane.engine.worker import Worker
from sailplane.model.execution import Outcome, OutcomeKind, TaskJob
from sailplane.model.ids import RunKey
from sailplane.model.limits import pool_limit
from sailplane.model.pools import Pool
from sailplane.model.resuming import Resumption
from sailplane.model.states import RunState, TaskState

IN_POOL: dict[str, Any] = {"pool": "db"}


def make_pool(stage: Stage, slots: int, **fields: Any) -> Pool:
    return pools.put(stage.cloud, Pool(name="db", slots=slots, **fields), stage.clock)


def in_state(stage: Stage, key: RunKey, *states: str) -> list[str]:
    return [name for name, state in stage.states(key).items() if state in states]


def active(stage: Stage, key: RunKey) -> list[str]:
    return in_state(stage, key, "queued", "running")


def test_no_more_are_queued_than_the_pool_has_slots(stage: Stage) -> None:
    make_pool(stage, 2)
    key = stage.start(dag(*(task(f"t{n}", **IN_POOL) for n in range(5))))
    assert active(stage, key) == ["t0", "t1"]
    assert in_state(stage, key, "scheduled") == ["t2", "t3", "t4"]


def test_each_end_lets_the_next_in(stage: Stage) -> None:
    make_pool(stage, 2)
    most: list[int] = []
    key = stage.start(dag(*(task(f"t{n}", **IN_POOL) for n in range(7))))
    for n in range(7):
        stage.runner.script[f"t{n}", 1] = watched(stage, key, most)
    stage.deliver_all()
    assert stage.run(key).state is RunState.SUCCESS
    assert max(most) == 2
    assert stage.cloud.store.slots.places(pool_limit("db")) == 0


def watched(stage: Stage, key: RunKey, most: list[int]) -> Callable[[TaskJob], Outcome]:
    def look(job: TaskJob) -> Outcome:
        most.append(len(active(stage, key)))
        return SUCCESS

    return look


def test_a_task_may_take_several_slots(stage: Stage) -> None:
    make_pool(stage, 3)
    key = stage.start(
        dag(task("big", **IN_POOL, pool_slots=2), task("also", **IN_POOL, pool_slots=2), task("c", **IN_POOL))
    )
    # The other big one has no room, and does not keep the small one waiting.
    assert active(stage, key) == ["also", "c"]
    assert stage.cloud.store.slots.places(pool_limit("db")) == 3


def test_the_most_urgent_gets_in_first(stage: Stage) -> None:
    make_pool(stage, 1)
    tasks = [task(name, **IN_POOL, priorities=(priority,)) for name, priority in (("a", 1), ("b", 5), ("c", 3))]
    stage.start(dag(*tasks))
    stage.deliver_all()
    assert [name for name, _ in stage.runner.tries] == ["b", "c", "a"]


def test_of_two_equally_urgent_the_one_of_the_older_run_gets_in(stage: Stage) -> None:
    make_pool(stage, 0)
    stage.push(dag(task("a", **IN_POOL)))
    for day in (2, 1):
        date = datetime(2026, 2, day, tzinfo=UTC)
        runs.trigger(stage.cloud, "flight", run_id=f"r{day}", logical_date=date, now=stage.clock())
    make_pool(stage, 1)
    stage.deliver_all()
    assert [job.run.run_id for job in stage.runner.jobs] == ["r1", "r2"]


def test_a_pool_without_limit_holds_nobody(stage: Stage) -> None:
    make_pool(stage, -1)
    key = stage.start(dag(*(task(f"t{n}", **IN_POOL) for n in range(5))))
    assert len(active(stage, key)) == 5


def test_tasks_wait_for_a_pool_that_does_not_exist_until_it_does(stage: Stage) -> None:
    key = stage.start(dag(task("a", **IN_POOL)))
    assert stage.states(key) == {"a": "scheduled"}
    make_pool(stage, 1)
    stage.deliver_all()
    assert stage.run(key).state is RunState.SUCCESS


def test_a_pool_that_grows_lets_more_in(stage: Stage) -> None:
    make_pool(stage, 1)
    key = stage.start(dag(*(task(f"t{n}", **IN_POOL) for n in range(4))))
    make_pool(stage, 3)
    assert len(active(stage, key)) == 3


def test_the_default_pool_has_no_limit_until_somebody_gives_it_one(stage: Stage) -> None:
    key = stage.start(dag(task("a"), task("b"), dag_id="before"))
    assert len(active(stage, key)) == 2
    pools.put(stage.cloud, Pool(name="default_pool", slots=1), stage.clock)
    key = stage.start(dag(task("a"), task("b"), dag_id="after"))
    assert len(active(stage, key)) == 1


def test_max_active_tasks_counts_in_each_run_by_itself(stage: Stage) -> None:
    stage.push(dag(*(task(f"t{n}") for n in range(4)), max_active_tasks=2))
    keys = [runs.trigger(stage.cloud, "flight", run_id=f"r{n}", now=stage.clock()).key for n in range(2)]
    assert [len(active(stage, key)) for key in keys] == [2, 2]
    stage.deliver_all()
    assert all_in(stage.states(keys[0]) | stage.states(keys[1]), TaskState.SUCCESS)


def test_max_active_tis_per_dag_counts_in_all_runs(stage: Stage) -> None:
    stage.push(dag(task("a", max_active_tis_per_dag=2), task("b")))
    keys = [runs.trigger(stage.cloud, "flight", run_id=f"r{n}", now=stage.clock()).key for n in range(4)]
    assert [active(stage, key) for key in keys] == [["a", "b"], ["a", "b"], ["b"], ["b"]]
    stage.deliver_all()
    assert {stage.run(key).state for key in keys} == {RunState.SUCCESS}


def test_max_active_tis_per_dagrun_counts_in_one(stage: Stage) -> None:
    stage.push(dag(task("a", max_active_tis_per_dagrun=1)))
    keys = [runs.trigger(stage.cloud, "flight", run_id=f"r{n}", now=stage.clock()).key for n in range(3)]
    assert [active(stage, key) for key in keys] == [["a"]] * 3


def test_what_waits_for_something_else_keeps_nobody_waiting(stage: Stage) -> None:
    """Forty urgent tasks wait for a place of their own run; behind them one of another run waits for the pool alone."""
    make_pool(stage, 0)
    many = [task(f"m{n:02}", **IN_POOL, priorities=(9,)) for n in range(40)]
    busy = stage.start(dag(*many, dag_id="busy", max_active_tasks=1))
    other = stage.start(dag(task("z", **IN_POOL), dag_id="other"))
    make_pool(stage, 3)
    assert len(active(stage, busy)) == 1
    assert active(stage, other) == ["z"]


def test_a_task_of_another_dag_gets_the_slot(stage: Stage) -> None:
    make_pool(stage, 1)
    first = stage.start(dag(task("a", **IN_POOL), dag_id="one"))
    second = stage.start(dag(task("a", **IN_POOL), task("b", "a"), dag_id="two"))
    assert stage.states(second) == {"a": "scheduled"}
    stage.deliver_all()
    assert [stage.run(key).state for key in (first, second)] == [RunState.SUCCESS] * 2


def test_one_that_waits_for_its_retry_takes_no_slot(stage: Stage) -> None:
    make_pool(stage, 1)
    stage.runner.script["a", 1] = FAILED
    shape = dag(
        task("a", **IN_POOL, retries=1, retry_delay=timedelta(seconds=5), priorities=(9,)), task("b", **IN_POOL)
    )
    key = stage.start(shape)
    stage.deliver_all()
    assert stage.states(key) == {"a": "up_for_retry", "b": "success"}
    stage.clock.turn(seconds=6)
    stage.tick()
    stage.deliver_all()
    assert stage.run(key).state is RunState.SUCCESS


def test_the_slot_of_a_lost_worker_is_free_again(stage: Stage) -> None:
    def die(job: TaskJob) -> Outcome:
        raise Died

    make_pool(stage, 1)
    stage.runner.script["a", 1] = die
    key = stage.start(dag(task("a", **IN_POOL, priorities=(9,)), task("b", **IN_POOL)))
    (data,) = stage.bus.take()
    with pytest.raises(Died):
        stage.worker.handle(data)
    stage.clock.turn(seconds=61)
    stage.tick()
    stage.deliver_all()
    assert stage.states(key) == {"a": "failed", "b": "success"}


def test_what_a_run_that_is_stopped_holds_is_free_again(stage: Stage) -> None:
    make_pool(stage, 1)
    late = stage.start(dag(task("a", **IN_POOL), dag_id="late", dagrun_timeout=timedelta(seconds=30)))
    waiting = stage.start(dag(task("a", **IN_POOL), dag_id="next"))
    stage.bus.take()
    stage.clock.turn(seconds=40)
    stage.tick()
    stage.deliver_all()
    assert stage.run(late).state is RunState.FAILED
    assert stage.run(waiting).state is RunState.SUCCESS


def test_what_was_stopped_while_it_waited_never_gets_in(stage: Stage) -> None:
    make_pool(stage, 1)
    stage.runner.script["a", 1] = FAILED
    key = stage.start(dag(task("a", **IN_POOL, priorities=(9,)), task("b", **IN_POOL), fail_fast=True))
    stage.deliver_all()
    assert stage.states(key) == {"a": "failed", "b": "skipped"}
    assert stage.cloud.store.slots.waiting([pool_limit("db")], limit=9) == []
    make_pool(stage, 5)
    assert stage.states(key)["b"] == "skipped"


def test_a_rate_lets_in_as_many_as_it_says(stage: Stage) -> None:
    make_pool(stage, -1, rate="2/s")
    began: list[datetime] = []
    key = stage.start(dag(*(task(f"t{n}", **IN_POOL) for n in range(7))))
    assert len(active(stage, key)) == 2
    for _ in range(6):
        before = len(stage.runner.jobs)
        stage.deliver_all()
        began += [stage.clock()] * (len(stage.runner.jobs) - before)
        stage.clock.turn(seconds=1)
        stage.tick()
    passed = [(at - began[0]).total_seconds() for at in began]
    assert passed == [0, 0, 1, 1, 2, 2, 3]
    assert stage.run(key).state is RunState.SUCCESS


def test_one_tick_sees_to_a_rate_for_its_whole_minute(stage: Stage) -> None:
    make_pool(stage, -1, rate="1/5s")
    key = stage.start(dag(*(task(f"t{n}", **IN_POOL) for n in range(5))))
    stage.tick(stay=timedelta(seconds=55))
    assert stage.clock() - datetime(2026, 3, 1, 12, tzinfo=UTC) == timedelta(
        seconds=25
    )  # One look more, which finds nothing.
    stage.deliver_all()
    assert stage.run(key).state is RunState.SUCCESS


def test_a_chain_under_max_active_tasks_stays_on_its_worker(stage: Stage) -> None:
    shape = dag(task("a"), task("b", "a"), task("c", "b"), max_active_tasks=1)
    key = stage.start(shape)
    (data,) = stage.bus.take()
    stage.worker.handle(data)
    assert stage.bus.held == []
    assert stage.run(key).state is RunState.SUCCESS


def test_a_successor_that_takes_one_place_over_leaves_the_others_free(stage: Stage) -> None:
    make_pool(stage, 1)
    key = stage.start(dag(task("a", **IN_POOL), task("b", "a"), max_active_tasks=1))
    waiting = stage.start(dag(task("x", **IN_POOL), dag_id="other"))
    (data,) = stage.bus.take()
    stage.worker.handle(data)
    assert stage.run(key).state is RunState.SUCCESS
    assert stage.states(waiting) == {"x": "queued"}


@pytest.mark.localcloud
def test_the_operations_of_a_fan_out_in_a_pool(stage: Stage) -> None:
    make_pool(stage, 10)
    stage.push(dag(*(task(f"t{n:02}", **IN_POOL) for n in range(40))))
    before = stage.count()
    key = runs.trigger(stage.cloud, "flight", now=stage.clock()).key
    stage.deliver_all()
    assert stage.run(key).state is RunState.SUCCESS
    spent = stage.since(before)
    # Beyond the three writes of a task the pool's own; who frees a slot runs the next one itself.
    assert spent["firestore.writes"] <= 40 * 4 + 15
    assert spent["firestore.reads"] <= 40 * 3 + 15


@pytest.mark.localcloud
def test_tasks_without_limits_cost_what_they_did(stage: Stage) -> None:
    stage.push(fan(20))
    before = stage.count()
    runs.trigger(stage.cloud, "flight", now=stage.clock())
    stage.deliver_all()
    spent = stage.since(before)
    assert spent["firestore.writes"] <= 20 * 3 + 5


@pytest.mark.localcloud
@pytest.mark.parametrize("commit", range(10))
def test_a_commit_whose_answer_is_lost_gives_no_slot_twice(stage: Stage, commit: int) -> None:
    make_pool(stage, 1)
    most: list[int] = []
    stage.push(dag(*(task(f"t{n}", **IN_POOL) for n in range(3))))
    stage.local.cloud.faults.inject(Fault(point="firestore.Commit", kind=FaultKind.LOST_ANSWER, skip=commit))
    key = runs.trigger(stage.cloud, "flight", now=stage.clock()).key
    for n in range(3):
        stage.runner.script[f"t{n}", 1] = watched(stage, key, most)
    stage.deliver_all()
    assert max(most) == 1
    assert stage.run(key).state is RunState.SUCCESS


@pytest.mark.parametrize("commit", range(9))
def test_a_worker_that_dies_after_any_commit_leaks_no_slot(stage: Stage, commit: int) -> None:
    make_pool(stage, 1)
    key = stage.start(
        dag(task("a", **IN_POOL, retries=2), task("b", "a", **IN_POOL, retries=2), task("c", **IN_POOL, retries=2))
    )
    dying = stage.make_worker("dying")
    die_after(dying, commit)
    stage.workers.append(dying)
    undone: list[bytes] = []
    while taken := stage.bus.take():
        for data in taken:
            try:
                dying.handle(data)
            except Died:
                undone.append(data)
    for data in undone:
        stage.worker.handle(data)
    for _ in range(8):
        stage.deliver_all()
        stage.clock.turn(minutes=6)
        stage.tick()
    assert stage.run(key).state is RunState.SUCCESS
    assert stage.cloud.store.slots.places(pool_limit("db")) == 0


@pytest.mark.parametrize("seed", range(4))
def test_many_workers_that_end_tasks_side_by_side_never_pass_the_limit(stage: Stage, seed: int) -> None:
    chance = random.Random(seed)
    slots = chance.choice([1, 3])
    make_pool(stage, slots)
    most: list[int] = []

    def look(job: TaskJob) -> Outcome:
        most.append(stage.cloud.store.slots.places(pool_limit("db")))
        return Outcome(kind=OutcomeKind.SUCCESS)

    stage.push(dag(*(task(f"t{n:02}", **IN_POOL) for n in range(16)), max_active_tasks=chance.choice([0, 5])))
    keys = [runs.trigger(stage.cloud, "flight", run_id=f"r{n}", now=stage.clock()).key for n in range(2)]
    for n in range(16):
        stage.runner.script[f"t{n:02}", 1] = look
    workers = [stage.make_worker(f"w{n}") for n in range(4)]
    stage.workers += workers
    with ThreadPoolExecutor(4) as pool:
        while taken := stage.bus.take():
            list(pool.map(lambda pair: handle(*pair), [(chance.choice(workers), data) for data in taken]))
    assert max(most) <= slots
    assert {stage.run(key).state for key in keys} == {RunState.SUCCESS}


def handle(worker: Worker, data: bytes) -> None:
    worker.handle(data)


def test_the_use_of_a_pool_is_counted_in_slots(stage: Stage) -> None:
    pool = make_pool(stage, 4, include_deferred=True)
    stage.runner.script["c", 1] = Outcome(
        kind=OutcomeKind.DEFERRED,
        resumption=Resumption(method="go_on", began_at=stage.clock()),
        resume_at=stage.clock() + timedelta(hours=1),
    )
    stage.start(dag(task("c", **IN_POOL)))
    stage.deliver_all()
    stage.start(dag(task("a", **IN_POOL, pool_slots=2), task("b", **IN_POOL, pool_slots=3), dag_id="other"))
    use = pools.use(stage.cloud, pool)
    assert (use.running, use.queued, use.scheduled, use.deferred) == (0, 2, 3, 1)
    assert (use.occupied, use.open) == (3, 1)


def test_who_decides_for_others_of_its_process_gives_away_their_places_too(stage: Stage) -> None:
    make_pool(stage, 2)
    shape = dag(*(task(f"t{n}", **IN_POOL) for n in range(6)))
    key = stage.start(shape)
    ended = [replace(stage.instance(key, name), state=TaskState.SUCCESS) for name in ("t0", "t1")]
    stage.cloud.store.commit([Replace(each) for each in ended])
    admitted: list[str] = []
    slots = Slots(stage.cloud, stage.clock, lambda run, instances: admitted.extend(each.task_id for each in instances))
    # As another thread does that ends `t1` and then joins the decision which is about to be made.
    stage.cloud.store.slots.note_freed({pool_limit("db"): 1})
    slots.free(RunMemory.of(stage.run(key), shape), ended[0], [pool_limit("db")])
    assert admitted == ["t2", "t3"]


def test_a_pool_that_exists_is_not_made_anew(stage: Stage) -> None:
    stage.cloud.store.commit([Create(Pool(name="db", slots=4))])
    assert pools.put(stage.cloud, Pool(name="db", slots=5, description="rows"), stage.clock).slots == 5
    assert stage.cloud.store.slots.pool("db") is not None


def test_a_push_warns_of_pools_that_do_not_exist(stage: Stage) -> None:
    make_pool(stage, 1)
    report = stage.push(dag(task("a", **IN_POOL), task("b", pool="gpu"), task("c", pool="gpu")))
    (warning,) = report.warnings
    assert "task 'b' of DAG 'flight' names the pool 'gpu'" in warning


def test_a_deferred_task_keeps_its_slot_only_where_the_pool_says_so(stage: Stage) -> None:
    for keeps in (False, True):
        make_pool(stage, 1, include_deferred=keeps)
        now = stage.clock()
        resumption = Resumption(method="go_on", began_at=now)
        wait = Outcome(kind=OutcomeKind.DEFERRED, resumption=resumption, resume_at=now + timedelta(seconds=40))
        stage.runner.script["a", 1] = wait
        key = stage.start(dag(task("a", **IN_POOL, priorities=(9,)), task("b", **IN_POOL), dag_id=f"keeps_{keeps}"))
        stage.deliver_all()
        assert stage.states(key) == {"a": "deferred", "b": "scheduled" if keeps else "success"}
        stage.runner.script["a", 1] = SUCCESS
        stage.clock.turn(seconds=41)
        stage.tick()
        stage.deliver_all()
        assert stage.run(key).state is RunState.SUCCESS
