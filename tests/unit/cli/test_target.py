import fcntl
import json

import pytest

from sailplane.cli.target import home_of, target_environment
from sailplane.model.errors import SettingsError

CLOUD = {"GOOGLE_CLOUD_PROJECT": "p", "SAILPLANE_BUCKET": "b"}


@pytest.fixture
def home(tmp_path):
    (tmp_path / "environment.json").write_text(json.dumps({"GOOGLE_CLOUD_PROJECT": "local"}))
    with (tmp_path / "standalone.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield tmp_path


def test_a_home_that_is_named_comes_first(home):
    assert target_environment(CLOUD, home)["GOOGLE_CLOUD_PROJECT"] == "local"


def test_variables_come_before_the_default_home(home):
    assert target_environment({**CLOUD, "SAILPLANE_HOME": str(home)}, None)["GOOGLE_CLOUD_PROJECT"] == "p"


def test_emulators_need_no_bucket():
    environment = {"GOOGLE_CLOUD_PROJECT": "p", "FIRESTORE_EMULATOR_HOST": "127.0.0.1:1"}
    assert target_environment(environment, None) == environment


def test_a_project_alone_is_not_enough(home):
    environment = {"GOOGLE_CLOUD_PROJECT": "p", "SAILPLANE_HOME": str(home)}
    assert target_environment(environment, None)["GOOGLE_CLOUD_PROJECT"] == "local"


def test_the_default_home_is_in_the_users_folder(tmp_path):
    assert home_of({"HOME": str(tmp_path)}, None) == tmp_path / ".sailplane"


def test_without_anything_to_talk_to_it_says_how_to_start_one(tmp_path):
    with pytest.raises(SettingsError, match="sailplane standalone"):
        target_environment({"HOME": str(tmp_path)}, None)


def test_a_note_that_cannot_be_read_is_named(home):
    (home / "environment.json").write_text("{")
    with pytest.raises(SettingsError, match=r"environment\.json"):
        target_environment({}, home)


def test_the_note_of_a_standalone_that_was_killed_leads_nowhere(tmp_path):
    (tmp_path / "environment.json").write_text("{}")
    (tmp_path / "standalone.lock").touch()
    with pytest.raises(SettingsError, match="no standalone runs"):
        target_environment({}, tmp_path)
