"""The wheel of the functions, from a checkout and from what pip installs of it."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from sailplane.deploy.function_wheel import FOR_FUNCTIONS, FOR_IMAGES, Cut, about_sailplane, build_wheel, package_folder

ROOT = Path(__file__).parents[3]
STAGE = """
import sys
from pathlib import Path
from sailplane.deploy.staging import stage
for function in ("tick", "worker", "events", "web", "image"):
    stage(function, Path(sys.argv[1]) / function)
"""
pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that pip's build of the checkout lies in, as it lies in an environment."""
    folder = tmp_path_factory.mktemp("installed")
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--quiet", "--wheel-dir", str(folder), str(ROOT)]
    subprocess.run(command, check=True)
    (wheel,) = folder.glob("*.whl")
    site = folder / "site-packages"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    return site


def stage_from(import_path: Path, folder: Path) -> dict[str, bytes]:
    """What is staged by the code in `import_path`."""
    subprocess.run(
        [sys.executable, "-c", STAGE, str(folder)],
        cwd=folder.parent,
        env={**os.environ, "PYTHONPATH": str(import_path), "PYTHONDONTWRITEBYTECODE": "1"},
        check=True,
    )
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_an_installation_stages_the_same_bytes_as_its_checkout(installed: Path, tmp_path: Path) -> None:
    assert stage_from(installed, tmp_path / "installed") == stage_from(ROOT / "shared", tmp_path / "checkout")


@pytest.mark.parametrize("cut", [FOR_FUNCTIONS, FOR_IMAGES], ids=["function", "image"])
def test_a_wheel_has_all_that_pip_builds_of_its_packages(installed: Path, tmp_path: Path, cut: Cut) -> None:
    package = package_folder()
    wheel = build_wheel(package, about_sailplane(package), cut)
    (tmp_path / wheel.filename).write_bytes(wheel.content)
    ours = {name for name in zipfile.ZipFile(tmp_path / wheel.filename).namelist() if name.startswith("sailplane/")}
    built = {path.relative_to(installed) for path in (installed / "sailplane").rglob("*") if path.is_file()}
    assert ours == {path.as_posix() for path in built if path.parts[1] not in cut.packages and path.suffix != ".pyc"}
