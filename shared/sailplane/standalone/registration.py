"""Registers a folder of DAG files.

`python -m sailplane.standalone.registration FOLDER` takes variables as JSON on standard input and prints what came of
it. It imports all it needs before it reads them, so it can be started before the cloud is there that they lead to.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from sailplane.cloud.settings import import_timeout
from sailplane.model.dags import ParsedBundle
from sailplane.model.errors import AuthorError, NotFound, SailplaneError
from sailplane.model.execution import ReadingServices
from sailplane.model.runs import DagFileError
from sailplane.standalone.assets import import_path
from sailplane.standalone.parse_answers import FarEnds, answered_by


@dataclass(frozen=True, kw_only=True)
class Registration:
    """What a push changed."""

    created: tuple[str, ...] = ()
    updated: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()
    stale: tuple[str, ...] = ()
    errors: tuple[DagFileError, ...] = ()
    warnings: tuple[str, ...] = ()

    def as_row(self) -> dict[str, Any]:
        return asdict(self)

    def lines(self) -> Iterator[str]:
        """For people: one line a kind of change, one a broken file."""
        for what in ("created", "updated", "unchanged", "stale"):
            ids = getattr(self, what)
            if ids:
                yield f"{what}: {', '.join(ids)}"
        for error in self.errors:
            yield f"cannot read {error.file}: {error.message}"
        for warning in self.warnings:
            yield f"warning: {warning}"
        if not (self.created or self.updated or self.unchanged or self.errors):
            yield "no DAG found"


def push_folder(environment: Mapping[str, str], folder: Path) -> Registration:
    """Parse the folder and register what it holds with the cloud that `environment` names."""
    from sailplane.cloud.settings import Settings
    from sailplane.cloud.wiring import connect
    from sailplane.engine import registry
    from sailplane.engine.values import Values, places_of

    cloud = connect(Settings.from_mapping(environment))
    try:
        values = Values(places_of(cloud.settings, cloud.store), cloud.store)
        parsed = parse_folder(environment, folder, values)
        report = registry.push(cloud, folder, parsed, datetime.now(UTC))
    finally:
        cloud.close()
    return Registration(
        created=tuple(report.created),
        updated=tuple(report.updated),
        unchanged=tuple(report.unchanged),
        stale=tuple(report.stale),
        errors=tuple(report.errors),
        warnings=tuple(report.warnings),
    )


def parse_folder(environment: Mapping[str, str], folder: Path, values: ReadingServices | None = None) -> ParsedBundle:
    """What the DAG files declare; they run in a process of their own. What they print goes to standard error.

    `values` answers for the Variables and Connections that their top level reads; without it the environment does.
    A file that ends the process or takes longer than `SAILPLANE_IMPORT_TIMEOUT` is one of the errors in it. Raises
    `NotFound` without the folder, `AuthorError` when not even that can be said.
    """
    if not folder.is_dir():
        raise NotFound(f"there is no folder {folder}; give the folder that holds the DAG files")
    seconds = str(import_timeout(environment).total_seconds())
    command = [sys.executable, "-m", "sailplane.authoring.parse", str(folder), seconds]
    with answered_by(values) if values is not None else nullcontext() as far:
        code, parsed = _run(command, child_environment(environment), far)
    if code != 0:
        raise AuthorError(f"reading {folder} ended the process with code {code}; its output says more")
    return msgspec.json.decode(parsed, type=ParsedBundle)


def _run(command: Sequence[str], environment: Mapping[str, str], far: FarEnds | None) -> tuple[int, bytes]:
    """The process's exit code and its output. What it asks, it asks over `far`, which is closed here."""
    pipes = () if far is None else (far.questions, far.answers)
    try:
        process = subprocess.Popen(
            [*command, *map(str, pipes)],
            stdout=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            env=environment,
            pass_fds=pipes,
        )
    finally:
        if far is not None:
            far.close()
    with process:
        output, _nothing = process.communicate()
    return process.returncode, output


def child_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """`environment` for a process that imports Sailplane from where this one does."""
    known = environment.get("PYTHONPATH", "")
    path = import_path() if not known else f"{import_path()}{os.pathsep}{known}"
    return {**environment, "PYTHONPATH": path}


def main(arguments: list[str]) -> int:
    from sailplane.engine import registry as _warm_up  # noqa: F401

    given = sys.stdin.read()
    if not given:
        return 0  # Whoever started it gave up.
    try:
        report = push_folder({**os.environ, **json.loads(given)}, Path(arguments[0]))
    except SailplaneError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.buffer.write(msgspec.json.encode(report))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
