"""`sailplane cost`."""

from dataclasses import replace

import pytest

from sailplane.model.ids import RunKey
from sailplane.model.states import RunState, TaskState
from sailplane.model.usage import Usage

FIRST = RunKey("etl", "first")


def rows_of(made):
    return {row["service"]: row for row in made["costs"]}


def test_without_measured_runs_the_structure_counts_with_the_times_of_the_last_ones(cli):
    made = cli("cost", "estimate", "etl", "--runs-per-day", "10", "-o", "json").json
    assert (made["basis"], made["measured_runs"]) == ("structure", 0)
    assert made["usage_of_a_run"]["vcpu_seconds"] == pytest.approx(3 * 2, rel=0.1), "each took 2 s"


def test_measured_runs_count_before_the_structure(cli, backend):
    usage = Usage(writes=1000, vcpu_seconds=7, requests=1)
    backend.add_task(FIRST, "extract", TaskState.SUCCESS, usage=usage)
    made = cli("cost", "estimate", "etl", "--runs-per-day", "10", "-o", "json").json
    assert (made["basis"], made["measured_runs"]) == ("runs", 1)
    assert made["usage_of_a_run"]["writes"] == 1000
    assert made["usage_of_a_month"]["writes"] == 300_000


def test_runs_of_another_version_do_not_count(cli, backend):
    backend.add_task(FIRST, "extract", TaskState.SUCCESS, usage=Usage(writes=1000, vcpu_seconds=7))
    run = backend.stored_runs[FIRST]
    backend.stored_runs[FIRST] = replace(run, context=replace(run.context, version=99))
    made = cli("cost", "estimate", "etl", "--runs-per-day", "10", "-o", "json").json
    assert made["basis"] == "structure"


def test_a_time_that_is_given_counts_before_everything(cli, backend):
    backend.add_task(FIRST, "extract", TaskState.SUCCESS, usage=Usage(writes=1000, vcpu_seconds=7))
    made = cli("cost", "estimate", "etl", "--runs-per-day", "1", "--task-seconds", "60", "-o", "json").json
    assert made["basis"] == "structure"
    assert made["usage_of_a_run"]["vcpu_seconds"] == pytest.approx(180, rel=0.01)


def test_mapped_tasks_count_as_often_as_is_said(cli):
    few, many = (
        cli("cost", "estimate", "etl", "--runs-per-day", "1", "--mapped", number, "-o", "json").json
        for number in ("2", "40")
    )
    assert many["usage_of_a_run"]["writes"] == few["usage_of_a_run"]["writes"] + 38 * 3


def test_free_quotas_are_those_of_a_month_with_nothing_else(cli):
    made = cli("cost", "estimate", "etl", "--runs-per-day", "10", "-o", "json").json
    both = rows_of(made)["both"]
    assert both["month_after_free_quotas"] == 0 < both["month"]
    often = rows_of(cli("cost", "estimate", "etl", "--runs-per-day", "100000", "-o", "json").json)["both"]
    assert 0 < often["month_after_free_quotas"] < often["month"]


def test_the_table_says_what_it_stands_on(cli):
    shown = cli("cost", "estimate", "nightly", "--runs-per-day", "1")
    assert shown.code == 0, shown.err
    for words in (
        "Firestore",
        "this DAG",
        "Sailplane, idle",
        "month after free quotas",
        "its structure",
        "1 runs a day",
    ):
        assert words in shown.out


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("none", "--runs-per-day", "1"), 1, "there is no DAG 'none'"),
        (("etl",), 2, "--runs-per-day"),
        (("etl", "--runs-per-day", "-1"), 2, "--runs-per-day"),
    ],
)
def test_a_bad_question_is_told_in_one_line(cli, arguments, code, words):
    shown = cli("cost", "estimate", *arguments)
    assert shown.code == code
    assert words in shown.err


@pytest.mark.parametrize("form", ["table", "json", "yaml"])
def test_prices_are_listed_with_their_pages(cli, form):
    out = cli("cost", "prices", "-o", form).out
    assert "https://cloud.google.com/pubsub/pricing" in out


def test_a_run_that_goes_on_has_an_account_too(cli, backend):
    second = RunKey("etl", "second")
    backend.stored_runs[second] = replace(backend.stored_runs[second], usage=Usage(writes=1), state=RunState.RUNNING)
    assert cli("runs", "show", "etl", "second", "-o", "json").json["cost"] > 0
