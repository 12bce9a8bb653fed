"""The wheels of Sailplane that functions and images install: the code that runs here, without what they do not need.

The build of a function fails when an installed package lacks one that it requires, so leaving packages out means
leaving them out of the wheel's metadata too. The same code gives the same bytes, wherever and whenever.
"""

import base64
import hashlib
import io
import re
import tomllib
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from sailplane.deploy.installed import installed
from sailplane.deploy.requirements import SAILPLANE
from sailplane.model.errors import SettingsError

_FILES = frozenset({"_dags", "_functions", "_infra"})
"""What an installation has beside the code."""
_LOCAL_CLOUD = frozenset({"aiohttp", "gcp-storage-emulator", "watchdog"})
"""Direct requirements that only the local cloud imports."""


@dataclass(frozen=True, kw_only=True)
class Cut:
    """What is left out of a wheel; in each the package `localcloud`."""

    packages: frozenset[str]
    requirements: frozenset[str]
    """Direct ones of Sailplane's that only the packages left out import."""
    commands: Mapping[str, str] = field(default_factory=dict)
    """Command to entry point."""


FOR_FUNCTIONS = Cut(
    # The layers above `api`, which no function imports.
    packages=_FILES | {"cli", "deploy", "standalone"},
    requirements=_LOCAL_CLOUD | {"packaging", "pyyaml", "rich", "typer"},
)
FOR_IMAGES = Cut(packages=_FILES, requirements=_LOCAL_CLOUD, commands={SAILPLANE: "sailplane.cli.main:main"})
"""Images run `sailplane run-task` and `sailplane worker`."""
_EPOCH = (1980, 1, 1, 0, 0, 0)
_MODE = 0o644 << 16
_BUILD_DIGITS = 12


@dataclass(frozen=True, kw_only=True)
class About:
    """What the wheel says of itself."""

    version: str
    requires_python: str
    requires: tuple[Requirement, ...]
    """Without those of extras."""
    extras: Mapping[str, tuple[Requirement, ...]] = field(default_factory=dict)
    """What each extra has."""

    def needs(self, cut: Cut) -> tuple[Requirement, ...]:
        """What is left of the requirements."""
        return tuple(each for each in self.requires if canonicalize_name(each.name) not in cut.requirements)


@dataclass(frozen=True, kw_only=True)
class Wheel:
    filename: str
    """Its build tag follows from its content: builds are cached by the text of `requirements.txt`, which names it."""
    content: bytes


def package_folder() -> Path:
    """Where the code lies that runs here: in an installation, or in a source tree."""
    return Path(__file__).resolve().parents[1]


def source_tree(package: Path) -> Path | None:
    """The checkout that `package` belongs to, if it is none that was installed."""
    tree = package.parents[1]
    return tree if _project(tree).get("name") == SAILPLANE else None


def about_sailplane(package: Path) -> About:
    """From `pyproject.toml` of a checkout, which an editable installation has too and may have changed since; else from
    the installed metadata. Raises SettingsError when there is neither."""
    tree = source_tree(package)
    if tree is not None:
        project = _project(tree)
        requires = tuple(Requirement(line) for line in project["dependencies"])
        optional = project.get("optional-dependencies", {})
        extras = {part: tuple(map(Requirement, lines)) for part, lines in optional.items()}
        version, requires_python = project["version"], project["requires-python"]
    else:
        found = installed(SAILPLANE)
        if found is None:
            raise SettingsError(
                f"{package} has no metadata of an installation; install Sailplane with pip and try again"
            )
        requires = tuple(each for each in found.requires if each.marker is None or "extra" not in str(each.marker))
        extras = _extras(found.requires)
        version, requires_python = found.version, str(found.requires_python)
    return About(version=version, requires_python=requires_python, requires=requires, extras=extras)


def _extras(requires: tuple[Requirement, ...]) -> dict[str, tuple[Requirement, ...]]:
    """What each extra has, of the requirements of an installation, whose markers name the extras."""
    found: dict[str, tuple[Requirement, ...]] = {}
    for each in requires:
        for part in re.findall(r"""extra == ['"]([\w-]+)['"]""", str(each.marker or "")):
            found[part] = (*found.get(part, ()), Requirement(str(each).partition(";")[0]))
    return found


def build_wheel(package: Path, about: About, cut: Cut) -> Wheel:
    """The wheel of the code in `package`."""
    info = f"{SAILPLANE}-{about.version}.dist-info"
    files = {**_code(package, cut), f"{info}/METADATA": _metadata(about, cut)}
    if cut.commands:
        files[f"{info}/entry_points.txt"] = _entry_points(cut)
    build = f"0.{_digest(_record(files))[:_BUILD_DIGITS]}"
    files[f"{info}/WHEEL"] = _wheel_file(build)
    record = f"{info}/RECORD"
    files[record] = _record(files) + f"{record},,\n".encode()
    return Wheel(filename=f"{SAILPLANE}-{about.version}-{build}-py3-none-any.whl", content=_archive(files))


def _project(tree: Path) -> dict[str, Any]:
    try:
        project: dict[str, Any] = tomllib.loads((tree / "pyproject.toml").read_text())["project"]
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, KeyError):
        return {}
    return project


def _code(package: Path, cut: Cut) -> dict[str, bytes]:
    """Names in the wheel and contents of the files that stay."""
    return {
        f"{SAILPLANE}/{path.relative_to(package).as_posix()}": path.read_bytes()
        for path in sorted(package.rglob("*"))
        if path.is_file() and not _is_left_out(path.relative_to(package), cut)
    }


def _is_left_out(path: Path, cut: Cut) -> bool:
    is_made_here = "__pycache__" in path.parts or path.suffix == ".pyc" or path.name.startswith(".")
    return is_made_here or path.parts[0] in cut.packages


def _entry_points(cut: Cut) -> bytes:
    lines = ("[console_scripts]", *(f"{name} = {target}" for name, target in cut.commands.items()))
    return "".join(f"{line}\n" for line in lines).encode()


def _metadata(about: About, cut: Cut) -> bytes:
    lines = [
        "Metadata-Version: 2.1",
        f"Name: {SAILPLANE}",
        f"Version: {about.version}",
        "Summary: Sailplane, as it runs on Google Cloud",
        f"Requires-Python: {about.requires_python}",
        *(f"Requires-Dist: {each}" for each in sorted(map(str, about.needs(cut)))),
    ]
    return "".join(f"{line}\n" for line in lines).encode()


def _wheel_file(build: str) -> bytes:
    lines = (
        "Wheel-Version: 1.0",
        "Generator: sailplane",
        "Root-Is-Purelib: true",
        "Tag: py3-none-any",
        f"Build: {build}",
    )
    return "".join(f"{line}\n" for line in lines).encode()


def _record(files: Mapping[str, bytes]) -> bytes:
    return "".join(f"{name},sha256={_encoded(content)},{len(content)}\n" for name, content in files.items()).encode()


def _encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _archive(files: Mapping[str, bytes]) -> bytes:
    """Not compressed: what comes out of compression differs between versions of zlib."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.create_system = 3
            entry.external_attr = _MODE
            archive.writestr(entry, content)
    return buffer.getvalue()
