"""The folders that are built from: the source of each function, and the context of each image, with their hashes."""

import hashlib
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from sailplane.deploy.compute import image_name
from sailplane.deploy.config import REQUIREMENTS_FILE, Function, QueueConfig, QueueKind
from sailplane.deploy.design import Design
from sailplane.deploy.kit import source_folder
from sailplane.deploy.staging import IGNORE, IMAGE
from sailplane.model.errors import SettingsError

_IGNORED = """\
# Without this file gcloud would follow a .gitignore, which may leave out Sailplane's wheel.
.git/
__pycache__/
"""
_LEFT_OUT = shutil.ignore_patterns(".git", ".sailplane", ".venv", "__pycache__", "node_modules")


class Stage(Protocol):
    """`sailplane.deploy.staging.stage`: writes what a function is built from into a folder."""

    def __call__(self, function: str, folder: Path, *, extra_requirements: Sequence[str]) -> object: ...


ReadRequirements = Callable[[Path], Sequence[str]]


@dataclass(frozen=True, kw_only=True)
class Sources:
    """What is staged, and from where."""

    design: Design
    workspace: Path
    dags: Path | None
    """The folder of the DAGs, with the `requirements.txt` that they may bring."""
    stage: Stage
    read_requirements: ReadRequirements

    def write(self) -> Mapping[str, str]:
        """Stage everything anew; the hash of each source by the name of its function or image. Equal content has equal
        hashes."""
        self.workspace.mkdir(parents=True, exist_ok=True)
        (self.workspace / ".gitignore").write_text("*\n")
        return {name: folder_hash(folder) for name, folder in self._staged()}

    def _staged(self) -> Iterator[tuple[str, Path]]:
        topology = self.design.topology
        for function in (Function.TICK, Function.EVENTS, Function.WEB):
            yield self._function(topology.function(function), function, ())
        for queue in self.design.queues(QueueKind.FUNCTION):
            yield self._function(topology.worker(queue.name), Function.WORKER, self._requirements(queue))
        for queue in self.design.queues(QueueKind.JOB):
            if queue.builds_image:
                yield self._image(queue)

    def _function(self, name: str, function: Function, requirements: Sequence[str]) -> tuple[str, Path]:
        folder = self._emptied(name)
        self.stage(function.value, folder, extra_requirements=requirements)
        return name, folder

    def _image(self, queue: QueueConfig) -> tuple[str, Path]:
        """The context of an image: Sailplane in `sailplane/`, and the Dockerfile, the team's own or this one."""
        name = image_name(self.design, queue)
        folder = self._emptied(name)
        if queue.dockerfile is not None:
            _copy_context(queue.dockerfile, folder, self.workspace)
        own = folder / "sailplane"
        own.mkdir(exist_ok=True)
        self.stage(IMAGE, own, extra_requirements=self._requirements(queue))
        if not (folder / IGNORE).exists():
            (folder / IGNORE).write_text(_IGNORED)
        if queue.dockerfile is None:
            (folder / "Dockerfile").write_text(dockerfile(self.design.runtime.python, queue.system_packages))
        return name, folder

    def _emptied(self, name: str) -> Path:
        folder = source_folder(self.workspace, name)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        return folder

    def _requirements(self, queue: QueueConfig) -> Sequence[str]:
        if queue.requirements is not None:
            return self.read_requirements(queue.requirements)
        beside = self.dags / REQUIREMENTS_FILE if self.dags is not None else None
        return self.read_requirements(beside) if beside is not None and beside.is_file() else ()


def _copy_context(file: Path, folder: Path, workspace: Path) -> None:
    """Copy what lies beside a Dockerfile, without the workspace, which may lie there too."""
    if not file.is_file():
        raise SettingsError(f"{file} does not exist; correct `dockerfile` in sailplane.toml")

    def left_out(where: str, names: list[str]) -> set[str]:
        own = {name for name in names if Path(where, name).resolve() == workspace.resolve()}
        return own | _LEFT_OUT(where, names)

    shutil.copytree(file.parent, folder, ignore=left_out, dirs_exist_ok=True)
    (folder / "Dockerfile").write_bytes(file.read_bytes())


def dockerfile(python: str, system_packages: Sequence[str]) -> str:
    """An image that runs tasks: Python, the packages that a queue asks for, and Sailplane."""
    lines = [f"FROM python:{python}-slim"]
    if system_packages:
        lines.append(
            "RUN apt-get update && apt-get install --yes --no-install-recommends "
            f"{' '.join(system_packages)} && rm -rf /var/lib/apt/lists/*"
        )
    lines += [
        "ENV PYTHONUNBUFFERED=1 PIP_NO_CACHE_DIR=1",
        "COPY sailplane /opt/sailplane",
        "RUN cd /opt/sailplane && pip install --requirement requirements.txt && pip check",
        "RUN useradd --create-home sailplane",
        "USER sailplane",
        "WORKDIR /home/sailplane",
        'ENTRYPOINT ["sailplane"]',
    ]
    return "\n".join(lines) + "\n"


def folder_hash(folder: Path) -> str:
    """A hash of the names and contents of all files in a folder, short enough for a label."""
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(folder).as_posix()}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()[:40]
