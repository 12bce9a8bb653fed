"""Branches, short circuits and conditions."""
# ruff: noqa: DTZ001 (As authors write them.)

from datetime import datetime, time

from airflow.providers.standard.operators.datetime import BranchDateTimeOperator
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.providers.standard.operators.latest_only import LatestOnlyOperator
from airflow.providers.standard.operators.python import ShortCircuitOperator
from airflow.providers.standard.operators.weekday import BranchDayOfWeekOperator
from airflow.providers.standard.utils.weekday import WeekDay
from airflow.sdk import DAG, BaseBranchOperator, TaskGroup, task, teardown
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException


def empty(task_id, **more):
    return EmptyOperator(task_id=task_id, **more)


@task.branch
def pick(chosen):
    return chosen


@task.short_circuit
def go(on):
    return on


@task.short_circuit(ignore_downstream_trigger_rules=False)
def go_on(on):
    return on


@task
def fails():
    raise AirflowFailException("fails")


@task
def skips():
    raise AirflowSkipException("skips")


@teardown
def delete():
    return None


class Own(BaseBranchOperator):
    def choose_branch(self, context):
        return "b"


with DAG("branch_to_one"):
    pick("a") >> [empty("a"), empty("b")]

with DAG("branch_to_two"):
    pick(["a", "c"]) >> [empty("a"), empty("b"), empty("c")]

with DAG("branch_to_none"):
    pick(None) >> [empty("a"), empty("b")]

with DAG("branch_to_empty_list"):
    pick([]) >> [empty("a"), empty("b")]

with DAG("branch_and_join"):
    p, a, b = pick("a"), empty("a"), empty("b")
    p >> [a, b] >> empty("join", trigger_rule="none_failed_min_one_success")

with DAG("branch_and_strict_join"):
    p, a, b = pick("a"), empty("a"), empty("b")
    p >> [a, b] >> empty("join")

with DAG("branch_with_a_short_way"):
    p, a, join = pick("a"), empty("a"), empty("join")
    p >> [a, join]
    a >> join

with DAG("branch_past_a_task"):
    p, a, join = pick("join"), empty("a"), empty("join", trigger_rule="none_failed_min_one_success")
    p >> [a, join]
    a >> join

with DAG("branch_to_a_group"):
    p = pick("g")
    with TaskGroup("g") as g:
        empty("one") >> empty("two")
        empty("other")
    p >> [g, empty("b")]

with DAG("branch_around_a_group"):
    p = pick("b")
    with TaskGroup("g") as g:
        empty("one") >> empty("two")
        empty("other", trigger_rule="all_done")
    p >> [g, empty("b")]

with DAG("branch_further_down"):
    p, a, b, far = pick("far"), empty("a"), empty("b"), empty("far")
    p >> [a, b]
    a >> far

with DAG("branch_to_what_is_not_there"):
    pick("nowhere") >> [empty("a"), empty("b")]

with DAG("branch_to_a_number"):
    pick(3) >> [empty("a"), empty("b")]

with DAG("branches_in_a_row"):
    first, second = pick("second"), pick.override(task_id="second")("c")
    first >> [second, empty("b")]
    second >> [empty("c"), empty("d")]

with DAG("branch_class_of_its_own"):
    Own(task_id="own") >> [empty("a"), empty("b")]

with DAG("branch_before_all_done"):
    pick("b") >> [empty("a", trigger_rule="all_done"), empty("b")]

with DAG("branch_before_a_failure"):
    pick("fails") >> [fails(), empty("b")] >> empty("join", trigger_rule="none_failed_min_one_success")

with DAG("branch_by_day"):
    BranchDayOfWeekOperator(
        task_id="by_day", week_day=set(WeekDay), follow_task_ids_if_true="a", follow_task_ids_if_false="b"
    ) >> [empty("a"), empty("b")]

with DAG("branch_by_time"):
    BranchDateTimeOperator(
        task_id="by_time",
        target_lower=datetime(2020, 1, 1),
        target_upper=time(0, 0),
        follow_task_ids_if_true=["a"],
        follow_task_ids_if_false=["b"],
        use_task_logical_date=True,
    ) >> [empty("a"), empty("b")]

with DAG("latest_only_by_hand", schedule="@daily", start_date=datetime(2024, 1, 1)):
    LatestOnlyOperator(task_id="latest") >> empty("a") >> empty("b")

with DAG("short_circuit_open"):
    go(True) >> empty("a") >> empty("b")

with DAG("short_circuit_closed"):
    go(False) >> empty("a") >> empty("b", trigger_rule="all_done") >> empty("c")

with DAG("short_circuit_that_respects_rules"):
    go_on(False) >> empty("a") >> empty("b", trigger_rule="all_done") >> empty("c")

with DAG("short_circuit_of_nothing"):
    go([]) >> empty("a")

with DAG("short_circuit_beside_another_way"):
    join = empty("join", trigger_rule="all_done")
    go(False) >> empty("a") >> join
    empty("other") >> join

with DAG("short_circuit_at_the_end"):
    empty("a") >> go(False)

with DAG("short_circuit_before_a_teardown"):
    s = empty("s").as_setup()
    w = empty("w")
    s >> go(False) >> w >> delete().as_teardown(setups=s)

with DAG("short_circuit_operator"):
    ShortCircuitOperator(task_id="op", python_callable=lambda: 0) >> empty("a")

with DAG("conditions"):

    @task.run_if(lambda context: True)
    @task
    def runs():
        return 1

    @task.run_if(lambda context: False, skip_message="no")
    @task
    def runs_not():
        return 1

    @task.skip_if(lambda context: context["ti"].task_id == "skipped")
    @task
    def skipped():
        return 1

    @task.skip_if(lambda context: (False, "never"))
    @task
    def not_skipped():
        return 1

    runs() >> empty("a")
    runs_not() >> empty("b")
    skipped() >> empty("c", trigger_rule="none_failed")
    not_skipped() >> empty("d")

with DAG("skips_in_a_row"):
    skips() >> empty("a") >> empty("b", trigger_rule="none_failed") >> empty("c", trigger_rule="all_skipped")

with DAG("failure_and_skip_join"):
    [fails(), skips()] >> empty("join", trigger_rule="one_failed") >> empty("after", trigger_rule="all_done")

with DAG("failure_handled"):
    fails() >> empty("handles", trigger_rule="all_failed")

with DAG("failure_beside_the_handler"):
    f = fails()
    f >> empty("handles", trigger_rule="one_failed")
    f >> empty("goes_on")

with DAG("branch_in_a_mapped_group"):
    from airflow.sdk import task_group

    @task_group
    def each(n):
        p = pick.override(task_id="p")(n)
        p >> [empty("x"), empty("y")] >> empty("z", trigger_rule="none_failed_min_one_success")

    each.expand(n=["each.x", "each.y"])
