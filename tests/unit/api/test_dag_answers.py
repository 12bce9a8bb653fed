import json

import pytest


def ids(document):
    return [dag["dag_id"] for dag in document["dags"]]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["etl", "nightly"]),
        ("?paused=true", ["nightly"]),
        ("?paused=false", ["etl"]),
        ("?tags=data", ["etl"]),
        ("?tags=data&tags=prod", ["etl", "nightly"]),
        ("?tags=data&tags=prod&tags_match_mode=all", ["etl"]),
        ("?dag_id_pattern=NIGHT%25ly", ["nightly"]),
        ("?dag_id_pattern=etl|nothing", ["etl"]),
        ("?dag_id_pattern=~", ["etl", "nightly"]),
        ("?dag_id_prefix_pattern=ni", ["nightly"]),
        ("?owners=ada", ["etl"]),
        ("?order_by=-dag_id", ["nightly", "etl"]),
        ("?order_by=next_dagrun", ["nightly", "etl"]),
        ("?limit=1", ["etl"]),
        ("?limit=1&offset=1", ["nightly"]),
        ("?offset=9", []),
        ("?no_such_filter=1", ["etl", "nightly"]),
    ],
)
def test_the_list_of_dags_is_filtered_ordered_and_cut(client, query, expected):
    assert ids(client.read(f"/api/v2/dags{query}")) == expected


def test_the_total_counts_what_fits_the_filter_and_not_the_page(client):
    assert client.read("/api/v2/dags?limit=1")["total_entries"] == 2


def test_a_stale_dag_is_shown_only_when_asked_for(client, backend):
    backend.add_dag(backend.versions["etl", 1], is_stale=True)
    assert ids(client.read("/api/v2/dags")) == ["nightly"]
    assert ids(client.read("/api/v2/dags?exclude_stale=false")) == ["etl", "nightly"]


def test_a_dag_shows_its_schedule_and_next_run(client):
    dag = client.read("/api/v2/dags/nightly")
    assert dag["timetable_summary"] == "0 3 * * *"
    assert dag["next_dagrun_run_after"] == "2026-03-01T12:00:00Z"
    assert dag["is_paused"] is True


def test_a_dag_without_schedule_has_no_timetable_summary(client):
    assert client.read("/api/v2/dags/etl")["timetable_summary"] is None


def test_the_details_show_params_and_running_runs(client):
    details = client.read("/api/v2/dags/etl/details")
    assert details["params"]["day"] == {
        "value": 1,
        "description": "which day",
        "schema": {"type": "integer"},
        "source": None,
    }
    assert details["active_runs_count"] == 1
    assert details["latest_dag_version"]["version_number"] == 1


def test_a_dag_is_paused_and_unpaused(client, backend):
    for wanted in (True, False):
        answer = client.ask("PATCH", "/api/v2/dags/etl", {"is_paused": wanted})
        assert json.loads(answer.body)["is_paused"] is wanted
        assert backend.records["etl"].is_paused is wanted


def test_only_the_pause_can_be_patched(client):
    answer = client.ask("PATCH", "/api/v2/dags/etl?update_mask=description", {"is_paused": True})
    assert answer.status == 400


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/api/v2/dags/absent", None, 404),
        ("GET", "/api/v2/dags/absent/details", None, 404),
        ("GET", "/api/v2/dags/absent/tasks", None, 404),
        ("PATCH", "/api/v2/dags/absent", {"is_paused": True}, 404),
        ("PATCH", "/api/v2/dags/etl", {"is_paused": "maybe"}, 422),
        ("PATCH", "/api/v2/dags/etl", {}, 422),
        ("PATCH", "/api/v2/dags/etl", {"is_paused": True, "color": "red"}, 422),
        ("DELETE", "/api/v2/dags/etl", None, 405),
        ("GET", "/api/v2/nothing", None, 404),
        ("GET", "/api/v2/dags?limit=many", None, 422),
        ("GET", "/api/v2/dags?limit=-1", None, 422),
        ("GET", "/api/v2/dags?order_by=color", None, 400),
    ],
)
def test_a_bad_request_gets_its_status_and_a_detail(client, method, path, body, status):
    answer = client.ask(method, path, body)
    assert answer.status == status
    assert json.loads(answer.body)["detail"]


def test_a_validation_error_names_the_field_as_airflow_does(client):
    answer = client.get("/api/v2/dags?limit=many")
    (problem,) = json.loads(answer.body)["detail"]
    assert problem["loc"] == ["query", "limit"]
    assert problem["input"] == "many"


def test_the_tasks_of_a_dag_are_listed_by_id(client):
    document = client.read("/api/v2/dags/etl/tasks")
    assert [task["task_id"] for task in document["tasks"]] == ["extract", "load", "tail.report"]
    assert document["tasks"][0]["downstream_task_ids"] == ["load"]
    assert document["tasks"][0]["retry_delay"] == {"__type": "TimeDelta", "days": 0, "seconds": 300, "microseconds": 0}


def test_one_task_is_shown_or_not_found(client):
    assert client.read("/api/v2/dags/etl/tasks/load")["is_mapped"] is True
    assert client.get("/api/v2/dags/etl/tasks/absent").status == 404


def test_broken_files_are_listed_and_found_by_number(client):
    (error,) = client.read("/api/v2/importErrors")["import_errors"]
    assert error["filename"] == "bad.py"
    assert error["stack_trace"] == "Traceback ..."
    assert client.read(f"/api/v2/importErrors/{error['import_error_id']}") == error
    assert client.get("/api/v2/importErrors/1").status == 404
