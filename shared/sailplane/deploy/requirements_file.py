"""Reads `requirements.txt` as pip does, as far as a build far from here can follow it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement

from sailplane.model.errors import SettingsError

_COMMENT = re.compile(r"(^|\s)#.*$")
_INCLUDE = re.compile(r"(?:-r|--requirement)[\s=]*(?P<file>\S+)$")
_OPTIONS = (
    "--index-url",
    "-i",
    "--extra-index-url",
    "--find-links",
    "-f",
    "--no-binary",
    "--only-binary",
    "--prefer-binary",
    "--pre",
    "--trusted-host",
)
"""What a line may say to the installer. The build has no other way to be told."""
_LOCAL = re.compile(r"^(?:\.{0,2}/|~|file:|[A-Za-z]:\\)|\.(?:whl|zip|tar\.gz)$")
_REMOTE = re.compile(r"^(?:[a-z]+\+)?[a-z]+://")


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What someone asks for beside Sailplane's own needs."""

    options: tuple[str, ...] = ()
    requirements: tuple[Requirement, ...] = ()


def read_requirements(path: Path) -> tuple[str, ...]:
    """The lines of a requirements file that say something, with those of the files that it includes. Raises
    SettingsError that names file and line."""
    return tuple(_lines(path, ()))


def parse_requirements(lines: tuple[str, ...]) -> Wanted:
    """What the lines ask for. Raises SettingsError for one that is no requirement, or that the build cannot follow."""
    options = tuple(line for line in lines if line.startswith("-"))
    requirements = tuple(_requirement(line, where="") for line in lines if not line.startswith("-"))
    return Wanted(options=options, requirements=requirements)


def _lines(path: Path, including: tuple[Path, ...]) -> Iterator[str]:
    if path in including:
        raise SettingsError(f"{path} includes itself (-r); take the line out")
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} cannot be read: {error}") from error
    for number, line in _logical_lines(text):
        included = _INCLUDE.fullmatch(line)
        if included:
            yield from _lines(path.parent / included["file"], (*including, path))
        else:
            _check(line, f"{path}, line {number}: ")
            yield line


def _logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Lines without comments, those that end in a backslash joined with the next."""
    held = ""
    for number, line in enumerate(text.splitlines(), start=1):
        stripped = _COMMENT.sub("", line).strip()
        if stripped.endswith("\\"):
            held += stripped[:-1].rstrip() + " "
            continue
        if held or stripped:
            yield number, (held + stripped).strip()
        held = ""
    if held.strip():
        yield len(text.splitlines()), held.strip()


def _check(line: str, where: str) -> None:
    if "--hash" in line:
        raise SettingsError(
            f"{where}{line.split(maxsplit=1)[0]} has a --hash, and pip wants hashes for all packages or none; "
            "Sailplane's own have none. Leave the hashes out"
        )
    if line.startswith("-"):
        _check_option(line, where)
    else:
        _requirement(line, where)


def _check_option(line: str, where: str) -> None:
    if line.startswith(("-c", "--constraint")):
        raise SettingsError(f"{where}{line!r} names a constraints file; write the versions into the requirements")
    if line.startswith(("-e", "--editable")):
        raise SettingsError(_stays_here(line, where))
    if not re.match(rf"(?:{'|'.join(map(re.escape, _OPTIONS))})(?:[\s=]|$)", line):
        raise SettingsError(f"{where}{line!r} is an option that the build does not know")


def _requirement(line: str, where: str) -> Requirement:
    if _LOCAL.search(line) and not _REMOTE.match(line) and "@" not in line:
        raise SettingsError(_stays_here(line, where))
    try:
        requirement = Requirement(line)
    except InvalidRequirement as error:
        hint = "; write 'NAME @ URL'" if _REMOTE.match(line) else ""
        raise SettingsError(f"{where}{line!r} is no requirement: {str(error).splitlines()[0]}{hint}") from error
    if requirement.url is not None and requirement.url.startswith("file:"):
        raise SettingsError(_stays_here(line, where))
    return requirement


def _stays_here(line: str, where: str) -> str:
    return (
        f"{where}{line!r} lies on this machine, and the functions are built on another; publish the package in an "
        "index, or put its code beside the DAGs"
    )
