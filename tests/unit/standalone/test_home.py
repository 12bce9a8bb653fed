import json
import os
import stat
import subprocess
import sys

import pytest

from sailplane.model.errors import NotFound, SettingsError
from sailplane.standalone.home import Home
from sailplane.standalone.place import is_held
from sailplane.standalone.registration import Registration, parse_folder
from sailplane.standalone.watching import matters


def test_the_login_is_made_once_and_only_its_owner_may_read_it(tmp_path):
    first = Home(tmp_path).credentials()
    assert Home(tmp_path).credentials() == first
    assert len(first.password) >= 16
    assert stat.S_IMODE((tmp_path / "auth.json").stat().st_mode) == 0o600


def test_the_environment_is_noted_while_the_home_is_held_and_no_longer(tmp_path):
    home = Home(tmp_path / "home")
    assert not is_held(home.path)
    with home.locked():
        home.note_environment({"A": "1"})
        assert is_held(home.path)
        assert json.loads(home.environment_file.read_text()) == {"A": "1"}
    assert not is_held(home.path)
    assert not home.environment_file.exists()


def test_a_home_is_held_once(tmp_path):
    with Home(tmp_path).locked(), pytest.raises(SettingsError, match=f"process {os.getpid()}"), Home(tmp_path).locked():
        pass


def test_a_holder_that_dies_lets_go(tmp_path):
    hold = f"Home(Path({str(tmp_path)!r})).locked().__enter__()"
    code = f"import os; from sailplane.standalone.home import *; {hold}; os._exit(0)"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)
    with Home(tmp_path).locked():
        pass


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/dags/a.py", True),
        ("/dags/sub/query.sql", True),
        ("/dags/__pycache__/a.cpython-311.pyc", False),
        ("/dags/.git/index", False),
        ("/dags/a.py~", False),
        ("/dags/.a.py.swp", False),
    ],
)
def test_only_what_may_change_a_dag_matters(path, expected):
    assert matters(path, is_directory=False) is expected
    assert not matters(path, is_directory=True)


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(NotFound, match="absent"):
        parse_folder({}, tmp_path / "absent")


def test_a_dag_file_that_ends_the_process_is_a_clear_error(tmp_path):
    (tmp_path / "exit.py").write_text("from sailplane import DAG\nimport os\nos._exit(3)\n")
    (error,) = parse_folder(os.environ, tmp_path).errors
    assert error.message.startswith("exit.py: the process that imported it ended with exit status 3")


def test_a_registration_is_told_in_lines():
    assert list(Registration(created=("a", "b"), stale=("c",)).lines()) == ["created: a, b", "stale: c"]
    assert list(Registration().lines()) == ["no DAG found"]
