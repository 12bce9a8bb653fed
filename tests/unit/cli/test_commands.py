from dataclasses import replace
from datetime import UTC, datetime

import pytest
import yaml

from sailplane.model.errors import Unavailable
from sailplane.model.ids import RunKey
from sailplane.model.interventions import RunHold
from sailplane.model.states import RunState, TaskState, TriggeredBy


def test_dags_are_listed_in_every_form(cli):
    table = cli("dags", "list")
    assert table.code == 0
    assert "nightly" in table.out
    listed = cli("dags", "list", "-o", "json").json
    assert [dag["dag_id"] for dag in listed] == ["etl", "nightly"]
    assert yaml.safe_load(cli("dags", "list", "-o", "yaml").out) == listed


def test_dags_are_listed_by_tag(cli):
    assert [dag["dag_id"] for dag in cli("dags", "list", "--tag", "data", "-o", "json").json] == ["etl"]


def test_a_dag_that_the_newest_push_lacked_is_listed_when_asked_for(cli, backend):
    backend.add_dag(backend.versions["etl", 1], is_stale=True)
    assert [dag["dag_id"] for dag in cli("dags", "list", "-o", "json").json] == ["nightly"]
    assert len(cli("dags", "list", "--all", "-o", "json").json) == 2


def test_a_dag_is_shown_with_its_tasks(cli):
    shown = cli("dags", "show", "etl", "-o", "json").json
    assert shown["params"] == {"day": 1}
    assert [task["task_id"] for task in shown["tasks"]] == ["extract", "load", "tail.report"]
    assert "tail.report" in cli("dags", "show", "etl").out


def test_a_long_cell_is_not_cut_when_nobody_looks(cli, backend):
    run_id = "manual__" + "x" * 200
    backend.add_run("etl", run_id, RunState.SUCCESS)
    assert run_id in cli("runs", "list", "etl").out


def test_a_trigger_hands_on_all_it_was_given(cli, backend):
    result = cli(
        *("dags", "trigger", "etl", "--conf", '{"day": 2}', "--run-id", "mine"),
        *("--logical-date", "2026-03-01", "--note", "why", "-o", "json"),
    )
    assert result.json[0]["run_id"] == "mine"
    (order,) = backend.orders
    assert order.conf == {"day": 2}
    assert order.logical_date == datetime(2026, 3, 1, tzinfo=UTC)
    assert order.triggered_by is TriggeredBy.CLI
    assert order.note == "why"


@pytest.mark.parametrize(("state", "code"), [(RunState.SUCCESS, 0), (RunState.FAILED, 1)])
def test_a_trigger_that_waits_follows_the_run_and_tells_its_end(cli, backend, state, code):
    steps = iter([TaskState.RUNNING, TaskState.SUCCESS])
    key = RunKey("etl", "mine")

    def one_step_on():
        step = next(steps, None)
        if step is None:
            backend.add_run("etl", "mine", state)
        else:
            backend.add_task(key, "extract", step)

    result = cli("dags", "trigger", "etl", "--run-id", "mine", "--wait", "-o", "json", on_sleep=one_step_on)
    assert result.code == code
    assert result.json["state"] == state
    assert [one["state"] for one in result.json["task_instances"]] == ["success", None, None]
    assert "extract: running\nextract: success\n" in result.err


def test_a_dag_is_paused_and_unpaused(cli, backend):
    assert cli("dags", "pause", "etl", "-o", "json").json[0]["is_paused"] is True
    assert backend.records["etl"].is_paused
    cli("dags", "unpause", "etl")
    assert not backend.records["etl"].is_paused


def test_broken_files_are_listed(cli):
    (error,) = cli("dags", "list-import-errors", "-o", "json").json
    assert (error["file"], error["message"]) == ("bad.py", "bad.py:3: oh no")


def test_runs_are_listed_newest_first(cli):
    assert [run["run_id"] for run in cli("runs", "list", "-o", "json").json] == ["second", "first"]
    assert [run["run_id"] for run in cli("runs", "list", "etl", "--limit", "1", "-o", "json").json] == ["second"]
    assert [run["run_id"] for run in cli("runs", "list", "--state", "success", "-o", "json").json] == ["first"]


def test_a_run_is_shown_with_its_task_instances(cli):
    shown = cli("runs", "show", "etl", "first", "-o", "json").json
    assert shown["duration"] == 5.0
    assert [(one["task_id"], one["map_index"]) for one in shown["task_instances"]] == [
        ("extract", -1),
        ("load", 0),
        ("load", 1),
        ("tail.report", -1),
    ]
    assert "tail.report" in cli("runs", "show", "etl", "first").out


def test_tasks_and_their_states_are_listed(cli):
    assert [task["operator"] for task in cli("tasks", "list", "etl", "-o", "json").json] == [
        "PythonOperator",
        "PythonOperator",
        "BashOperator",
    ]
    states = cli("tasks", "states-for-dag-run", "etl", "second", "-o", "json").json
    assert [(one["task_id"], one["state"]) for one in states] == [
        ("extract", "running"),
        ("load", None),
        ("tail.report", None),
    ]


def test_a_log_is_printed_as_text_or_as_lines(cli):
    text = cli("tasks", "logs", "etl", "first", "extract").out
    assert text == "2026-03-01T12:00:00Z INFO hello\n2026-03-01T12:00:01Z INFO bye <b>\n"
    assert [line["event"] for line in cli("tasks", "logs", "etl", "first", "extract", "-o", "json").json] == [
        "hello",
        "bye <b>",
    ]


def test_a_log_is_followed_to_the_end_of_its_try(cli, backend):
    key = RunKey("etl", "second")
    ((_key, lines),) = [item for item in backend.logs.items() if item[0][0] == key]

    def one_step_on():
        lines.append({"event": "more"})
        backend.add_task(key, "extract", TaskState.SUCCESS)

    assert cli("tasks", "logs", "etl", "second", "extract", "-f", on_sleep=one_step_on).out == "at work\nmore\n"


def test_the_version_is_printed(cli):
    assert cli("version").out.strip() == cli("version", "-o", "json").json["version"]


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("dags", "show", "absent"), 1, "no DAG 'absent'"),
        (("dags", "trigger", "absent"), 1, "'absent'"),
        (("dags", "trigger", "etl", "--run-id", "first"), 1, "exists"),
        (("dags", "trigger", "etl", "--conf", "{"), 2, "--conf"),
        (("dags", "trigger", "etl", "--conf", "[1]"), 2, "JSON object"),
        (("dags", "trigger", "etl", "--logical-date", "soon"), 2, "2026-03-01"),
        (("dags", "pause", "absent"), 1, "absent"),
        (("runs", "list", "absent"), 1, "no DAG 'absent'"),
        (("runs", "list", "--state", "sleeping"), 2, "sleeping"),
        (("runs", "list", "--limit", "0"), 2, "limit"),
        (("runs", "show", "etl", "absent"), 1, "no run 'absent'"),
        (("tasks", "list", "absent"), 1, "no DAG 'absent'"),
        (("tasks", "logs", "etl", "absent", "extract"), 1, "no run 'absent'"),
        (("tasks", "logs", "etl", "first", "absent"), 1, "no task instance absent"),
        (("tasks", "logs", "etl", "first", "load"), 1, "--map-index 0 to 1"),
        (("tasks", "states-for-dag-run", "etl", "absent"), 1, "no run 'absent'"),
        (("dags", "fly"), 2, "fly"),
        (("dags", "list", "-o", "xml"), 2, "xml"),
        (("dags", "show"), 2, "DAG_ID"),
    ],
)
def test_a_bad_command_is_told_in_one_line(cli, arguments, code, words):
    result = cli(*arguments)
    assert result.code == code
    assert result.out == ""
    assert words in result.err
    assert len(result.err.splitlines()) == 1
    assert result.err.startswith("Error: ")


def test_a_cloud_that_does_not_answer_is_told_in_one_line(cli, backend):
    backend.trouble = Unavailable("Firestore did not answer\nin 20 s")
    result = cli("dags", "list")
    assert (result.code, result.err) == (1, "Error: Firestore did not answer in 20 s\n")


def test_who_calls_a_command_wrongly_is_led_to_its_own_help(cli):
    wrong = cli("runs", "list", "--dag-id", "etl")
    assert wrong.code == 2
    assert "see `sailplane runs list --help`" in wrong.err


def test_a_run_that_is_held_says_so_and_why(cli, backend):
    run = backend.add_run("etl", "mine", RunState.RUNNING)
    assert cli("runs", "show", "etl", "mine", "-o", "json").json["is_held"] is False
    backend.stored_runs[run.key] = replace(run, hold=RunHold(since=run.queued_at, reason="we move"))
    shown = cli("runs", "show", "etl", "mine", "-o", "json").json
    assert (shown["is_held"], shown["hold_reason"], shown["resume_at"]) == (True, "we move", None)


def test_a_task_that_was_skipped_is_told_to_have_no_log(cli, backend):
    run = backend.add_run("etl", "mine", RunState.SUCCESS)
    backend.add_task(run.key, "load", TaskState.SKIPPED)
    shown = cli("tasks", "logs", "etl", "mine", "load")
    assert (shown.code, shown.out) == (0, "")
    assert shown.err.startswith("Nothing was logged: load is skipped")
