"""`python -m sailplane.authoring.parse BUNDLE`: what a bundle's files declare, as JSON on stdout.

A process of its own, because it runs the author's code. What that prints goes to stderr.
"""

import os
import sys
from pathlib import Path

import msgspec

from sailplane.authoring.loading import parse_bundle
from sailplane.model.dags import ParsedBundle


def encode(parsed: ParsedBundle) -> bytes:
    return msgspec.json.encode(parsed, order="deterministic")


def decode(data: bytes) -> ParsedBundle:
    return msgspec.json.decode(data, type=ParsedBundle)


def main(arguments: list[str]) -> int:
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m sailplane.authoring.parse BUNDLE\n")
        return 2
    answer = os.dup(1)
    os.dup2(2, 1)  # Of prints and of subprocesses alike.
    with os.fdopen(answer, "wb") as out:
        out.write(encode(parse_bundle(Path(arguments[0]))))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
