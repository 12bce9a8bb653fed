"""`python -m sailplane.authoring.parse BUNDLE [SECONDS]`: what a bundle's files declare, as JSON on stdout.

A process of its own, because it runs the author's code. What that prints goes to stderr. SECONDS is how long the top
level of one file may take.
"""

import os
import sys
from datetime import timedelta
from pathlib import Path

import msgspec

from sailplane.authoring.reading import IMPORT_TIMEOUT, read_bundle
from sailplane.model.dags import ParsedBundle


def encode(parsed: ParsedBundle) -> bytes:
    return msgspec.json.encode(parsed, order="deterministic")


def decode(data: bytes) -> ParsedBundle:
    return msgspec.json.decode(data, type=ParsedBundle)


def main(arguments: list[str]) -> int:
    if len(arguments) not in (1, 2):
        sys.stderr.write("usage: python -m sailplane.authoring.parse BUNDLE [SECONDS]\n")
        return 2
    limit = timedelta(seconds=float(arguments[1])) if len(arguments) == 2 else IMPORT_TIMEOUT
    answer = os.dup(1)
    os.dup2(2, 1)  # Of prints and of subprocesses alike.
    parsed = read_bundle(Path(arguments[0]), limit)
    with os.fdopen(answer, "wb") as out:
        out.write(encode(parsed))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
