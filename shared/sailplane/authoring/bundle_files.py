"""Which files of a bundle are DAG files."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

IGNORE_FILE = ".airflowignore"
_SKIPPED_FOLDERS = frozenset({"__pycache__", "node_modules"})


def dag_files(bundle: Path) -> list[str]:
    """Paths, relative to `bundle` and sorted, of the Python files that may declare DAGs.

    As in Airflow: a file counts when it mentions `dag` or `asset`, and `airflow` (or `sailplane`), unless a
    `.airflowignore` of a folder above it names it. Hidden folders are left out.
    """
    return sorted(path.relative_to(bundle).as_posix() for path in _walk(bundle, ()) if may_declare_dags(path))


def _walk(folder: Path, rules: Sequence["_Rule"]) -> Iterator[Path]:
    rules = (*rules, *_rules_of(folder))
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or path.name in _SKIPPED_FOLDERS or _is_ignored(path, rules):
            continue
        if path.is_dir():
            yield from _walk(path, rules)
        elif path.suffix == ".py":
            yield path


def may_declare_dags(path: Path) -> bool:
    text = path.read_bytes().lower()
    return (b"dag" in text or b"asset" in text) and (b"airflow" in text or b"sailplane" in text)


class _Rule:
    """One line of an ignore file, in the syntax of .gitignore."""

    def __init__(self, folder: Path, line: str) -> None:
        self._folder = folder
        self.keeps = line.startswith("!")
        glob = line.removeprefix("!").removeprefix("\\")
        self._folders_only = glob.endswith("/")
        glob = glob.rstrip("/")
        anchored = "/" in glob
        body = _regex(glob.lstrip("/"))
        self._pattern = re.compile(body if anchored else f"(?:.*/)?{body}")

    def matches(self, path: Path) -> bool:
        if self._folders_only and not path.is_dir():
            return False
        return self._pattern.fullmatch(path.relative_to(self._folder).as_posix()) is not None


def _regex(glob: str) -> str:
    out, rest = "", glob
    while rest:
        if rest.startswith("**/"):
            out, rest = out + "(?:.*/)?", rest[3:]
        elif rest.startswith("**"):
            out, rest = out + ".*", rest[2:]
        elif rest[0] == "*":
            out, rest = out + "[^/]*", rest[1:]
        elif rest[0] == "?":
            out, rest = out + "[^/]", rest[1:]
        elif match := re.match(r"\[!?[^]]+\]", rest):
            out, rest = out + match[0].replace("[!", "[^"), rest[match.end() :]
        else:
            out, rest = out + re.escape(rest[0]), rest[1:]
    return out


def _rules_of(folder: Path) -> list[_Rule]:
    file = folder / IGNORE_FILE
    if not file.is_file():
        return []
    lines = (line.strip() for line in file.read_text().splitlines())
    return [_Rule(folder, line) for line in lines if line and not line.startswith("#")]


def _is_ignored(path: Path, rules: Sequence[_Rule]) -> bool:
    """The last rule that matches decides."""
    for rule in reversed(rules):
        if rule.matches(path):
            return not rule.keeps
    return False
