"""Transactions: what each has read, and whether that still holds when it commits.

Reads take no locks. A commit checks that each document and each query result that the transaction read is as it was,
and answers ABORTED otherwise: of two that read and write the same document one commits, the other's client tries again,
in turn with all others that do (see `turns`).
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from secrets import token_bytes

from .documents import Stored
from .errors import aborted, invalid
from .indexes import Indexes
from .protos import Message
from .query import Query
from .results import QueryRun
from .storage import Storage
from .turns import Turns

LIFETIME_S = 270.0
IDLE_S = 60.0
CONTENTION = "Too much contention on these documents. Please try again."
GONE = "The referenced transaction has expired or is no longer valid."


@dataclass(frozen=True)
class View:
    """One state of the storage that queries read: the current one, or a snapshot."""

    storage: Storage
    indexes: Indexes
    current: bool = True

    def run(self, query: Query, prefix: bytes) -> QueryRun:
        find = self.indexes.ensure if self.current else self.indexes.find
        return QueryRun(query, self.storage, prefix, find)


@dataclass
class Transaction:
    """One transaction in progress."""

    id: bytes
    database: str
    view: View
    read_only: bool
    repeats: bool
    """It was aborted before and tries again."""
    started: float
    used: float
    documents: dict[bytes, int | None] = field(default_factory=dict)
    """The update time of each document read; None for one that did not exist."""
    checks: list[Callable[[View], bool]] = field(default_factory=list)
    """For each query read: whether it still gives the same."""

    def saw(self, key: bytes, document: Stored | None) -> None:
        if not self.read_only:
            self.documents.setdefault(key, None if document is None else document.updated)

    def saw_results(self, query: Query, prefix: bytes, documents: list[Stored]) -> None:
        if self.read_only:
            return
        versions = _versions(documents)
        self.checks.append(lambda view: _versions(view.run(query, prefix).results().documents) == versions)

    def saw_answer(self, answer: object, ask: Callable[[View], object]) -> None:
        if not self.read_only:
            self.checks.append(lambda view: ask(view) == answer)

    def verify(self, turns: Turns) -> None:
        """Raise ABORTED unless everything read is as it was, and nobody else's turn."""
        for key, updated in self.documents.items():
            document = self.view.storage.get(key)
            is_as_read = (None if document is None else document.updated) == updated
            if not is_as_read or turns.holder(key) not in (None, self.id):
                turns.note_conflict(key)
                raise aborted(CONTENTION)
        if not all(check(self.view) for check in self.checks):
            raise aborted(CONTENTION)


def _versions(documents: list[Stored]) -> list[tuple[bytes, int]]:
    return [(document.key, document.updated) for document in documents]


class Transactions:
    """The transactions in progress. They live in memory: a restart ends them all, as it would expire them."""

    def __init__(self, current: View, clock: Callable[[], float]) -> None:
        self._current = current
        self._clock = clock
        self._open: dict[bytes, Transaction] = {}
        self.turns = Turns()

    def begin(self, database: str, options: Message, default: str = "read_write") -> Transaction:
        """Begin a transaction in the mode that `options` names, else in the default of the method that begins it."""
        if options.read_only.HasField("read_time"):
            raise invalid("Reading at a past read_time is not supported by the local Firestore.")
        self.expire()
        read_only = (options.WhichOneof("mode") or default) == "read_only"
        now = self._clock()
        repeats = bool(options.read_write.retry_transaction)
        view = self._snapshot() if read_only else self._current
        transaction = Transaction(token_bytes(16), database, view, read_only, repeats, now, now)
        self._open[transaction.id] = transaction
        return transaction

    def get(self, transaction_id: bytes, database: str) -> Transaction:
        """The transaction of that id; INVALID_ARGUMENT if it is not in progress."""
        self.expire()
        found = self._open.get(transaction_id)
        if found is None or found.database != database:
            raise invalid(GONE)
        found.used = self._clock()
        return found

    def end(self, transaction_id: bytes) -> None:
        """Forget a transaction; one that is not in progress is no error."""
        found = self._open.pop(transaction_id, None)
        if found is not None and not found.read_only:
            self.turns.leave(transaction_id)
        if found is not None and found.view is not self._current:
            found.view.storage.close()

    def close(self) -> None:
        for transaction_id in list(self._open):
            self.end(transaction_id)

    def _snapshot(self) -> View:
        storage = self._current.storage.snapshot()
        return View(storage, Indexes(storage), current=False)

    def expire(self) -> None:
        """End the transactions whose time is over."""
        if not self._open:
            return
        now = self._clock()
        for found in list(self._open.values()):
            if now - found.started > LIFETIME_S or now - found.used > IDLE_S:
                self.end(found.id)
