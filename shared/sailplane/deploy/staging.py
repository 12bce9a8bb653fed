"""The source folder of a function, as the build on Google Cloud expects it: `main.py`, a wheel of Sailplane, and
`requirements.txt` with everything pinned. Container images are built from the like.

The same code, the same installed packages and the same wishes give the same bytes, so that a hash of the folder tells
whether anything has to be deployed.
"""

import hashlib
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from sailplane.deploy.function_wheel import (
    FOR_FUNCTIONS,
    FOR_IMAGES,
    About,
    Cut,
    Wheel,
    about_sailplane,
    build_wheel,
    package_folder,
    source_tree,
)
from sailplane.deploy.installed import installed
from sailplane.deploy.requirements import pinned_requirements
from sailplane.deploy.requirements_file import parse_requirements
from sailplane.deploy.runtimes import Runtime, runtime_like
from sailplane.model.errors import SettingsError

MAIN = "main.py"
REQUIREMENTS = "requirements.txt"
IGNORE = ".gcloudignore"
IMAGE = "image"
"""Stands in place of a function for what a container image is built from."""
_IGNORED = """\
# Without this file gcloud would write one, or follow a .gitignore.
.gcloudignore
__pycache__/
*.pyc
"""
_HASH_DIGITS = 40
"""A label's value has at most 63 characters."""


def stage(
    function: str, folder: Path, *, extra_requirements: Sequence[str] = (), runtime: Runtime | None = None
) -> None:
    """Write the source of `function` (tick, worker, events or web) into `folder`, in place of one that is there.

    For IMAGE that is all but an entry point, and the wheel has the command `sailplane`. `extra_requirements` are lines
    as `read_requirements` gives them. `runtime` is that of the running interpreter unless it is named. Raises
    SettingsError, also for requirements that contradict each other.
    """
    files = {IGNORE: _IGNORED.encode()}
    if function != IMAGE:
        files[MAIN] = entry_point(function)
    cut = FOR_IMAGES if function == IMAGE else FOR_FUNCTIONS
    files |= _packages(cut, tuple(extra_requirements), runtime or runtime_like(sys.version_info[:2]))
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("sailplane-*.whl"):
        old.unlink()
    for name, content in files.items():
        (folder / name).write_bytes(content)


def source_hash(folder: Path) -> str:
    """Names the content of a staged folder; fit for a label."""
    digest = hashlib.sha256()
    for path in sorted(each for each in folder.iterdir() if each.is_file()):
        content = path.read_bytes()
        digest.update(f"{path.name} {len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()[:_HASH_DIGITS]


def entry_point(function: str) -> bytes:
    """The `main.py` of a function. Raises SettingsError."""
    package = package_folder()
    tree = source_tree(package)
    folder = package / "_functions" if tree is None else tree / "functions"
    try:
        return (folder / function / MAIN).read_bytes()
    except OSError as error:
        raise SettingsError(f"this installation lacks functions/{function}/{MAIN}; install Sailplane again") from error


def _packages(cut: Cut, extra: tuple[str, ...], runtime: Runtime) -> dict[str, bytes]:
    about, wheel = _sailplane(cut is FOR_IMAGES)
    wanted = parse_requirements(extra)
    pins = pinned_requirements(
        about.needs(cut), wanted, runtime=runtime, version=about.version, find=installed, extras=about.extras
    )
    lines = [
        f"# Made by `sailplane deploy` for {runtime}: what is installed where it ran.",
        *wanted.options,
        f"./{wheel.filename}",
        *pins,
    ]
    return {wheel.filename: wheel.content, REQUIREMENTS: "".join(f"{line}\n" for line in lines).encode()}


@cache
def _sailplane(for_image: bool) -> tuple[About, Wheel]:
    package = package_folder()
    about = about_sailplane(package)
    return about, build_wheel(package, about, FOR_IMAGES if for_image else FOR_FUNCTIONS)
