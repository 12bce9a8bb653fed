"""Random runs in which tasks are cleared, and runs held, while they go on: what runs last ran in order."""

import random
import threading
from contextlib import suppress

import pytest
from engine_deaths import Died, dying
from engine_stage import SUCCESS, Stage, dag, task

from sailplane.engine import clearing, holding
from sailplane.engine.clearing import Clear
from sailplane.model.dags import SerializedDag
from sailplane.model.errors import RequestError, TransientError
from sailplane.model.execution import Outcome, TaskJob
from sailplane.model.ids import RunKey
from sailplane.model.states import RunState

DELIVERIES = 5
MOST_ROUNDS = 40


def random_dag(chance: random.Random) -> SerializedDag:
    """Up to 14 tasks that all succeed, often with a join over all that came before."""
    tasks = [task("a00")]
    for number in range(1, chance.randint(3, 13)):
        earlier = [each.task_id for each in tasks]
        width = len(earlier) if chance.random() < 0.25 else chance.randint(0, 3)
        upstream = chance.sample(earlier, min(width, len(earlier)))
        tasks.append(task(f"a{number:02}", *upstream, needs_code=chance.random() > 0.1))
    return dag(*tasks)


class Meddler:
    """Somebody who clears tasks, and holds the run, while others run."""

    def __init__(self, stage: Stage, shape: SerializedDag, chance: random.Random, *, most: int, dies: bool) -> None:
        self._stage, self._shape, self._chance = stage, shape, chance
        self._left, self._dies = most, dies
        self._lock = threading.Lock()

    def run(self, job: TaskJob) -> Outcome:
        with self._lock:
            meddles = self._left > 0 and self._chance.random() < 0.4
            self._left -= meddles
            name = self._chance.choice(self._shape.tasks).task_id
            after = self._chance.randint(1, 6) if self._dies and self._chance.random() < 0.4 else 1000
            holds = self._chance.random() < 0.25
        if meddles:
            with suppress(Died, RequestError):
                self._meddle(job.run.key, name, after, holds=holds)
        return SUCCESS

    def _meddle(self, key: RunKey, name: str, after: int, *, holds: bool) -> None:
        if holds:
            holding.hold(self._stage.cloud, self._stage.clock, key)
        clearing.clear(dying(self._stage.cloud, after), self._stage.clock, key, Clear(named=(name,), downstream=True))
        if holds:
            holding.resume(self._stage.cloud, self._stage.clock, key)


def deliver(stage: Stage, chance: random.Random, *, at_once: bool) -> None:
    """Deliver what is published, in any order, some of it twice, to any worker."""
    while taken := stage.bus.take():
        chance.shuffle(taken)
        work = [(chance.choice(stage.workers), data) for data in taken for _ in range(chance.choice([1, 1, 2]))]
        if not at_once:
            for worker, data in work:
                hand_over(worker, data)
            continue
        threads = [threading.Thread(target=hand_over, args=each) for each in work]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


def hand_over(worker: object, data: bytes) -> None:
    """As Pub/Sub does: what could not be done for the moment comes again."""
    for _ in range(DELIVERIES):
        with suppress(TransientError):
            worker.handle(data)  # type: ignore[attr-defined]
            return


@pytest.mark.parametrize("seed", range(24))
def test_what_is_cleared_with_what_follows_runs_last_in_order(stage: Stage, seed: int) -> None:
    chance = random.Random(seed)
    stage.workers += [stage.make_worker("two"), stage.make_worker("three")]
    shape = random_dag(chance)
    meddler = Meddler(stage, shape, chance, most=4, dies=seed % 3 == 0)
    for each in shape.tasks:
        for number in range(1, 12):
            stage.runner.script[each.task_id, number] = meddler.run
    key = stage.start(shape)
    deliver(stage, chance, at_once=seed % 2 == 0)
    for _ in range(MOST_ROUNDS):
        run = stage.run(key)
        if run.state.is_terminal and run.intervention is None:
            break
        if run.hold is not None:
            holding.resume(stage.cloud, stage.clock, key)
        stage.clock.turn(seconds=61)
        stage.tick()
        deliver(stage, chance, at_once=seed % 2 == 0)
    run = stage.run(key)
    assert (run.state, run.intervention, run.hold) == (RunState.SUCCESS, None, None)
    assert set(stage.states(key).values()) == {"success"}
    tries = stage.runner.tries
    assert len(set(tries)) == len(tries)
    last = {name: place for place, (name, _) in enumerate(tries)}
    for each in shape.tasks:
        for above in each.upstream:
            if each.needs_code and shape.task_dict[above].needs_code:
                assert last[above] < last[each.task_id], f"{each.task_id} ran before {above} ran last"
    for each in shape.tasks:
        if each.needs_code:
            assert stage.instance(key, each.task_id).try_number == tries[last[each.task_id]][1]
