"""Registers a folder of DAG files.

`python -m sailplane.standalone.registration FOLDER` takes variables as JSON on standard input and prints what came of
it. It imports all it needs before it reads them, so it can be started before the cloud is there that they lead to.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from sailplane.cloud.settings import import_timeout
from sailplane.model.dags import ParsedBundle
from sailplane.model.errors import AuthorError, NotFound, SailplaneError
from sailplane.model.runs import DagFileError
from sailplane.standalone.assets import import_path


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

    parsed = parse_folder(environment, folder)
    cloud = connect(Settings.from_mapping(environment))
    try:
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


def parse_folder(environment: Mapping[str, str], folder: Path) -> ParsedBundle:
    """What the DAG files declare; they run in a process of their own. What they print goes to standard error.

    A file that ends the process or takes longer than `SAILPLANE_IMPORT_TIMEOUT` is one of the errors in it. Raises
    `NotFound` without the folder, `AuthorError` when not even that can be said.
    """
    if not folder.is_dir():
        raise NotFound(f"there is no folder {folder}; give the folder that holds the DAG files")
    seconds = str(import_timeout(environment).total_seconds())
    done = subprocess.run(
        [sys.executable, "-m", "sailplane.authoring.parse", str(folder), seconds],
        stdout=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        env=child_environment(environment),
        check=False,
    )
    if done.returncode != 0:
        raise AuthorError(f"reading {folder} ended the process with code {done.returncode}; its output says more")
    return msgspec.json.decode(done.stdout, type=ParsedBundle)


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
