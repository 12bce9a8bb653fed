"""Mapped task groups."""

from airflow.sdk import DAG, TaskGroup, task, task_group
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException


@task
def numbers(count=3):
    return list(range(1, count + 1))


@task
def nothing():
    return []


@task
def double(x):
    return x * 2


@task
def plus(x, y):
    return x + y


@task
def listed(values):
    return list(values)


@task
def odd_only(x):
    if x % 2 == 0:
        raise AirflowSkipException("even")
    return x


@task
def odd_or_fail(x):
    if x % 2 == 0:
        raise AirflowFailException("even")
    return x


@task
def constant():
    return "constant"


with DAG("group_over_literal", schedule=None):

    @task_group
    def pair(x):
        return plus(double(x), x)

    listed(pair.expand(x=[1, 2, 3]))

with DAG("group_over_result", schedule=None):

    @task_group
    def pair_of(x):
        return plus(double(x), x)

    listed(pair_of.expand(x=numbers()))

with DAG("group_with_partial", schedule=None):

    @task_group
    def shifted(x, by):
        return plus(double(x), by)

    listed(shifted.partial(by=100).expand(x=numbers()))

with DAG("group_over_product", schedule=None):

    @task_group
    def added(x, y):
        return plus(x, y)

    listed(added.expand(x=[1, 2], y=numbers()))

with DAG("group_over_rows", schedule=None):

    @task_group
    def added_rows(x, y):
        return double(plus(x, y))

    listed(added_rows.expand_kwargs([{"x": 1, "y": 2}, {"x": 3, "y": 4}]))

with DAG("group_zero_length", schedule=None):

    @task_group
    def never(x):
        return double(double(x))

    listed(never.expand(x=nothing()))

with DAG("group_zero_length_joined_by_all_done", schedule=None):

    @task_group
    def never_at_all(x):
        return double(x)

    listed.override(trigger_rule="all_done")(never_at_all.expand(x=nothing()))

with DAG("group_with_skip", schedule=None):

    @task_group
    def sifted(x):
        return double(odd_only(x))

    listed.override(trigger_rule="none_failed")(sifted.expand(x=numbers()))

with DAG("group_with_failure", schedule=None):

    @task_group
    def tried(x):
        return double(odd_or_fail(x))

    listed.override(trigger_rule="all_done")(tried.expand(x=numbers()))

with DAG("group_with_rule_inside", schedule=None):

    @task_group
    def mended(x):
        odd_or_fail(x) >> constant.override(trigger_rule="one_failed")()

    mended.expand(x=numbers())

with DAG("group_producer_fails", schedule=None):

    @task
    def failing():
        raise AirflowFailException("fails")

    @task_group
    def not_reached(x):
        return double(double(x))

    listed(not_reached.expand(x=failing()))

with DAG("group_producer_skips", schedule=None):

    @task
    def skipping():
        raise AirflowSkipException("skips")

    @task_group
    def passed_by(x):
        return double(x)

    listed(passed_by.expand(x=skipping()))

with DAG("group_with_branch", schedule=None):

    @task_group
    def parted(x):
        @task.branch
        def choose(x):
            return "parted.odd" if x % 2 else "parted.even"

        choose(x) >> [constant.override(task_id="odd")(), constant.override(task_id="even")()]

    parted.expand(x=numbers())

with DAG("group_with_branch_and_join", schedule=None):

    @task_group
    def joined(x):
        @task.branch
        def choose(x):
            return "joined.odd" if x % 2 else "joined.even"

        end = constant.override(task_id="end", trigger_rule="none_failed_min_one_success")()
        choose(x) >> [constant.override(task_id="odd")(), constant.override(task_id="even")()] >> end

    joined.expand(x=numbers(2))

with DAG("group_with_short_circuit", schedule=None):

    @task_group
    def circuit(x):
        @task.short_circuit
        def is_odd(x):
            return x % 2 == 1

        is_odd(x) >> constant()

    circuit.expand(x=numbers())

with DAG("group_inside_a_mapped_group", schedule=None):

    @task_group
    def outer(x):
        with TaskGroup("inner"):
            doubled = double(x)
        return plus(doubled, 1)

    listed(outer.expand(x=numbers()))

with DAG("group_with_argument_from_outside", schedule=None):
    outside = double(21)

    @task_group
    def mixed(x):
        return plus(x, outside)

    listed(mixed.expand(x=numbers()))

with DAG("group_after_group", schedule=None):

    @task_group
    def first(x):
        return double(x)

    @task_group
    def second(x):
        return plus(x, 1)

    listed(second.expand(x=first.expand(x=numbers())))

with DAG("group_then_task_by_order_only", schedule=None):

    @task_group
    def work(x):
        double(x)

    work.expand(x=[1, 2]) >> constant()

with DAG("group_with_independent_task", schedule=None):

    @task_group
    def with_free_task(x):
        constant()
        double(x)

    with_free_task.expand(x=numbers(2))

with DAG("mapped_tasks_in_a_plain_group", schedule=None):
    with TaskGroup("plain"):
        doubled_in_group = double.expand(x=numbers())
    listed(doubled_in_group)
