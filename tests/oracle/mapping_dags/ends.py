"""Skips, failures, trigger rules and lengths of zero around mapped tasks."""

from airflow.sdk import DAG, task
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException


@task
def numbers(count=3):
    return list(range(1, count + 1))


@task
def nothing():
    return []


@task
def fails():
    raise AirflowFailException("fails")


@task
def skips():
    raise AirflowSkipException("skips")


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
def same(x):
    return x


@task
def listed(values):
    return list(values)


with DAG("zero_length", schedule=None):
    listed(same.expand(x=nothing()))

with DAG("zero_length_joined_by_all_done", schedule=None):
    listed.override(trigger_rule="all_done")(same.expand(x=nothing()))

with DAG("zero_length_joined_by_none_failed", schedule=None):
    listed.override(trigger_rule="none_failed")(same.expand(x=nothing()))

with DAG("zero_length_literal", schedule=None):
    listed(same.expand(x=[]))

with DAG("zero_length_times_three", schedule=None):

    @task
    def both(x, y):
        return [x, y]

    listed(both.expand(x=numbers(), y=nothing()))

with DAG("zero_length_twice", schedule=None):
    listed(same.override(task_id="second").expand(x=same.expand(x=nothing())))

with DAG("producer_fails", schedule=None):
    listed(same.expand(x=fails()))

with DAG("producer_skips", schedule=None):
    listed(same.expand(x=skips()))

with DAG("producer_fails_joined_by_all_done", schedule=None):
    listed.override(trigger_rule="all_done")(same.expand(x=fails()))

with DAG("producer_returns_nothing", schedule=None):

    @task
    def returns_nothing():
        pass

    listed(same.expand(x=returns_nothing()))

with DAG("producer_returns_text", schedule=None):

    @task
    def returns_text():
        return "abc"

    listed(same.expand(x=returns_text()))

with DAG("producer_returns_too_much", schedule=None):
    listed(same.expand(x=numbers(1025)))

with DAG("some_skip", schedule=None):
    listed(odd_only.expand(x=[1, 2, 3]))

with DAG("some_skip_joined_by_none_failed", schedule=None):
    listed.override(trigger_rule="none_failed")(odd_only.expand(x=[1, 2, 3]))

with DAG("some_skip_then_mapped", schedule=None):
    listed(same.override(trigger_rule="none_failed").expand(x=odd_only.expand(x=[1, 2, 3])))

with DAG("some_skip_then_mapped_by_all_success", schedule=None):
    listed(same.expand(x=odd_only.expand(x=[1, 2, 3])))

with DAG("all_skip_then_mapped", schedule=None):
    mapped = same.override(trigger_rule="all_done").expand(x=odd_only.expand(x=[2, 4]))
    listed.override(trigger_rule="all_done")(mapped)

with DAG("some_fail", schedule=None):
    listed(odd_or_fail.expand(x=[1, 2, 3]))

with DAG("some_fail_joined_by_all_done", schedule=None):
    listed.override(trigger_rule="all_done")(odd_or_fail.expand(x=[1, 2, 3]))

with DAG("some_fail_joined_by_one_success", schedule=None):
    odd_or_fail.expand(x=[1, 2, 3]) >> same.override(task_id="after", trigger_rule="one_success")(1)

with DAG("some_fail_joined_by_one_failed", schedule=None):
    odd_or_fail.expand(x=[1, 2, 3]) >> same.override(task_id="after", trigger_rule="one_failed")(1)

with DAG("all_fail_joined_by_all_failed", schedule=None):
    odd_or_fail.expand(x=[2, 4]) >> same.override(task_id="after", trigger_rule="all_failed")(1)

with DAG("some_fail_then_mapped", schedule=None):
    listed(same.override(trigger_rule="all_done").expand(x=odd_or_fail.expand(x=[1, 2, 3])))

with DAG("skip_raised_in_map", schedule=None):

    def positive(n):
        if n == 2:
            raise AirflowSkipException("two")
        return n

    listed.override(trigger_rule="none_failed")(same.expand(x=numbers().map(positive)))

with DAG("error_raised_in_map", schedule=None):

    def wrong(n):
        if n == 2:
            raise ValueError("two")
        return n

    listed.override(trigger_rule="all_done")(same.expand(x=numbers().map(wrong)))

with DAG("mapped_retries", schedule=None):

    @task(retries=1, retry_delay=0)
    def second_time(x, ti=None):
        if x == 2 and ti.try_number == 1:
            raise AirflowException("once")
        return [x, ti.try_number]

    listed(second_time.expand(x=[1, 2, 3]))

with DAG("upstream_besides_the_producer_skips", schedule=None):
    after = same.expand(x=numbers())
    skips() >> after
    listed(after)

with DAG("upstream_besides_the_producer_fails", schedule=None):
    later = same.expand(x=numbers())
    fails() >> later
    listed(later)

with DAG("literal_after_failure", schedule=None):
    fails() >> same.expand(x=[1, 2])

with DAG("literal_after_skip", schedule=None):
    skips() >> same.expand(x=[1, 2])

with DAG("literal_after_failure_by_all_done", schedule=None):
    fails() >> same.override(trigger_rule="all_done").expand(x=[1, 2])

with DAG("branch_to_mapped", schedule=None):

    @task.branch
    def choose():
        return "taken"

    chosen = choose()
    chosen >> [same.override(task_id="taken").expand(x=[1, 2]), same.override(task_id="left").expand(x=[1, 2])]

with DAG("branch_past_a_producer", schedule=None):

    @task.branch
    def choose_other():
        return "other"

    chosen_other = choose_other()
    made = numbers()
    chosen_other >> [made, same.override(task_id="other")(1)]
    listed(same.expand(x=made))

with DAG("short_circuit_before_mapped", schedule=None):

    @task.short_circuit
    def stop():
        return False

    stop() >> same.expand(x=[1, 2]) >> same.override(task_id="end")(1)

with DAG("mapped_short_circuit", schedule=None):

    @task.short_circuit
    def only_two(x):
        return x == 2

    only_two.expand(x=[1, 2]) >> same.override(task_id="after")(1)

with DAG("wrong_argument_from_a_row", schedule=None):

    @task
    def bad_rows():
        return [{"x": 1}, {"z": 2}, "no dict"]

    listed.override(trigger_rule="all_done")(same.expand_kwargs(bad_rows()))

with DAG("instance_returns_nothing", schedule=None):

    @task
    def two_only(x):
        return x if x == 2 else None

    listed(same.expand(x=two_only.expand(x=[1, 2, 3])))
