"""Where in the author's files something was made or went wrong."""

import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from traceback import walk_tb
from types import FrameType, TracebackType

_PACKAGE = str(Path(__file__).resolve().parent.parent) + "/"
_LIBRARY = tuple({f"{sysconfig.get_path(name)}/" for name in ("stdlib", "platstdlib", "purelib", "platlib")})
_NOT_THE_AUTHORS = (_PACKAGE, *_LIBRARY, "<frozen")


@dataclass(frozen=True, kw_only=True)
class Origin:
    """A line of a file."""

    file: str
    line: int


def is_authors(file: str) -> bool:
    """True unless `file` belongs to Sailplane, Python or an installed package."""
    return not file.startswith(_NOT_THE_AUTHORS)


def origin_of_call(dag_file: str | None) -> Origin | None:
    """The line that led here: of `dag_file` when it is on the stack, else the nearest of the author's."""
    nearest: Origin | None = None
    for frame in _callers(sys._getframe(1)):
        file = frame.f_code.co_filename
        if file == dag_file:
            return Origin(file=file, line=frame.f_lineno)
        if nearest is None and is_authors(file):
            nearest = Origin(file=file, line=frame.f_lineno)
            if dag_file is None:
                break
    return nearest


def _callers(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        yield frame
        frame = frame.f_back


def origin_of_error(trace: TracebackType | None, root: str | None = None) -> Origin | None:
    """The deepest line of the author's that `trace` passed; below the folder `root` when it passed any there."""
    authors = [
        Origin(file=frame.f_code.co_filename, line=line)
        for frame, line in walk_tb(trace)
        if is_authors(frame.f_code.co_filename)
    ]
    within = [origin for origin in authors if root and origin.file.startswith(root.rstrip("/") + "/")]
    found = within or authors
    return found[-1] if found else None


def authors_part(trace: TracebackType | None) -> TracebackType | None:
    """`trace` from the author's first line on: what led there is of no use to them. All of it when they have none."""
    part = trace
    while part is not None and not is_authors(part.tb_frame.f_code.co_filename):
        part = part.tb_next
    return part or trace
