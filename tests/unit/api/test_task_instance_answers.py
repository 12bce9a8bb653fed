import json

import pytest

FIRST = "/api/v2/dags/etl/dagRuns/first/taskInstances"
SECOND = "/api/v2/dags/etl/dagRuns/second/taskInstances"


def keys(document):
    return [(one["task_id"], one["map_index"], one["state"]) for one in document["task_instances"]]


def test_instances_come_in_the_order_of_the_dag(client):
    assert keys(client.read(FIRST)) == [
        ("extract", -1, "success"),
        ("load", 0, "success"),
        ("load", 1, "success"),
        ("tail.report", -1, "success"),
    ]


def test_what_nothing_made_ready_yet_is_shown_without_a_state(client):
    assert keys(client.read(SECOND)) == [
        ("extract", -1, "running"),
        ("load", -1, None),
        ("tail.report", -1, None),
    ]


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("?state=success", 4),
        ("?state=failed", 0),
        ("?task_id=load", 2),
        ("?map_index=1", 1),
        ("?task_group_id=tail", 1),
        ("?operator=BashOperator", 1),
        ("?try_number=2", 1),
        ("?limit=2", 2),
    ],
)
def test_instances_are_filtered(client, query, count):
    assert len(client.read(FIRST + query)["task_instances"]) == count


def test_a_tilde_lists_the_instances_of_all_runs(client):
    assert client.read("/api/v2/dags/~/dagRuns/~/taskInstances")["total_entries"] == 7


def test_tries_are_counted_as_airflow_counts_them(client):
    instance = client.read(f"{FIRST}/extract")
    assert (instance["try_number"], instance["max_tries"]) == (2, 2)
    assert instance["duration"] == 2.0


def test_an_instance_that_waits_is_shown(client):
    assert client.read(f"{SECOND}/tail.report")["state"] is None


def test_one_of_several_is_shown_by_its_index(client):
    assert client.read(f"{FIRST}/load/1")["map_index"] == 1
    assert client.get(f"{FIRST}/load/7").status == 404


def test_a_mapped_task_asks_for_its_index(client):
    answer = client.get(f"{FIRST}/load")
    assert answer.status == 404
    assert "map_index" in json.loads(answer.body)["detail"]


def test_the_instances_of_a_mapped_task_are_listed(client):
    assert [key[1] for key in keys(client.read(f"{FIRST}/load/listMapped"))] == [0, 1]


def test_all_tries_are_listed_and_shown(client):
    tries = client.read(f"{FIRST}/extract/tries")
    assert [(one["try_number"], one["state"]) for one in tries["task_instances"]] == [(1, "failed"), (2, "success")]
    assert client.read(f"{FIRST}/extract/tries/1")["state"] == "failed"
    assert client.get(f"{FIRST}/extract/tries/3").status == 404


@pytest.mark.parametrize("path", [f"{FIRST}/absent", "/api/v2/dags/etl/dagRuns/absent/taskInstances"])
def test_a_missing_instance_or_run_is_not_found(client, path):
    assert client.get(path).status == 404


def test_a_log_comes_as_json_to_its_end(client):
    document = client.read(f"{FIRST}/extract/logs/2")
    assert [line["event"] for line in document["content"]] == ["hello", "bye <b>"]
    assert document["continuation_token"] is None


def test_the_log_of_a_running_try_is_followed_by_its_token(client, backend):
    document = client.read(f"{SECOND}/extract/logs/1")
    token = document["continuation_token"]
    ((_key, lines),) = [item for item in backend.logs.items() if item[0][0].run_id == "second"]
    lines.append({"event": "more"})
    rest = client.read(f"{SECOND}/extract/logs/1?token={token}")
    assert [line["event"] for line in rest["content"]] == ["more"]


def test_a_log_comes_as_text_and_as_json_lines(client):
    text = client.get(f"{FIRST}/extract/logs/2", accept="text/plain")
    assert text.body.decode() == "2026-03-01T12:00:00Z INFO hello\n2026-03-01T12:00:01Z INFO bye <b>\n"
    lines = client.get(f"{FIRST}/extract/logs/2", accept="application/x-ndjson").body.splitlines()
    assert json.loads(lines[1])["event"] == "bye <b>"


def test_the_log_of_an_earlier_try_is_there_though_empty(client):
    assert client.read(f"{FIRST}/extract/logs/1")["content"] == []


@pytest.mark.parametrize(("path", "status"), [("extract/logs/9", 404), ("extract/logs/2?token=x", 400)])
def test_a_log_that_cannot_be_read_says_so(client, path, status):
    assert client.get(f"{FIRST}/{path}").status == status


def test_xcoms_are_listed_and_shown(client):
    (entry,) = client.read(f"{FIRST}/extract/xcomEntries")["xcom_entries"]
    assert entry["key"] == "return_value"
    assert client.read(f"{FIRST}/extract/xcomEntries/return_value")["value"] == 7
    assert client.read(f"{FIRST}/extract/xcomEntries/return_value?stringify=true")["value"] == "7"
    assert client.read(f"{FIRST}/~/xcomEntries")["total_entries"] == 1
    assert client.get(f"{FIRST}/extract/xcomEntries/absent").status == 404


def test_a_value_that_json_lacks_is_shown_as_text(client, backend):
    for values in backend.values.values():
        values["return_value"] = {1 + 2j}
    assert client.read(f"{FIRST}/extract/xcomEntries/return_value")["value"] == [str(1 + 2j)]
