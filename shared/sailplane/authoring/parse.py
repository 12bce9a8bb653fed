"""`python -m sailplane.authoring.parse BUNDLE [SECONDS [QUESTIONS ANSWERS]]`: what a bundle's files declare, as JSON.

A process of its own, because it runs the author's code. What that prints goes to stderr. SECONDS is how long the top
level of one file may take. QUESTIONS and ANSWERS are descriptors of pipes over which Variables and Connections are
asked for (`pipe_values`); without them the environment alone is.
"""

import os
import sys
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import msgspec

from sailplane.authoring.pipe_values import PipeValues
from sailplane.authoring.reading import IMPORT_TIMEOUT, read_bundle
from sailplane.model.dags import ParsedBundle


def encode(parsed: ParsedBundle) -> bytes:
    return msgspec.json.encode(parsed, order="deterministic")


def decode(data: bytes) -> ParsedBundle:
    return msgspec.json.decode(data, type=ParsedBundle)


def main(arguments: list[str]) -> int:
    if len(arguments) not in (1, 2, 4):
        sys.stderr.write("usage: python -m sailplane.authoring.parse BUNDLE [SECONDS [QUESTIONS ANSWERS]]\n")
        return 2
    limit = timedelta(seconds=float(arguments[1])) if len(arguments) > 1 else IMPORT_TIMEOUT
    answer = os.dup(1)
    os.dup2(2, 1)  # Of prints and of subprocesses alike.
    parsed = read_bundle(Path(arguments[0]), limit, _values(arguments[2:]))
    with os.fdopen(answer, "wb") as out:
        out.write(encode(parsed))
    return 0


def _values(pipes: Sequence[str]) -> PipeValues | None:
    if not pipes:
        return None
    questions, answers = map(int, pipes)
    for pipe in (questions, answers):
        os.set_inheritable(pipe, False)  # A program that a DAG file starts must not keep them open.
    return PipeValues(questions, answers)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
