"""Commands as values: what is run, with which files beside it, and how a person would type it."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

TOKEN_COMMAND = ("gcloud", "auth", "print-access-token")
"""Prints the token of whoever is logged in to gcloud."""
_HEADER = "Authorization: Bearer "


@dataclass(frozen=True, kw_only=True)
class File:
    """A file that a command reads."""

    path: Path
    content: str

    def write(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_text(self.content)


@dataclass(frozen=True, kw_only=True)
class Command:
    """One command line, without a shell."""

    argv: tuple[str, ...]
    files: tuple[File, ...] = ()
    takes_token: bool = False
    """Reads the header of authorization from standard input, where no process list shows it."""

    def __str__(self) -> str:
        """What a person can paste into a shell."""
        line = shlex.join(self.argv)
        if not self.takes_token:
            return line
        return f'printf %s "{_HEADER}$({shlex.join(TOKEN_COMMAND)})" | {line}'

    def standard_input(self, token: str) -> str:
        return _HEADER + token if self.takes_token else ""


def gcloud(project: str, *words: str, **flags: str | int | bool | None) -> Command:
    """`gcloud WORDS --flag=value ... --project=PROJECT --quiet`. A flag that is True stands alone, one that is False is
    `--no-...`, and None leaves it out."""
    return Command(argv=("gcloud", *words, *_flags(flags), f"--project={project}", "--quiet"))


def _flags(flags: Mapping[str, str | int | bool | None]) -> list[str]:
    return [_flag(name.replace("_", "-"), value) for name, value in flags.items() if value is not None]


def _flag(name: str, value: str | int | bool) -> str:
    if value is True:
        return f"--{name}"
    return f"--no-{name}" if value is False else f"--{name}={value}"


def mapping_flag(values: Mapping[str, str]) -> str | None:
    """`A=1,B=2`, with another separator where a value has a comma (see `gcloud topic escaping`); None when empty."""
    if not values:
        return None
    pairs = [f"{key}={value}" for key, value in values.items()]
    if not any("," in pair for pair in pairs):
        return ",".join(pairs)
    separator = next(each for each in ("|", ";", "##", "@@", "~~~") if not any(each in pair for pair in pairs))
    return f"^{separator}^{separator.join(pairs)}"
