"""`/api/v2/pools`: Airflow's answers, and the rate, which is our own."""

import json

import pytest

from sailplane.model.pools import Pool

POOLS = "/api/v2/pools"


@pytest.fixture
def filled(backend):
    backend.pools.put(Pool(name="db", slots=5, description="rows", rate="10/s"))
    backend.pools.put(Pool(name="gpu", slots=0, include_deferred=True))
    return backend


def answer(client, method, url, body=None):
    response = client.ask(method, url, body)
    return response.status, json.loads(response.body) if response.body else None


def test_pools_are_listed_with_their_use(client, filled):
    listed = client.read(POOLS)
    assert [pool["name"] for pool in listed["pools"]] == ["db", "default_pool", "gpu"]
    assert listed["pools"][0] == {
        "name": "db",
        "slots": 5,
        "description": "rows",
        "include_deferred": False,
        "rate": "10/s",
        "occupied_slots": 0,
        "running_slots": 0,
        "queued_slots": 0,
        "scheduled_slots": 0,
        "open_slots": 5,
        "deferred_slots": 0,
        "team_name": None,
    }
    assert listed["pools"][1]["open_slots"] == -1
    assert client.read(f"{POOLS}?pool_name_pattern=g&order_by=-name&limit=1")["pools"][0]["name"] == "gpu"


def test_a_pool_is_made_changed_and_deleted(client, backend):
    made = answer(client, "POST", POOLS, {"name": "api", "slots": 3, "rate": "100/m"})
    assert (made[0], made[1]["rate"]) == (201, "100/m")
    assert answer(client, "POST", POOLS, {"name": "api", "slots": 3})[0] == 409
    assert answer(client, "PATCH", f"{POOLS}/api", {"slots": 4, "description": None})[1]["slots"] == 4
    assert answer(client, "PATCH", f"{POOLS}/api?update_mask=description", {"slots": 9, "description": "x"}) == (
        200,
        client.read(f"{POOLS}/api"),
    )
    assert (backend.pools.stored["api"].slots, backend.pools.stored["api"].description) == (4, "x")
    assert answer(client, "DELETE", f"{POOLS}/api")[0] == 204
    assert answer(client, "GET", f"{POOLS}/api") == (404, {"detail": "The Pool with name: `api` was not found"})


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        ({"name": "a", "slots": -2}, 400, "slots must be 0 or more, or -1"),
        ({"name": "a", "slots": 1, "rate": "fast"}, 400, "'fast' is no rate"),
        ({"name": "", "slots": 1}, 400, "1 to 256 characters"),
        ({"name": "a", "slots": 1, "colour": "red"}, 422, "colour"),
    ],
)
def test_what_can_be_no_pool_is_refused_with_the_reason(client, backend, body, status, reason):
    told = answer(client, "POST", POOLS, body)
    assert told[0] == status
    assert reason in json.dumps(told[1])
    assert set(backend.pools.stored) == {"default_pool"}


def test_the_default_pool_stays(client, backend):
    assert answer(client, "DELETE", f"{POOLS}/default_pool") == (400, {"detail": "Default Pool can't be deleted"})
    assert answer(client, "PATCH", f"{POOLS}/default_pool", {"slots": 8})[1]["open_slots"] == 8


def test_a_pool_keeps_its_name(client, filled):
    assert answer(client, "PATCH", f"{POOLS}/db", {"pool": "other", "slots": 1})[0] == 400


def test_many_pools_are_handled_at_once(client, filled):
    actions = [
        {"action": "create", "entities": [{"name": "new", "slots": 1}, {"name": "db", "slots": 2}]},
        {"action": "create", "entities": [{"name": "db", "slots": 2}], "action_on_existence": "overwrite"},
        {"action": "update", "entities": [{"name": "gpu", "slots": 7}]},
        {"action": "delete", "entities": ["none"]},
        {"action": "delete", "entities": ["gpu"]},
    ]
    status, told = answer(client, "PATCH", POOLS, {"actions": actions})
    assert status == 200
    assert told["create"]["success"] == ["db"]
    assert told["create"]["errors"][0]["status_code"] == 409
    assert told["update"]["success"] == ["gpu"]
    assert (told["delete"]["success"], len(told["delete"]["errors"])) == (["gpu"], 1)
    assert set(filled.pools.stored) == {"default_pool", "db"}
