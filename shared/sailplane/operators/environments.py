"""Python environments that are made once for their requirements and used again."""

import fcntl
import hashlib
import json
import os
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path

from sailplane.authoring.exceptions import AirflowException
from sailplane.hooks.subprocess import SubprocessHook
from sailplane.operators.shared_environments import SharedEnvironments

Say = Callable[[str], None]
MARKER = "complete.json"
"""Written last: an environment without it is half built, and is built anew."""


@dataclass(frozen=True, kw_only=True)
class EnvironmentSpec:
    """What an environment is made of; equal ones are the same environment."""

    requirements: tuple[str, ...] = ()
    """Lines of a requirements file."""
    python_version: str | None = None
    """Such as `3.12`; None: that of this process."""
    system_site_packages: bool = True
    pip_install_options: tuple[str, ...] = ()
    index_urls: tuple[str, ...] | None = None
    """The first replaces the installer's own index, the others are asked too; none at all: no index."""
    cache_key: str = ""
    """Whatever else shall make it another environment."""

    @property
    def digest(self) -> str:
        """Also of this machine's Python and platform, which the packages are made for. Tells nothing of passwords."""
        host = [sys.executable, *sys.version_info[:3], platform.machine(), sys.platform, *platform.libc_ver()]
        text = json.dumps([asdict(self), host], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def is_of_this_python(self) -> bool:
        """True when packages of this process can be used in it."""
        return self.python_version in (None, _own_version())


def _own_version() -> str:
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def default_root(environment: Mapping[str, str] = os.environ) -> Path:
    """Where environments are kept that name no place of their own: in the cache folder of the worker."""
    cache = environment.get("SAILPLANE_CACHE_DIR") or Path(tempfile.gettempdir()) / "sailplane"
    return Path(cache) / "environments"


def ensure(
    spec: EnvironmentSpec, root: Path, hook: SubprocessHook, say: Say, shared: SharedEnvironments | None = None
) -> Path:
    """The Python of the environment `spec` in the folder `root`; when it is not there fetched from `shared`, or built.

    Of several that ask at once, in whatever process, one builds and the others wait. Raises `AirflowException` when it
    cannot be built; nothing of it is left then.
    """
    folder = root / f"venv-{spec.digest}"
    python = folder / "bin" / "python"
    if _is_complete(folder):
        say(f"Reusing cached Python virtual environment in {folder}")
        return python
    root.mkdir(parents=True, exist_ok=True)
    with _lock(root / f"venv-{spec.digest}.lock"):
        if not _is_complete(folder):
            _make(spec, folder, hook, say, shared if spec.is_of_this_python else None)
    return python


def _is_complete(folder: Path) -> bool:
    return (folder / MARKER).is_file() and (folder / "bin" / "python").exists()


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    """Only one at a time may be in the block; the system lets go when the process dies."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _make(
    spec: EnvironmentSpec, folder: Path, hook: SubprocessHook, say: Say, shared: SharedEnvironments | None
) -> None:
    if folder.exists():
        say(f"Removing the half-built virtual environment in {folder}")
        shutil.rmtree(folder)
    try:
        if shared is not None and shared.fetch(folder):
            say(f"Fetched the Python virtual environment that another worker built into {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)
            _build(spec, folder, hook, say, shared)
        (folder / MARKER).write_text(json.dumps({"requirements": spec.requirements}))
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _build(
    spec: EnvironmentSpec, folder: Path, hook: SubprocessHook, say: Say, shared: SharedEnvironments | None
) -> None:
    started = time.monotonic()
    folder.mkdir(parents=True)
    requirements = folder / "requirements.txt"
    requirements.write_text("\n".join(spec.requirements))
    for command in commands(spec, folder, requirements, find_uv()):
        _run(command, index_variables(spec), hook, say)
    say(f"New Python virtual environment created in {folder}")
    if shared is not None:
        shared.leave(folder, timedelta(seconds=time.monotonic() - started))


def _run(command: Sequence[str], variables: Mapping[str, str], hook: SubprocessHook, say: Say) -> None:
    said: list[str] = []

    def on_line(line: str) -> None:
        said.append(line)
        say(line)

    say(f"Executing: {' '.join(command)}")
    try:
        result = hook.run_command(command, env={**_environment(), **variables}, on_line=on_line)
    except FileNotFoundError:
        raise AirflowException(
            f"the virtual environment cannot be made, because {command[0]} is not there: install it, or install uv, "
            "which fetches the Pythons that it needs"
        ) from None
    if result.exit_code != 0:
        last = "\n".join(said[-5:])
        raise AirflowException(
            f"the virtual environment cannot be made: {' '.join(command[:4])}... exited with code "
            f"{result.exit_code}; its last lines were:\n{last}"
        )


def _environment() -> dict[str, str]:
    """Ours, without what would let a new environment see packages that are not its own."""
    return {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}


def find_uv() -> str | None:
    """The program uv: on the PATH, or installed beside this Python."""
    beside = Path(sys.executable).parent / "uv"
    return shutil.which("uv") or (str(beside) if beside.is_file() else None)


def commands(spec: EnvironmentSpec, folder: Path, requirements: Path, uv: str | None) -> list[list[str]]:
    """What makes the environment: by uv if it is there, else by venv and pip."""
    system = ["--system-site-packages"] if spec.system_site_packages else []
    python = str(folder / "bin" / "python")
    if uv is not None:
        version = sys.executable if spec.is_of_this_python else str(spec.python_version)
        make = [uv, "venv", "--quiet", "--allow-existing", "--python", version, *system, str(folder)]
        install = [uv, "pip", "install", "--python", python]
    else:
        version = sys.executable if spec.is_of_this_python else f"python{spec.python_version}"
        bare = [] if spec.requirements else ["--without-pip"]
        make = [version, "-m", "venv", *bare, *system, str(folder)]
        install = [python, "-m", "pip", "install", "--disable-pip-version-check"]
    if not spec.requirements:
        return [make]
    offline = ["--no-index"] if spec.index_urls == () else []
    return [make, [*install, *offline, *spec.pip_install_options, "-r", str(requirements)]]


def index_variables(spec: EnvironmentSpec) -> dict[str, str]:
    """Variables that tell uv and pip which indexes to ask; not arguments, which are logged and may hold passwords."""
    if not spec.index_urls:
        return {}
    first, *more = spec.index_urls
    variables = {"UV_DEFAULT_INDEX": first, "PIP_INDEX_URL": first}
    return {**variables, "UV_INDEX": " ".join(more), "PIP_EXTRA_INDEX_URL": " ".join(more)} if more else variables
