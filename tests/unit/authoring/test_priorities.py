"""`priority_weight` and `weight_rule`: what a task's priority is."""

import pytest
from authored_bundle import Bundle

from sailplane import DAG, EmptyOperator, chain
from sailplane.authoring.loading import parse_bundle
from sailplane.authoring.priorities import PriorityWeightStrategy, WeightRule, priorities, weight_rule


def diamond(rule: object = WeightRule.DOWNSTREAM) -> DAG:
    """a >> [b, c] >> d, with the weights 1, 10, 100 and 1000."""
    with DAG("diamond", schedule=None) as dag:
        a, b, c, d = (
            EmptyOperator(task_id=name, priority_weight=10**place, weight_rule=rule)
            for place, name in enumerate("abcd")
        )
        a >> [b, c] >> d
    return dag


def of(dag: DAG) -> dict[str, tuple[int, ...]]:
    return dict(priorities([dag.task_dict[name] for name in "abcd"]))


def test_by_default_all_that_is_behind_a_task_counts_each_once() -> None:
    assert of(diamond()) == {"a": (1111,), "b": (1010,), "c": (1100,), "d": (1000,)}


def test_upstream_counts_what_is_before() -> None:
    assert of(diamond("upstream")) == {"a": (1,), "b": (11,), "c": (101,), "d": (1111,)}


@pytest.mark.parametrize("rule", ["absolute", None])
def test_absolute_counts_the_task_alone(rule: str | None) -> None:
    assert of(diamond(rule)) == {"a": (1,), "b": (10,), "c": (100,), "d": (1000,)}


class Decreasing(PriorityWeightStrategy):
    """Airflow's example of a rule of one's own."""

    def get_weight(self, ti) -> int:  # type: ignore[no-untyped-def]
        return max(3 - ti.try_number + 1, 1)


@pytest.mark.parametrize("rule", [Decreasing(), Decreasing, f"{__name__}.Decreasing"])
def test_a_rule_of_ones_own_is_asked_for_each_try(rule: object) -> None:
    with DAG("own", schedule=None):
        task = EmptyOperator(task_id="a", weight_rule=rule, retries=5)
    assert priorities([task]) == {"a": (3, 2, 1)}


def test_a_rule_that_gives_no_number_is_an_error_of_the_file(bundle: Bundle) -> None:
    code = """
from sailplane import DAG, EmptyOperator, chain
from sailplane.authoring.loading import parse_bundle
from sailplane.authoring.priorities import PriorityWeightStrategy

class Odd(PriorityWeightStrategy):
    def get_weight(self, ti):
        return "much"

with DAG("odd", schedule=None):
    EmptyOperator(task_id="a", weight_rule=Odd())
"""
    bundle.write("odd.py", code)
    (error,) = parse_bundle(bundle.root).errors
    assert "task 'a': Odd.get_weight gave 'much', which is no int" in error.message


@pytest.mark.parametrize("value", ["sideways", "no.such.Rule", 5])
def test_a_rule_that_is_none_is_told(value: object) -> None:
    with pytest.raises(ValueError, match=r"there is no weight_rule .*; there are downstream, upstream, absolute"):
        weight_rule("a", value)


@pytest.mark.parametrize("name", ["max_active_tis_per_dag", "max_active_tis_per_dagrun"])
def test_a_limit_under_one_is_told(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} must be 1 or more, but is 0"):
        EmptyOperator(task_id="a", **{name: 0})


def test_thousands_of_tasks_in_a_chain_are_weighed_in_a_moment() -> None:
    with DAG("long", schedule=None):
        tasks = [EmptyOperator(task_id=f"t{n}") for n in range(3000)]
        chain(*tasks)
    assert priorities(tasks)["t0"] == (3000,)
