"""A gcloud that answers as it is told, in the test's own process."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sailplane.deploy.shell import Answer, Shell


def failure(message: str) -> Answer:
    return Answer(code=1, stderr=f"ERROR: (gcloud.any.thing) {message}\n")


@dataclass
class ScriptedGcloud:
    """Answers commands by the words that they begin with: from JSON values in a row, whose last one is for ever."""

    answers: dict[str, Sequence[Any]] = field(default_factory=dict)
    calls: list[tuple[str, ...]] = field(default_factory=list)
    inputs: list[str] = field(default_factory=list)

    def __call__(self, argv: tuple[str, ...], standard_input: str) -> Answer:
        self.calls.append(argv)
        self.inputs.append(standard_input)
        line = " ".join(argv[1:] if argv[0] == "gcloud" else argv)
        for words, row in self.answers.items():
            if line.startswith(words):
                answer = row[min(self._count(words) - 1, len(row) - 1)]
                return answer if isinstance(answer, Answer) else Answer(code=0, stdout=json.dumps(answer))
        return Answer(code=0, stdout="[]")

    def _count(self, words: str) -> int:
        return sum(" ".join(argv[1:] if argv[0] == "gcloud" else argv).startswith(words) for argv in self.calls)

    def asked(self, words: str) -> int:
        """How many commands began with these words."""
        return self._count(words)

    @property
    def shell(self) -> Shell:
        return Shell({}, self)
