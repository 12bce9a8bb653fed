"""Checks a folder of DAG files."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from sailplane.compat.migration.findings import Finding, Verdict
from sailplane.compat.migration.reading import read

_SKIPPED_FOLDERS = frozenset({"__pycache__", "node_modules"})


def check(folder: Path) -> Sequence[Finding]:
    """For each Python file below `folder` that speaks of Airflow: all that differs or is missing, or that it runs."""
    return [finding for path in _files(folder) for finding in _check_file(path, folder)]


def _files(folder: Path) -> Iterator[Path]:
    if folder.is_file():
        yield folder
        return
    for path in sorted(folder.rglob("*.py")):
        inner = path.relative_to(folder).parts
        if (
            not any(part.startswith(".") or part in _SKIPPED_FOLDERS for part in inner)
            and b"airflow" in path.read_bytes()
        ):
            yield path


def _check_file(path: Path, folder: Path) -> list[Finding]:
    file = path.name if path == folder else path.relative_to(folder).as_posix()
    found = [remark.within(file) for remark in read(path.read_text(encoding="utf-8", errors="replace"))]
    return found or [Finding(file=file, line=0, verdict=Verdict.RUNS, name="", advice="")]
