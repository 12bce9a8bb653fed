"""Some of what Airflow was recorded to do, through the whole engine: store, messages, worker, child processes."""

import pytest
import random_dags
from engine_flights import Flight
from recorded_runs import expected, for_sailplane, recorded, text_of

from sailplane.model import xcom
from sailplane.model.ids import RunKey

SEEDS = (1, 6, 12, 33, 53, 77, 93, 99, 105, 126, 129, 145, 174, 177, 185, 217, 231)
"""Each of these has several of mapping, groups, branches, brackets, skips and retries."""
DAGS = [*map(random_dags.dag_id, SEEDS), "rule_none_failed_min_one_success", "rule_one_failed"]
MOST_ROUNDS = 10


def play(flight: Flight, dag_id: str) -> RunKey:
    """Fly it to its end; where something waits, the clock goes on and it ticks."""
    key = flight.fly(for_sailplane(text_of(dag_id)))
    for _ in range(MOST_ROUNDS):
        if flight.stage.run(key).state.is_terminal:
            break
        flight.stage.clock.turn(minutes=1)
        flight.stage.tick()
        while taken := flight.stage.bus.take():
            for data in taken:
                flight.worker.handle(data)
    return key


@pytest.mark.parametrize("dag_id", DAGS)
def test_a_dag_ends_in_the_engine_as_in_airflow(flight: Flight, dag_id: str) -> None:
    rows = recorded("rules.json" if dag_id.startswith("rule") else "random.json")
    wanted = expected(dag_id, rows[dag_id])
    key = play(flight, dag_id)
    instances = {str(each.key): each for each in flight.stage.cloud.store.tasks(key)}
    assert {name: str(each.state) for name, each in instances.items()} == wanted["states"]
    assert str(flight.stage.run(key).state) == wanted["run"]
    assert {name: each.try_number for name, each in instances.items() if each.try_number > 1} == wanted["tries"]
    values = {
        name: xcom.loads(each.xcoms["return_value"])
        for name, each in instances.items()
        if "return_value" in each.xcoms and not random_dags.is_head(name)
    }
    assert values == wanted["values"]
