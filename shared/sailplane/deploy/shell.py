"""Running commands: gcloud and curl, with their failures as errors that say what to do."""

import json
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sailplane.deploy.command import TOKEN_COMMAND, Command
from sailplane.model.errors import SailplaneError


@dataclass(frozen=True, kw_only=True)
class Answer:
    """How a command ended."""

    code: int
    stdout: str = ""
    stderr: str = ""


Run = Callable[[tuple[str, ...], str], Answer]
"""Runs argv with a text as standard input."""

_HINTS: tuple[tuple[str, str], ...] = (
    (
        r"Secret \[[^]]*\] not found",
        "make it with `gcloud secrets create NAME --data-file=-`, or correct sailplane.toml",
    ),
    (r"bucket name is not available|bucket .*already exists", "choose another name with `bucket` in sailplane.toml"),
    (r"do not currently have an active account|not logged in|Reauthentication", "log in with `gcloud auth login`"),
    (r"billing", "the project needs a billing account: `gcloud billing projects link PROJECT --billing-account=...`"),
    (r"Invalid choice|unrecognized arguments|not a valid", "this gcloud may be too old: `gcloud components update`"),
    (r"option .* is unknown", "this curl may be too old: 7.76 or later is needed"),
    (r"quota|RESOURCE_EXHAUSTED|429", "a quota of the project is used up; ask for more of it in the console"),
    (
        r"PERMISSION_DENIED|does not have permission|denied on|403",
        "your account lacks a role for this; an owner has all",
    ),
    (r"SERVICE_DISABLED|has not been used in project", "the API is not on yet; wait a minute"),
)
_GONE = re.compile(
    r"NOT_FOUND|not ?found|does not exist|could not (?:be found|find)|cannot find|\b404\b|Unknown service account", re.I
)
_PASSING = re.compile(
    r"UNAVAILABLE|\b503\b|\b502\b|ABORTED|concurrent policy changes|DEADLINE_EXCEEDED|Connection reset|try again later"
    r"|unable to queue the operation|Cannot find metric that matches|try again soon|\b429\b",
    re.I,
)
_NOT_KNOWN_YET = re.compile(
    r"SERVICE_DISABLED|has not been used in project|PERMISSION_DENIED|does not have permission|denied on|\b403\b"
    r"|not authorized|missing (?:the )?(?:necessary )?permission|lacks .*permission"
    r"|service account .* does not exist|Unknown service account|Invalid (?:service account|principal)",
    re.I,
)
_HIDDEN = re.compile(r"PERMISSION_DENIED|does not have permission", re.I)
_THERE = re.compile(r"ALREADY_EXISTS|already exists|already own|\b409\b", re.I)
_LAST_LINES = 12


class CommandFailed(SailplaneError):
    """A command failed."""

    def __init__(self, command: Command, answer: Answer) -> None:
        # curl tells the code on one stream, and what the server said on the other.
        told = "\n".join(text.strip() for text in (answer.stdout, answer.stderr) if text.strip())
        self.said = (told or "it said nothing").splitlines()[-_LAST_LINES:]
        said = " ".join(line.strip() for line in self.said)
        hint = next((hint for pattern, hint in _HINTS if re.search(pattern, said, re.I)), None)
        message = f"`{command}` ended with code {answer.code}: {said}"
        super().__init__(f"{message} -- {hint}" if hint else message)

    def _matches(self, pattern: re.Pattern[str]) -> bool:
        return any(pattern.search(line) for line in self.said)

    @property
    def is_gone(self) -> bool:
        """Whether what the command was about does not exist."""
        return self._matches(_GONE)

    @property
    def is_there(self) -> bool:
        """Whether what was to be made exists."""
        return self._matches(_THERE)

    @property
    def is_hidden(self) -> bool:
        """Whether it may be there, and the account may not know."""
        return self._matches(_HIDDEN)

    @property
    def is_passing(self) -> bool:
        """Whether the same command may go through in a moment."""
        return self._matches(_PASSING)

    @property
    def is_not_known_yet(self) -> bool:
        """Whether it may be that an API, an account or a role is too new to be known everywhere."""
        return self._matches(_NOT_KNOWN_YET)


class Shell:
    """Runs commands on this machine."""

    def __init__(self, environment: Mapping[str, str], run: Run | None = None) -> None:
        self._environment = environment
        self._run = run or self._start

    def do(self, command: Command) -> str:
        """Write the command's files, run it, and return what it printed. Raises `CommandFailed`."""
        for file in command.files:
            file.write()
        token = self._token() if command.takes_token else ""
        answer = self._run(command.argv, command.standard_input(token))
        if answer.code != 0:
            raise CommandFailed(command, answer)
        return answer.stdout

    def ask(self, command: Command) -> Any:
        """The JSON that a reading command prints. Raises `CommandFailed`."""
        asking = Command(argv=(*command.argv, "--format=json"))
        printed = self.do(asking)
        try:
            return json.loads(printed) if printed.strip() else []
        except ValueError:
            raise CommandFailed(asking, Answer(code=0, stderr=f"printed no JSON but {printed[:200]!r}")) from None

    def _token(self) -> str:
        return self.do(Command(argv=TOKEN_COMMAND)).strip()

    def _start(self, argv: tuple[str, ...], standard_input: str) -> Answer:
        program = shutil.which(argv[0], path=self._environment.get("PATH"))
        if program is None:
            raise SailplaneError(f"{argv[0]} is not installed: {_INSTALL.get(argv[0], 'install it')}")
        ended = subprocess.run(
            [program, *argv[1:]],
            input=standard_input,
            capture_output=True,
            text=True,
            check=False,
            env=dict(self._environment),
        )
        return Answer(code=ended.returncode, stdout=ended.stdout, stderr=ended.stderr)


_INSTALL = {
    "gcloud": "see https://cloud.google.com/sdk/docs/install, then `gcloud auth login`",
    "curl": "the package of that name has it",
}
