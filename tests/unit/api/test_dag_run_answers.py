import json
from datetime import UTC, datetime

import pytest

from sailplane.model.states import RunState, TriggeredBy

RUNS = "/api/v2/dags/etl/dagRuns"


def ids(document):
    return [run["dag_run_id"] for run in document["dag_runs"]]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["first", "second"]),
        ("?order_by=-run_after", ["second", "first"]),
        ("?state=running", ["second"]),
        ("?state=running&state=success", ["first", "second"]),
        ("?run_id_pattern=fir", ["first"]),
        ("?run_after_gt=2026-03-01T12:00:00Z", ["second"]),
        ("?run_after_lte=2026-03-01T12:00:00Z", ["first"]),
        ("?end_date_gte=2020-01-01T00:00:00Z", ["first"]),
        ("?run_type=scheduled", []),
        ("?limit=1&offset=1", ["second"]),
        ("?limit=1&order_by=-id", ["second"]),
        ("?limit=0", []),
        ("?order_by=state&order_by=-run_after", ["second", "first"]),
        ("?order_by=end_date", ["first", "second"]),
    ],
)
def test_the_list_of_runs_is_filtered_ordered_and_cut(client, query, expected):
    assert ids(client.read(RUNS + query)) == expected


def test_the_total_counts_all_runs_that_fit(client):
    assert client.read(f"{RUNS}?limit=1")["total_entries"] == 2
    assert client.read(f"{RUNS}?limit=0&state=running")["total_entries"] == 1
    assert client.read(f"{RUNS}?limit=0&run_id_pattern=first")["total_entries"] == 1


def test_a_tilde_lists_the_runs_of_all_dags(client, backend):
    backend.add_run("nightly", "third", RunState.FAILED)
    assert set(ids(client.read("/api/v2/dags/~/dagRuns"))) == {"first", "second", "third"}


def test_a_run_is_shown_with_times_and_version(client):
    run = client.read(f"{RUNS}/first")
    assert run["state"] == "success"
    assert run["duration"] == 5.0
    assert run["run_after"] == "2026-03-01T12:00:00Z"
    assert run["dag_versions"][0]["version_number"] == 1


def test_a_trigger_hands_on_all_that_airflows_body_has(client, backend):
    body = {
        "dag_run_id": "mine",
        "logical_date": "2026-01-02T00:00:00+01:00",
        "conf": {"day": 2},
        "note": "by hand",
    }
    answer = client.ask("POST", RUNS, body)
    assert answer.status == 200
    run = json.loads(answer.body)
    assert (run["dag_run_id"], run["conf"], run["note"]) == ("mine", {"day": 2}, "by hand")
    (order,) = backend.orders
    assert order.logical_date == datetime(2026, 1, 1, 23, tzinfo=UTC)
    assert order.triggered_by is TriggeredBy.REST_API
    assert order.user == "anonymous"


def test_a_trigger_needs_nothing_but_a_body(client):
    assert client.ask("POST", RUNS, {"logical_date": None}).status == 200
    assert client.ask("POST", "/api/v2/dags/nightly/dagRuns", {}).status == 200


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/api/v2/dags/absent/dagRuns", {}, 404),
        (RUNS, {"dag_run_id": "first"}, 409),
        (RUNS, {"conf": {"refuse": 1}}, 400),
        (RUNS, {"conf": [1]}, 422),
        (RUNS, {"logical_date": "yesterday"}, 422),
        (RUNS, {"logical_date": "2026-01-02T00:00:00"}, 422),
        (RUNS, {"unknown": 1}, 422),
        (RUNS, {"partition_key": "x"}, 400),
        (RUNS, {"data_interval_start": "2026-01-02T00:00:00Z"}, 400),
    ],
)
def test_a_bad_trigger_starts_nothing(client, backend, path, body, status):
    assert client.ask("POST", path, body).status == status
    assert not backend.orders


def test_a_body_that_is_not_json_is_refused(client):
    answer = client.ask("POST", RUNS, raw=b"{", headers={"content-type": "application/json"})
    assert answer.status == 422


def test_a_form_of_another_site_cannot_trigger(client, backend):
    answer = client.ask("POST", RUNS, raw=b"{}", headers={"content-type": "text/plain"})
    assert answer.status == 415
    assert not backend.orders


@pytest.mark.parametrize("path", ["/api/v2/dags/absent/dagRuns", f"{RUNS}/absent", "/api/v2/dags/etl/dagRuns/~"])
def test_a_missing_run_or_dag_is_not_found(client, path):
    assert client.get(path).status == 404


def test_an_unknown_state_is_refused(client):
    assert client.get(f"{RUNS}?state=sleeping").status == 422
