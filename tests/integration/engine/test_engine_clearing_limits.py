"""Places in pools and limits of what is cleared or held go to others."""

from engine_stage import Stage, dag, task

from sailplane.engine import clearing, holding
from sailplane.engine.clearing import Clear
from sailplane.model.states import RunState


def test_a_place_of_what_was_cleared_goes_to_who_waits(stage: Stage) -> None:
    of = dag(*(task(f"t{number}") for number in range(3)), max_active_tasks=1)
    key = stage.start(of)
    states = stage.states(key)
    assert sorted(states.values()) == ["queued", "scheduled", "scheduled"]
    (queued,) = (name for name, state in states.items() if state == "queued")
    clearing.clear(stage.cloud, stage.clock, key, Clear(named=(queued,)))
    assert sorted(stage.states(key).values()) == ["queued", "scheduled", "scheduled"]
    stage.deliver_all()
    assert sorted(stage.runner.tries) == [("t0", 1), ("t1", 1), ("t2", 1)]
    assert stage.run(key).state is RunState.SUCCESS


def test_a_run_that_is_held_gives_its_places_back(stage: Stage) -> None:
    of = dag(*(task(f"t{number}") for number in range(3)), max_active_tasks=2)
    key = stage.start(of)
    holding.hold(stage.cloud, stage.clock, key)
    assert set(stage.states(key).values()) == {"scheduled"}
    stage.clock.turn(minutes=11)
    stage.tick()
    stage.deliver_all()
    assert stage.runner.tries == []
    holding.resume(stage.cloud, stage.clock, key)
    stage.deliver_all()
    assert sorted(stage.runner.tries) == [("t0", 1), ("t1", 1), ("t2", 1)]
    assert stage.run(key).state is RunState.SUCCESS
