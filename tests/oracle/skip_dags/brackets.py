"""Setups and teardowns around tasks that succeed, fail and are skipped."""
# ruff: noqa: SIM117 (As authors write them.)

from airflow.sdk import DAG, TaskGroup, setup, task, teardown
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException


@task
def works():
    return 1


@task
def fails():
    raise AirflowFailException("fails")


@task
def skips():
    raise AirflowSkipException("skips")


@setup
def create():
    return "made"


@setup
def breaks():
    raise AirflowFailException("breaks")


@setup
def passes():
    raise AirflowSkipException("passes")


# Decorated anew for each call: Airflow raises for the second call of a teardown function.
def delete():
    def delete():
        return "gone"

    return teardown(delete)()


def cannot_delete(**options):
    def cannot_delete():
        raise AirflowFailException("cannot delete")

    return teardown(cannot_delete, **options)()


def must_delete():
    return cannot_delete(on_failure_fail_dagrun=True)


with DAG("bracket_around_success"):
    create() >> works() >> delete()

with DAG("bracket_block"):
    with create() >> delete():
        works() >> works()

with DAG("bracket_around_failure"):
    with create() >> delete():
        fails() >> works()

with DAG("bracket_around_skip"):
    with create() >> delete():
        skips() >> works()

with DAG("setup_fails"):
    with breaks() >> delete():
        works() >> works()

with DAG("setup_is_skipped"):
    with passes() >> delete():
        works() >> works()

with DAG("one_of_two_setups_fails"):
    with [create(), breaks()] >> delete():
        works()

with DAG("one_of_two_setups_is_skipped"):
    with [create(), passes()] >> delete():
        works()

with DAG("teardown_fails"):
    with create() >> cannot_delete():
        works()

with DAG("teardown_fails_and_the_work_too"):
    with create() >> cannot_delete():
        fails()

with DAG("teardown_that_must_not_fail"):
    with create() >> must_delete():
        works()

with DAG("teardown_alone"):
    works() >> cannot_delete()

with DAG("teardown_after_failure_alone"):
    fails() >> delete()

with DAG("only_setup_and_teardown"):
    create() >> cannot_delete()

with DAG("blocks_in_blocks"):
    with create() >> delete():
        works()
        with create() >> delete():
            fails()

with DAG("inner_setup_fails"):
    with create() >> delete():
        works()
        with breaks() >> delete():
            works()

with DAG("work_after_the_block"):
    s = create()
    w = works()
    s >> w >> delete().as_teardown(setups=s)
    w >> works()

with DAG("work_after_a_failing_teardown"):
    s = create()
    t = cannot_delete()
    s >> works() >> t
    t >> works()

with DAG("group_with_teardown_that_fails"):
    with TaskGroup("g") as group:
        with create() >> cannot_delete():
            works()
    group >> works()

with DAG("group_whose_work_fails"):
    with TaskGroup("g") as group:
        with create() >> delete():
            fails()
    group >> works()

with DAG("scope_reaches_indirect_work"):
    s = create()
    a, b, c = fails(), works(), works()
    s >> a >> b >> c >> delete().as_teardown(setups=s)

with DAG("two_brackets_in_a_row"):
    with create() >> delete():
        a = works()
    with create() >> delete():
        b = fails()
    a >> b

with DAG("setup_without_teardown"):
    s = create()
    s >> fails() >> works()

with DAG("failed_setup_far_above"):
    s, other = breaks(), works()
    a = works()
    s >> a
    other >> a
    a >> works() >> delete().as_teardown(setups=s)

with DAG("mapped_work_in_a_bracket"):
    with create() >> delete():
        works.override(task_id="ready")() >> task(lambda n: 1 // n, task_id="each").expand(n=[1, 0, 2])

with DAG("operators_as_setup_and_teardown"):
    one, two, three = works(), fails(), works()
    one >> two >> three.as_teardown(setups=one, on_failure_fail_dagrun=True)

with DAG("teardown_of_two_setups"):
    one, two = create(), create()
    end = delete()
    [one, two] >> works() >> end
    [one, two] >> end

with DAG("teardown_of_a_skipped_and_a_failed_setup"):
    one, two = passes(), breaks()
    end = delete()
    [one, two] >> end
