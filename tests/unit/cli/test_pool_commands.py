"""`sailplane pools`."""

import json

import pytest

from sailplane.model.pools import Pool


@pytest.fixture
def filled(backend):
    backend.pools.put(Pool(name="db", slots=5, description="rows", rate="10/s"))
    return backend


def test_a_pool_is_set_shown_and_deleted(cli, backend):
    assert cli("pools", "set", "api", "3", "calls", "--rate", "100/m").err == (
        "Pool api has 3 slots, and starts 100/m.\n"
    )
    assert backend.pools.stored["api"] == Pool(name="api", slots=3, description="calls", rate="100/m")
    (shown,) = cli("pools", "get", "api", "-o", "json").json
    assert (shown["slots"], shown["open"], shown["rate"]) == (3, 3, "100/m")
    assert cli("pools", "set", "api", "-1").err == "Pool api has no limit.\n"
    assert cli("pools", "delete", "api").code == 0
    missing = cli("pools", "get", "api")
    assert (missing.code, missing.err) == (
        1,
        "Error: there is no pool 'api'; `sailplane pools list` shows all\n",
    )


def test_pools_are_listed(cli, filled):
    rows = {row["pool"]: row["slots"] for row in cli("pools", "list", "-o", "json").json}
    assert rows == {"db": 5, "default_pool": -1}
    assert "10/s" in cli("pools", "list").out


def test_a_rate_that_is_none_is_told(cli, backend):
    told = cli("pools", "set", "api", "3", "--rate", "often")
    assert (told.code, "'often' is no rate: write how many per time, as 10/s" in told.err) == (1, True)


def test_pools_come_back_from_an_export(cli, filled, tmp_path):
    file = tmp_path / "pools.json"
    assert cli("pools", "export", str(file)).code == 0
    assert json.loads(file.read_text())["db"] == {
        "slots": 5,
        "description": "rows",
        "include_deferred": False,
        "rate": "10/s",
    }
    before = dict(filled.pools.stored)
    filled.pools.stored.clear()
    assert cli("pools", "import", str(file)).err == "2 pools set.\n"
    assert {name: (one.slots, one.rate) for name, one in filled.pools.stored.items()} == {
        name: (one.slots, one.rate) for name, one in before.items()
    }


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"description": "x"}, "a pool is written as"),
        ({"slots": "5"}, "slots must be a int, not '5'"),
        ({"slots": 5, "size": 1}, "unknown field 'size'"),
    ],
)
def test_a_file_that_holds_no_pools_changes_nothing(cli, backend, tmp_path, fields, reason):
    file = tmp_path / "pools.json"
    file.write_text(json.dumps({"good": {"slots": 1}, "bad": fields}))
    told = cli("pools", "import", str(file))
    assert (told.code, reason in told.err) == (1, True)
    assert set(backend.pools.stored) == {"default_pool"}
