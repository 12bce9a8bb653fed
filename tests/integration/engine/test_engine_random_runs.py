"""Random runs on random bad days: whatever goes wrong, a run ends as Airflow's rules say, and no try runs twice."""

import random

import plain_rules
import pytest
from engine_stage import FAILED, SUCCESS, Stage, dag, task

from localcloud.faults import Fault, FaultKind
from sailplane.model.dags import SerializedDag
from sailplane.model.errors import TransientError
from sailplane.model.execution import Outcome, OutcomeKind
from sailplane.model.states import RunState, TaskState, TriggerRule

RULES = [TriggerRule.ALL_SUCCESS] * 6 + list(TriggerRule)
OUTCOMES = [SUCCESS] * 5 + [FAILED] * 2 + [Outcome(kind=OutcomeKind.SKIPPED)]
MOST_ROUNDS = 60


def random_dag(chance: random.Random) -> SerializedDag:
    """Up to 14 tasks, often with a join over all that came before."""
    tasks = [task("a00")]
    for number in range(1, chance.randint(3, 13)):
        earlier = [each.task_id for each in tasks]
        width = len(earlier) if chance.random() < 0.2 else chance.randint(0, 3)
        upstream = chance.sample(earlier, min(width, len(earlier)))
        needs_code = chance.random() > 0.1
        tasks.append(task(f"a{number:02}", *upstream, trigger_rule=chance.choice(RULES), needs_code=needs_code))
    return dag(*tasks)


def deliver(stage: Stage, chance: random.Random, trouble: float) -> None:
    """Deliver what is published, in any order, to any worker; lose some, repeat some, break some off."""
    while taken := stage.bus.take():
        chance.shuffle(taken)
        for data in taken:
            if chance.random() < trouble:
                continue
            for _ in range(2 if chance.random() < trouble else 1):
                if chance.random() < trouble:
                    kind = chance.choice([FaultKind.LOST_ANSWER, FaultKind.ERROR])
                    status = chance.choice(["UNAVAILABLE", "DEADLINE_EXCEEDED"])
                    fault = Fault(point="firestore.*", kind=kind, skip=chance.randint(0, 6), status=status)
                    stage.local.cloud.faults.inject(fault)
                hand_over(stage, chance, data)
    stage.local.cloud.faults.clear()


def hand_over(stage: Stage, chance: random.Random, data: bytes) -> None:
    worker = chance.choice(stage.workers)
    try:
        worker.handle(data)
    except TransientError:
        worker.handle(data)


@pytest.mark.localcloud
@pytest.mark.parametrize("seed", range(40))
def test_a_random_run_ends_as_the_rules_say(stage: Stage, seed: int) -> None:
    chance = random.Random(seed)
    trouble = 0.0 if seed % 4 == 0 else 0.15
    stage.workers += [stage.make_worker("two"), stage.make_worker("three")]
    shape = random_dag(chance)
    for each in shape.tasks:
        stage.runner.script[each.task_id, 1] = chance.choice(OUTCOMES)
    key = stage.start(shape)
    deliver(stage, chance, trouble)
    if not trouble:
        assert stage.run(key).state.is_terminal, "without trouble no alarm is needed"
    for _ in range(MOST_ROUNDS):
        if stage.run(key).state.is_terminal:
            break
        stage.clock.turn(minutes=3)
        stage.tick()
        deliver(stage, chance, trouble)
    run = stage.run(key)
    states = {task_id: TaskState(state) for task_id, state in stage.states(key).items()}
    ran = {task_id: states[task_id] for task_id, _ in stage.runner.tries}
    ran |= {each.task_id: TaskState.SUCCESS for each in shape.tasks if not each.needs_code}
    assert len(set(stage.runner.tries)) == len(stage.runner.tries)
    assert states == plain_rules.end_states(shape, ran, {})
    assert run.state is plain_rules.run_state(shape, states)
    assert {key.rpartition(":")[0]: state for key, state in run.summary.items()} == states
    assert run.state in (RunState.SUCCESS, RunState.FAILED)
