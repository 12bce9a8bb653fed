"""In the template: imports DAG files, within a time, and says why one cannot be imported."""

import signal
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from types import FrameType
from typing import Any

from sailplane.model.errors import AuthorError
from sailplane.model.runs import ErrorInfo
from sailplane.runner.protocol import writable

LoadFile = Callable[[Path, str], Mapping[str, Any]]


class DagImportTimeout(BaseException):
    """Not an `Exception`: a DAG file that catches those must not catch this."""


def find(entry_point: str) -> Any:
    """The object that `module:name` stands for."""
    module, _, name = entry_point.partition(":")
    return getattr(import_module(module), name)


def load(load_file: LoadFile, bundle: Path, file: str, seconds: float) -> Mapping[str, Any]:
    """The DAGs of a file. Raises whatever the file raises, or `DagImportTimeout`."""
    with _time_limit(seconds, f"{file} was not imported within {seconds:g} s: keep slow work out of its top level"):
        return load_file(bundle, file)


@contextmanager
def _time_limit(seconds: float, message: str) -> Iterator[None]:
    def ring(_number: int, _frame: FrameType | None) -> None:
        raise DagImportTimeout(message)

    signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)


def describe(error: BaseException, bundle: Path, file: str) -> ErrorInfo:
    """What the author needs to find the mistake: the innermost line of the bundle's own code."""
    origin = error.__cause__ or error
    place, line = _where(origin, bundle) or (file, getattr(error, "line", None))
    kind = type(origin if type(error) is AuthorError else error).__name__
    return ErrorInfo(kind=kind, message=writable(str(error)) or kind, file=place, line=line)


def _where(error: BaseException, bundle: Path) -> tuple[str, int | None] | None:
    if isinstance(error, SyntaxError) and error.filename:
        return _relative(error.filename, bundle) or error.filename, error.lineno
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        relative = _relative(frame.filename, bundle)
        if relative:
            return relative, getattr(error, "line", None) or frame.lineno
    return None


def _relative(filename: str, bundle: Path) -> str | None:
    try:
        return str(Path(filename).resolve().relative_to(bundle.resolve()))
    except ValueError:
        return None


def traceback_text(error: BaseException, bundle: Path) -> str:
    """The traceback from the bundle's first line on: what called it is of no use to its author."""
    origin = error.__cause__ or error
    frames = traceback.extract_tb(origin.__traceback__)
    start = next((index for index, frame in enumerate(frames) if _relative(frame.filename, bundle)), len(frames))
    shown = traceback.TracebackException.from_exception(origin)
    shown.stack = traceback.StackSummary.from_list(frames[start:])
    return writable("".join(shown.format()))
