"""Python environments for what DAGs need beside Sailplane: one for each `requirements.txt`, made once and kept.

Each is a virtual environment that also sees the packages of the interpreter that runs Sailplane, as an installation on
the same image would; what it installs itself comes first.
"""

import hashlib
import shutil
import site
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

from sailplane.model.errors import SettingsError
from sailplane.standalone.assets import import_path

_READY = "ready"
"""Written last: an environment without it was cut off while it was made."""
_INCLUDES = ("-r ", "--requirement ", "-c ", "--constraint ")
_LAST_LINES = 4


def python_with(requirements: Path, folder: Path, say: Callable[[str], None]) -> Path:
    """The interpreter of an environment below `folder` that has what the file `requirements` names.

    Raises `SettingsError` when the file cannot be read or what it names cannot be installed.
    """
    home = folder / _digest(requirements)
    python = home / "bin" / "python"
    if (home / _READY).exists():
        return python
    say(f"Installing what {requirements} names")
    shutil.rmtree(home, ignore_errors=True)
    home.parent.mkdir(parents=True, exist_ok=True)
    # Our own pip installs into it, where there is one: to give it a pip of its own takes longer than all the rest.
    ours = find_spec("pip") is not None
    make = [sys.executable, "-m", "venv", *(["--without-pip"] if ours else []), str(home)]
    _run(make, home.parent, f"no virtual environment could be made in {home}")
    _see_ours(home)
    pip = [sys.executable, "-m", "pip", "--python", str(python)] if ours else [str(python), "-m", "pip"]
    install = [*pip, "install", "--quiet", "--no-input", "--disable-pip-version-check", "-r", requirements.name]
    _run(install, requirements.parent, f"{requirements} could not be installed")
    (home / _READY).touch()
    return python


def _digest(requirements: Path) -> str:
    """What an environment depends on: the files, and the interpreter that it builds on."""
    found = hashlib.sha256(f"{sys.version} {sys.prefix} {import_path()}".encode())
    for path in _files(requirements, set()):
        try:
            found.update(path.read_bytes())
        except OSError as error:
            raise SettingsError(f"{path} cannot be read: {error.strerror}; it names Python packages") from error
    return found.hexdigest()[:20]


def _files(requirements: Path, seen: set[Path]) -> Iterator[Path]:
    """The file, with those that it includes and the packages beside it that it installs."""
    path = requirements.resolve()
    if path in seen:
        return
    seen.add(path)
    yield path
    if not path.is_file():
        return
    for line in map(str.strip, path.read_text(errors="replace").splitlines()):
        include = next((line[len(option) :].strip() for option in _INCLUDES if line.startswith(option)), None)
        if include is not None:
            yield from _files(path.parent / include, seen)
        elif line.endswith((".whl", ".tar.gz")) and "://" not in line:
            yield path.parent / line


def _see_ours(home: Path) -> None:
    """Have the environment see the packages of this interpreter, after its own."""
    (packages,) = (home / "lib").glob("python*/site-packages")
    ours = [*site.getsitepackages(), *([site.getusersitepackages()] if site.ENABLE_USER_SITE else [])]
    lines = [f"import site; site.addsitedir({path!r})" for path in ours]
    (packages / "zz_sailplane.pth").write_text("\n".join([*lines, import_path(), ""]))


def _run(command: list[str], folder: Path, failure: str) -> None:
    done = subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        lines = (done.stderr or done.stdout).strip().splitlines()[-_LAST_LINES:]
        raise SettingsError(f"{failure}: {' '.join(lines) or f'code {done.returncode}'}")
