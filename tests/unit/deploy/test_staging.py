"""The staged source folder of a function."""

import csv
import hashlib
import zipfile
from base64 import urlsafe_b64encode
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from sailplane.deploy.function_wheel import (
    FOR_FUNCTIONS,
    About,
    _extras,
    about_sailplane,
    build_wheel,
    package_folder,
)
from sailplane.deploy.runtimes import Runtime, runtime_like, runtime_named
from sailplane.deploy.staging import IMAGE, source_hash, stage
from sailplane.model.errors import SettingsError

ABOUT = About(version="1.2", requires_python=">=3.11", requires=(Requirement("b>=1"), Requirement("a")))


def staged(folder: Path, function: str = "worker", *extra: str) -> Path:
    stage(function, folder, extra_requirements=extra, runtime=Runtime.PYTHON312)
    return folder


def package(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def test_a_staged_folder_holds_entry_point_wheel_and_requirements(tmp_path: Path) -> None:
    names = sorted(path.name for path in staged(tmp_path / "worker").iterdir())
    assert names[:3] == [".gcloudignore", "main.py", "requirements.txt"]
    assert names[3].startswith("sailplane-")
    assert f"./{names[3]}" in (tmp_path / "worker" / "requirements.txt").read_text().splitlines()


def test_the_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    first, again = staged(tmp_path / "first"), staged(tmp_path / "again")
    assert {path.name: path.read_bytes() for path in first.iterdir()} == {
        path.name: path.read_bytes() for path in again.iterdir()
    }
    assert source_hash(first) == source_hash(again)


def test_functions_and_requirements_make_the_hash(tmp_path: Path) -> None:
    folders = [
        staged(tmp_path / "worker"),
        staged(tmp_path / "tick", "tick"),
        staged(tmp_path / "more", "worker", "not-installed-here==1"),
    ]
    assert len({source_hash(folder) for folder in folders}) == 3
    assert all(len(source_hash(folder)) <= 63 for folder in folders)


def test_staging_again_leaves_no_wheel_of_before(tmp_path: Path) -> None:
    (tmp_path / "sailplane-0.0.1-py3-none-any.whl").write_bytes(b"old")
    staged(tmp_path)
    assert len(list(tmp_path.glob("*.whl"))) == 1


def test_options_for_the_installer_come_first(tmp_path: Path) -> None:
    staged(tmp_path, "worker", "not-installed-here", "--extra-index-url https://example.org/simple")
    lines = (tmp_path / "requirements.txt").read_text().splitlines()
    assert lines[1] == "--extra-index-url https://example.org/simple"
    assert "not-installed-here" in lines


def test_a_function_that_there_is_not_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"lacks functions/nothing/main\.py"):
        stage("nothing", tmp_path)


def test_what_an_image_is_built_from_has_the_command_line_and_no_entry_point_of_a_function(tmp_path: Path) -> None:
    folder = staged(tmp_path, IMAGE)
    (wheel,) = folder.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert "sailplane/cli/main.py" in names
    assert any(name.endswith(".dist-info/entry_points.txt") for name in names)
    assert not (folder / "main.py").exists()
    packages = {line.partition("==")[0] for line in (folder / "requirements.txt").read_text().splitlines()}
    assert "typer" in packages
    assert "aiohttp" not in packages


def test_a_wheel_leaves_out_what_functions_do_not_import(tmp_path: Path) -> None:
    folder = package(
        tmp_path / "code", dict.fromkeys(("__init__.py", "engine/tick.py", "cli/main.py", "_dags/hello.py"), "")
    )
    (folder / "engine" / "__pycache__").mkdir()
    (folder / "engine" / "__pycache__" / "tick.pyc").write_bytes(b"")
    wheel = build_wheel(folder, ABOUT, FOR_FUNCTIONS)
    (tmp_path / wheel.filename).write_bytes(wheel.content)
    names = zipfile.ZipFile(tmp_path / wheel.filename).namelist()
    assert [name for name in names if name.startswith("sailplane/")] == [
        "sailplane/__init__.py",
        "sailplane/engine/tick.py",
    ]


def test_a_wheel_says_what_it_holds_and_needs(tmp_path: Path) -> None:
    wheel = build_wheel(package(tmp_path / "code", {"engine/tick.py": "x = 1"}), ABOUT, FOR_FUNCTIONS)
    (tmp_path / wheel.filename).write_bytes(wheel.content)
    with zipfile.ZipFile(tmp_path / wheel.filename) as archive:
        metadata = archive.read("sailplane-1.2.dist-info/METADATA").decode()
        rows = list(csv.reader(archive.read("sailplane-1.2.dist-info/RECORD").decode().splitlines()))
        for name, digest, size in rows[:-1]:
            content = archive.read(name)
            assert digest == f"sha256={urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip('=')}"
            assert int(size) == len(content)
        assert [row[0] for row in rows] == archive.namelist()
    assert metadata.splitlines()[-3:] == ["Requires-Python: >=3.11", "Requires-Dist: a", "Requires-Dist: b>=1"]


def test_the_name_of_a_wheel_follows_from_its_content(tmp_path: Path) -> None:
    """A build is taken from the cache while the text of `requirements.txt` stays the same, and that names the wheel."""
    first = build_wheel(package(tmp_path / "first", {"engine/tick.py": "x = 1"}), ABOUT, FOR_FUNCTIONS)
    second = build_wheel(package(tmp_path / "second", {"engine/tick.py": "x = 2"}), ABOUT, FOR_FUNCTIONS)
    assert first.filename != second.filename


@pytest.mark.parametrize(
    ("version", "runtime"),
    [((3, 11), Runtime.PYTHON311), ((3, 14), Runtime.PYTHON314), ((3, 15), Runtime.PYTHON314)],
)
def test_the_runtime_is_that_of_the_interpreter_if_there_is_one(version: tuple[int, int], runtime: Runtime) -> None:
    assert runtime_like(version) is runtime


def test_a_runtime_has_two_names() -> None:
    assert runtime_named("3.13") is runtime_named("python313") is Runtime.PYTHON313
    with pytest.raises(SettingsError, match=r"take one of 3\.11, 3\.12, 3\.13, 3\.14"):
        runtime_named("3.9")


def test_the_extras_of_sailplane_are_known_in_a_checkout_and_in_an_installation() -> None:
    extras = about_sailplane(package_folder()).extras
    assert [each.name for each in extras["bigquery"]] == ["google-cloud-bigquery"]
    requires = (Requirement("a"), Requirement("b>=1; extra == 'bigquery'"), Requirement("c[d]<2; extra == 'x-y'"))
    assert {part: list(map(str, found)) for part, found in _extras(requires).items()} == {
        "bigquery": ["b>=1"],
        "x-y": ["c[d]<2"],
    }
