from pathlib import Path

import pytest

from sailplane.deploy.settings_file import settings_file
from sailplane.model.errors import SettingsError


@pytest.mark.parametrize("place", [".", "team", "team/dags"])
def test_the_file_counts_that_is_here_with_the_dags_or_beside_them(tmp_path: Path, place: str) -> None:
    dags = tmp_path / "team" / "dags"
    dags.mkdir(parents=True)
    assert settings_file(None, dags, tmp_path) is None
    file = tmp_path / place / "sailplane.toml"
    file.touch()
    assert settings_file(None, dags, tmp_path) == file


def test_one_file_that_is_found_by_two_ways_is_one(tmp_path: Path) -> None:
    (tmp_path / "dags").mkdir()
    (tmp_path / "sailplane.toml").touch()
    assert settings_file(None, tmp_path / "dags", tmp_path) == tmp_path / "sailplane.toml"


def test_of_two_files_one_must_be_named(tmp_path: Path) -> None:
    (tmp_path / "dags").mkdir()
    for folder in (tmp_path, tmp_path / "dags"):
        (folder / "sailplane.toml").touch()
    with pytest.raises(SettingsError, match="--config"):
        settings_file(None, tmp_path / "dags", tmp_path)
    assert settings_file(tmp_path / "x.toml", tmp_path / "dags", tmp_path) == tmp_path / "x.toml"
