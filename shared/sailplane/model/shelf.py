"""Objects in the bucket that tasks leave for others: results to be used again, environments that were built."""

import re
from dataclasses import dataclass
from enum import StrEnum

from sailplane.model.errors import RequestError

_NAME = re.compile(r"[\w.-]+", re.ASCII)


class ShelfKind(StrEnum):
    """What is left there; the value is the prefix of its objects' names.

    Both stand among the XComs, whose objects the bucket deletes with time and tells nobody about, behind a `~`, with
    which no dag_id begins.
    """

    RESULT = "xcoms/~results"
    """Of a task of one DAG; its content is text."""
    ENVIRONMENT = "xcoms/~environments"
    """A packed Python environment, from and to a file."""


class ShelfVerb(StrEnum):
    GET = "get"
    PUT = "put"


@dataclass(frozen=True, kw_only=True)
class ShelfRequest:
    """What a running task asks. `GET` is answered with the text, or with the file's path; None: it is not there."""

    verb: ShelfVerb
    kind: ShelfKind
    task_id: str = ""
    """Of `ShelfKind.RESULT`: whose result it is."""
    name: str
    """Letters, digits, dots, dashes and underscores."""
    text: str = ""
    file: str = ""
    """Where to, or from, on this machine."""

    def object_name(self, dag_id: str) -> str:
        """Its name in the bucket. Raises `RequestError` for a name that could stand for another object."""
        for part in (self.name, *([self.task_id] if self.kind is ShelfKind.RESULT else [])):
            if not _NAME.fullmatch(part):
                raise RequestError(f"{part!r} is no name for what is shared: letters, digits, '.', '-' and '_' may be")
        if self.kind is ShelfKind.RESULT:
            return f"{self.kind}/{dag_id}/{self.task_id}/{self.name}"
        return f"{self.kind}/{self.name}"
