"""Variables and Connections for tasks: which place answers, how long it is believed, what files may say."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from sailplane.cloud.changes import Delete, Put
from sailplane.cloud.settings import SecretsPlace, Settings
from sailplane.engine.value_files import parse, read_file
from sailplane.engine.values import MEMORY, InEnvironment, InFiles, Place, Values, places_of
from sailplane.model.errors import SailplaneError, SettingsError
from sailplane.model.values import InvalidVariable, Variable, parse_connection

BASE = {"GOOGLE_CLOUD_PROJECT": "p"}


@dataclass
class Shelf:
    """A place of fixed content that counts how often it was asked; a store as far as `Values` uses one."""

    texts: dict[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def variable(self, key: str) -> str | None:
        self.asked.append(key)
        return self.texts.get(key)

    connection = variable

    def describe(self) -> str:
        return "the shelf"

    def variables(self) -> list[Variable]:
        return [Variable(key=key, value=value) for key, value in self.texts.items()]

    def commit(self, unit: Sequence[Any]) -> None:
        for change in unit:
            match change:
                case Put(Variable() as variable):
                    self.texts[variable.key] = variable.value
                case Delete(path):
                    self.texts.pop(path.removeprefix("variables/"), None)


def values(*places: Place, store: Any = None, now: Mapping[str, float] | None = None) -> Values:
    time = now or {"now": 0.0}
    return Values(places, store or Shelf(), lambda: time["now"])


def test_the_first_place_that_has_it_answers() -> None:
    first, second = Shelf({"a": "1"}), Shelf({"a": "2", "b": "3"})
    found = values(first, second)
    assert [found.variable(key) for key in ("a", "b", "c")] == ["1", "3", None]
    assert second.asked == ["b", "c"]


def test_many_tasks_that_read_one_variable_cost_one_read_for_a_while() -> None:
    shelf, time = Shelf({"a": "1"}), {"now": 100.0}
    found = values(shelf, now=time)
    assert [found.variable("a") for _ in range(5)] == ["1"] * 5
    assert [found.connection("none") for _ in range(5)] == [None] * 5
    assert shelf.asked == ["a", "none"]
    time["now"] += MEMORY.total_seconds()
    shelf.texts["a"] = "2"
    assert found.variable("a") == "2"


def test_what_a_worker_sets_or_deletes_it_sees_at_once() -> None:
    store = Shelf({"a": "1"})
    found = values(store, store=store)
    assert found.variable("a") == "1"
    found.set_variable("a", "2", None)
    assert found.variable("a") == "2"
    found.delete_variable("a")
    assert found.variable("a") is None


def test_trouble_is_not_remembered() -> None:
    class Broken(Shelf):
        def variable(self, key: str) -> str | None:
            super().variable(key)
            raise SailplaneError("away")

    place = Broken()
    found = values(place)
    for _ in range(2):
        with pytest.raises(SailplaneError, match="away"):
            found.variable("a")
    assert place.asked == ["a", "a"]


def test_a_key_that_cannot_be_stored_is_refused() -> None:
    for key in ("", " ", "x" * 251):
        with pytest.raises(InvalidVariable, match="1 to 250 characters"):
            values().set_variable(key, "1", None)


def test_keys_are_those_of_the_store_by_prefix() -> None:
    store = Shelf({"b_2": "", "a": "", "b_1": ""})
    assert values(store=store).variable_keys("b_") == ["b_1", "b_2"]


def test_the_environment_has_airflows_names() -> None:
    place = InEnvironment({"AIRFLOW_VAR_CITY": "Seattle", "AIRFLOW_CONN_DB": "http://web"})
    assert (place.variable("city"), place.connection("db"), place.variable("none")) == ("Seattle", "http://web", None)


def test_one_setting_says_where_to_look_and_in_which_order() -> None:
    def places(**more: str) -> list[str]:
        found = places_of(Settings.from_mapping({**BASE, **more}), Shelf())  # type: ignore[arg-type]
        return [type(place).__name__ for place in found]

    assert places() == ["InEnvironment", "InStore"]
    assert places(SAILPLANE_VARIABLES_FILE="/v.json") == ["InEnvironment", "InStore", "InFiles"]
    assert places(SAILPLANE_SECRETS="secretmanager, store") == ["InSecretManager", "InStore"]
    assert Settings.from_mapping(BASE).secrets[0] is SecretsPlace.ENVIRONMENT
    with pytest.raises(SettingsError, match="SAILPLANE_SECRETS='vault' must name places in order"):
        places(SAILPLANE_SECRETS="vault")


def test_where_was_looked_is_told_in_words() -> None:
    told = values(InEnvironment({}), InFiles("/v.json", "/c.yaml")).looked_in()
    assert told == "the environment (AIRFLOW_VAR_..., AIRFLOW_CONN_...), then /v.json and /c.yaml"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("v.json", '{"city": "Seattle", "limits": {"low": 3}}'),
        ("v.yaml", "city: Seattle\nlimits:\n  low: 3\n"),
        ("v.env", '# places\ncity=Seattle\n\nlimits={"low": 3}\n'),
    ],
)
def test_variables_come_from_files_of_each_kind(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    place = InFiles(str(tmp_path / name), "")
    assert place.variable("city") == "Seattle"
    assert json.loads(place.variable("limits") or "") == {"low": 3}
    assert place.variable("none") is None


def test_connections_come_from_files_as_uris_or_objects(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_text("db: postgres://ada:s%40fe@db:5432/main\nweb:\n  conn_type: http\n  host: h\n  extra: {a: 1}\n")
    place = InFiles("", str(file))
    db = parse_connection("db", place.connection("db") or "")
    assert (db.conn_type, db.login, db.password, db.port, db.schema) == ("postgres", "ada", "s@fe", 5432, "main")
    assert parse_connection("web", place.connection("web") or "").extra_dejson == {"a": 1}


@pytest.mark.parametrize(
    ("suffix", "text", "message"),
    [
        (".env", "city", "f.env:1: a line must be NAME=VALUE"),
        (".env", "a=1\na=2", "f.env:2: a is there twice"),
        (".json", "[1]", "must hold an object"),
        (".json", "{", "cannot be read"),
        (".yaml", "a: [", "cannot be read"),
        (".txt", "a", "must end in one of .env, .json, .yaml, .yml"),
    ],
)
def test_a_file_that_makes_no_sense_is_named(suffix: str, text: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        parse(text, suffix, f"f{suffix}")


def test_a_file_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="there is no file"):
        read_file(tmp_path / "none.json")
