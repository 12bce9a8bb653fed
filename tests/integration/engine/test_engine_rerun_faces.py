"""Clearing, marking and holding through the REST API and the CLI."""

import io
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from engine_stage import FAILED, Stage, chain, dag, task
from test_engine_mapping import mapped

from sailplane.api.app import App
from sailplane.api.backend import EngineBackend
from sailplane.api.http import Request
from sailplane.api.users import Open
from sailplane.cli.main import run
from sailplane.cli.output import Output
from sailplane.cli.session import Session
from sailplane.model.dags import SerializedGroup
from sailplane.model.ids import RunKey
from sailplane.model.states import RunState

Ask = Callable[..., Any]


@pytest.fixture
def ask(stage: Stage) -> Ask:
    app = App(EngineBackend(stage.cloud), Open())

    def ask(method: str, path: str, body: Any = None, *, status: int = 200) -> Any:
        headers = {"content-type": "application/json"}
        data = b"" if body is None else json.dumps(body).encode()
        answer = app.handle(Request(method=method, path=f"/api/v2/dags/{path}", headers=headers, body=data))
        assert answer.status == status, answer
        return json.loads(answer.body)

    return ask


@pytest.fixture
def cli(stage: Stage) -> Callable[..., Any]:
    def invoke(*arguments: str, code: int = 0) -> Any:
        out, err = io.StringIO(), io.StringIO()
        session = Session(
            environment={"GOOGLE_CLOUD_PROJECT": "p", "SAILPLANE_BUCKET": "b"},
            output=Output(stdout=out, stderr=err),
            open_backend=lambda _environment: EngineBackend(stage.cloud),
        )
        assert run([*arguments, "--output", "json"], session) == code, err.getvalue()
        return json.loads(out.getvalue()) if out.getvalue() else err.getvalue()

    return invoke


def finished(stage: Stage, of: Any, run_id: str = "one", **options: Any) -> RunKey:
    key = stage.start(of, run_id=run_id, **options)
    stage.deliver_all()
    return key


def ids(answer: Any) -> list[tuple[str, str, int]]:
    return [(each["dag_run_id"], each["task_id"], each["map_index"]) for each in answer["task_instances"]]


def test_clearing_is_a_dry_run_unless_it_is_said_otherwise(stage: Stage, ask: Ask) -> None:
    stage.runner.script["t01", 1] = FAILED
    key = finished(stage, chain(3))
    body: dict[str, Any] = {"dag_run_id": "one"}
    before = stage.run(key)
    assert ids(ask("POST", "flight/clearTaskInstances", body)) == [("one", "t01", -1), ("one", "t02", -1)]
    assert stage.run(key) == before
    answer = ask("POST", "flight/clearTaskInstances", {**body, "dry_run": False})
    assert answer["total_entries"] == 2
    assert {each["state"] for each in answer["task_instances"]} == {None, "queued"}
    stage.deliver_all()
    assert stage.run(key).state is RunState.SUCCESS


def test_tasks_can_be_named_one_instance_of_a_mapped_task_too(stage: Stage, ask: Ask) -> None:
    finished(stage, mapped(stage, 3))
    body = {"dag_run_id": "one", "only_failed": False, "task_ids": [["work", 1]], "include_downstream": True}
    assert ids(ask("POST", "flight/clearTaskInstances", body)) == [("one", "join", -1), ("one", "work", 1)]


def test_runs_are_cleared_by_their_logical_dates(stage: Stage, ask: Ask) -> None:
    first = datetime(2026, 2, 1, tzinfo=UTC)
    for number in range(4):
        finished(stage, chain(1), f"run{number}", logical_date=first + timedelta(days=number))
    every = {"only_failed": False}
    between = {**every, "start_date": "2026-02-02T00:00:00Z", "end_date": "2026-02-03T00:00:00Z"}
    assert [each[0] for each in ids(ask("POST", "flight/clearTaskInstances", between))] == ["run1", "run2"]
    past = {**every, "dag_run_id": "run1", "include_past": True}
    assert [each[0] for each in ids(ask("POST", "flight/clearTaskInstances", past))] == ["run0", "run1"]
    future = {**every, "dag_run_id": "run1", "include_future": True}
    assert [each[0] for each in ids(ask("POST", "flight/clearTaskInstances", future))] == ["run1", "run2", "run3"]


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        ({"only_failed": True, "only_running": True}, 422, "only_failed and only_running both are set to True"),
        ({"task_ids": []}, 422, "at least 1 element"),
        ({"dag_run_id": "one", "start_date": "2026-01-01T00:00:00Z"}, 422, "Exactly one of dag_run_id or start_date"),
        ({"dag_run_id": "nobody"}, 404, "Dag Run id nobody not found in dag flight"),
        ({"dag_run_id": "one", "include_past": True}, 400, "no logical_date"),
        ({"dag_run_id": "one", "note": "again"}, 400, "not supported"),
    ],
)
def test_what_cannot_be_cleared_is_told(stage: Stage, ask: Ask, body: Any, status: int, message: str) -> None:
    finished(stage, chain(1))
    assert message in str(ask("POST", "flight/clearTaskInstances", body, status=status)["detail"])


def test_a_run_is_cleared_with_what_failed_or_with_new_tasks(stage: Stage, ask: Ask) -> None:
    key = finished(stage, chain(1))
    where = "flight/dagRuns/one/clear"
    assert ids(ask("POST", where, {})) == [("one", "t00", -1)]
    assert ask("POST", where, {"only_failed": True})["total_entries"] == 0
    stage.push(chain(2))
    new = ask("POST", where, {"only_new": True})
    assert new["task_instances"] == [{"task_id": "t01", "task_display_name": "t01"}]
    answer = ask("POST", where, {"only_new": True, "dry_run": False, "note": "one more"})
    assert (answer["dag_run_id"], answer["state"], answer["note"]) == ("one", "running", "one more")
    stage.deliver_all()
    assert stage.states(key) == {"t00": "success", "t01": "success"}
    ask("POST", where, {"only_new": True, "only_failed": True}, status=422)


def test_a_run_and_its_task_instances_are_marked(stage: Stage, ask: Ask) -> None:
    stage.runner.script["t00", 1] = FAILED
    finished(stage, chain(2))
    where = "flight/dagRuns/one"
    dry = ask("PATCH", f"{where}/taskInstances/t00/dry_run", {"new_state": "success"})
    assert [(each["task_id"], each["state"]) for each in dry["task_instances"]] == [("t00", "failed")]
    done = ask("PATCH", f"{where}/taskInstances/t00", {"new_state": "success"})
    assert [(each["task_id"], each["state"]) for each in done["task_instances"]] == [("t00", "success")]
    stage.deliver_all()
    assert ask("GET", where)["state"] == "success"
    marked = ask("PATCH", where, {"state": "failed", "note": "it was wrong"})
    assert (marked["state"], marked["note"]) == ("failed", "it was wrong")
    ask("PATCH", where, {"state": "running"}, status=422)
    ask("PATCH", f"{where}/taskInstances/t00", {"new_state": "queued"}, status=422)
    ask("PATCH", f"{where}/taskInstances/nobody", {"new_state": "success"}, status=404)


def test_the_tasks_of_a_group_are_marked_together(stage: Stage, ask: Ask) -> None:
    groups = (SerializedGroup(group_id="g"), SerializedGroup(group_id="h", parent_id="g"))
    of = dag(task("a", group_id="g"), task("b", "a", group_id="h"), task("c", "b"), groups=groups)
    finished(stage, of)
    done = ask("PATCH", "flight/dagRuns/one/taskGroupInstances/g", {"new_state": "skipped"})
    assert {(each["task_id"], each["state"]) for each in done["task_instances"]} == {("a", "skipped"), ("b", "skipped")}
    ask("PATCH", "flight/dagRuns/one/taskGroupInstances/x", {"new_state": "skipped"}, status=404)


def test_a_run_is_held_and_resumed(stage: Stage, ask: Ask) -> None:
    key = stage.start(chain(1), run_id="one")
    where = "flight/dagRuns/one"
    assert ask("GET", f"{where}/hold")["is_held"] is False
    held = ask("POST", f"{where}/hold", {"reason": "maintenance", "resume_at": "2126-01-01T00:00:00Z"})
    assert (held["is_held"], held["reason"], held["resume_at"]) == (True, "maintenance", "2126-01-01T00:00:00Z")
    stage.deliver_all()
    assert stage.runner.tries == []
    assert ask("POST", f"{where}/resume")["is_held"] is False
    stage.deliver_all()
    assert stage.run(key).state is RunState.SUCCESS
    ask("POST", f"{where}/hold", {}, status=400)


def test_the_command_line_clears_tasks(stage: Stage, cli: Callable[..., Any]) -> None:
    key = finished(stage, chain(3))
    rows = cli("tasks", "clear", "flight", "--run-id", "one", "-t", "t01", "-d", "--dry-run")
    assert [(row["run_id"], row["task_id"]) for row in rows] == [("one", "t01"), ("one", "t02")]
    assert stage.run(key).state is RunState.SUCCESS
    cli("tasks", "clear", "flight", "--run-id", "one", "-t", "t01", "-d", "--yes")
    stage.deliver_all()
    assert stage.runner.tries[3:] == [("t01", 2), ("t02", 2)]
    assert "no task" in cli("tasks", "clear", "flight", "--run-id", "one", "-t", "nobody", code=1)
    assert "regular expression" in cli("tasks", "clear", "flight", "--run-id", "one", "-t", "(", code=1)


def test_the_command_line_clears_runs(stage: Stage, cli: Callable[..., Any]) -> None:
    stage.runner.script["t01", 1] = FAILED
    finished(stage, chain(2), logical_date=datetime(2026, 2, 1, tzinfo=UTC))
    assert [row["task_id"] for row in cli("runs", "clear", "flight", "one", "-f", "--dry-run")] == ["t01"]
    assert [row["task_id"] for row in cli("dags", "clear", "flight", "-s", "2026-02-01", "-e", "2026-02-01", "-y")] == [
        "t00",
        "t01",
    ]
    stage.deliver_all()
    assert stage.run(RunKey("flight", "one")).state is RunState.SUCCESS
    assert cli("dags", "clear", "flight", "-s", "2026-03-01", "-y") == []


def test_the_command_line_marks_and_holds(stage: Stage, cli: Callable[..., Any]) -> None:
    key = stage.start(chain(2), run_id="one")
    held = cli("runs", "hold", "flight", "one", "--reason", "wait for me")
    assert (held["is_held"], held["reason"]) == (True, "wait for me")
    assert cli("tasks", "mark", "flight", "one", "t00", "success")[0]["state"] == "success"
    assert cli("runs", "resume", "flight", "one")["is_held"] is False
    stage.deliver_all()
    assert stage.runner.tries == [("t01", 1)]
    assert cli("runs", "mark", "flight", "one", "failed")[0]["state"] == "failed"
    assert stage.run(key).state is RunState.FAILED
