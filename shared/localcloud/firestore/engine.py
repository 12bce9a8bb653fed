"""What a Firestore does, apart from gRPC: reads, queries and commits over one file."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import NamedTuple

from ..counters import Counters
from . import writes
from .declared import DeclaredIndexes
from .documents import Stored
from .errors import FirestoreError, invalid
from .indexes import Indexes
from .paths import DocumentName, FieldPath, document_name
from .protos import CommitResponse, Message, Status, ValueMessage, WriteMessage, WriteResult, timestamp
from .query import Order, Query
from .results import Results
from .storage import Change, Entry, Storage
from .transactions import Transaction, Transactions, View

MAX_COMMIT_BYTES = 10 * 1024 * 1024

Watcher = Callable[[list[Change], int], None]
"""Told of the changes of each commit and its time."""


class Written(NamedTuple):
    """The answer to one write."""

    updated: int | None
    transforms: tuple[ValueMessage, ...]

    def message(self) -> Message:
        result = WriteResult(transform_results=self.transforms)
        if self.updated is not None:
            result.update_time.CopyFrom(timestamp(self.updated))
        return result


class Engine:
    """All databases of one file. Not thread-safe; every method is done when it returns."""

    def __init__(
        self,
        storage: Storage,
        *,
        counters: Counters,
        clock: Callable[[], float],
        declared: DeclaredIndexes | None = None,
    ) -> None:
        self.storage = storage
        self.view = View(storage, Indexes(storage))
        self.transactions = Transactions(self.view, clock)
        self.watchers: list[Watcher] = []
        self._counters = counters
        self._clock = clock
        self._declared = declared
        self._last = 0

    def now(self) -> int:
        """The time in microseconds, never the same twice."""
        self._last = max(int(self._clock() * 1_000_000), self._last + 1)
        return self._last

    def read_time(self) -> int:
        """The time at which a read sees everything committed, in microseconds."""
        return max(int(self._clock() * 1_000_000), self._last)

    def key(self, name: DocumentName) -> bytes:
        return self.storage.prefix(name.database) + name.key

    def get(self, name: DocumentName, transaction: Transaction | None = None) -> Stored | None:
        """One document, billed as one read whether it is there or not."""
        self._counters.add("firestore.reads")
        key = self.key(name)
        if transaction is None:
            return self.storage.get(key)
        found = transaction.view.storage.get(key)
        transaction.saw(key, found)
        return found

    async def take_turns(self, database: str, transaction_id: bytes, names: Iterable[str]) -> None:
        """Before a transaction reads documents: wait for its turn on those that others contend for."""
        transaction = self.transactions.get(transaction_id, database)
        if transaction.read_only:
            return
        turns = self.transactions.turns
        for key in sorted(self.key(name) for name in parse_names(database, names)):
            if transaction.repeats or turns.is_contended(key):
                await turns.take(key, transaction_id)

    def query(self, query: Query, transaction: Transaction | None = None) -> Results:
        results = self._results(query, transaction)
        self._counters.add("firestore.queries")
        self._counters.add("firestore.reads", max(1, len(results.documents) + results.skipped))
        return results

    def _results(self, query: Query, transaction: Transaction | None, *, is_checked: bool = False) -> Results:
        prefix = self.storage.prefix(query.parent.database) if is_checked else self._check(query)
        results = self._view(transaction).run(query, prefix).results()
        if transaction is not None:
            transaction.saw_results(query, prefix, results.documents)
        return results

    def _check(self, query: Query) -> bytes:
        """The prefix of the query's database; raises if no index is declared for the query."""
        if self._declared is not None:
            self._declared.check(query)
        return self.storage.prefix(query.parent.database)

    def count(self, query: Query, up_to: int | None, transaction: Transaction | None = None) -> int:
        """How many results a query has; billed by the thousand."""
        prefix = self._check(query)
        found = self._view(transaction).run(query, prefix).count(up_to)
        if transaction is not None:
            transaction.saw_answer(found, lambda view: view.run(query, prefix).count(up_to))
        self.bill_aggregation(found + query.offset)
        return found

    def results_to_aggregate(
        self, query: Query, paths: Iterable[FieldPath], transaction: Transaction | None = None
    ) -> list[Stored]:
        """What the query finds, for sums and averages over the fields at `paths`, which need an index with them."""
        ordered = {order.path for order in query.orders}
        added = tuple(Order(path, descending=False) for path in dict.fromkeys(paths) if path not in ordered)
        self._check(replace(query, orders=(*added, *query.orders)))
        results = self._results(query, transaction, is_checked=True)
        self.bill_aggregation(len(results.documents) + results.skipped)
        return results.documents

    def bill_reads(self, amount: int) -> None:
        self._counters.add("firestore.reads", amount)

    def bill_aggregation(self, entries: int) -> None:
        self._counters.add("firestore.queries")
        self._counters.add("firestore.reads", max(1, -(-entries // 1000)))

    def _view(self, transaction: Transaction | None) -> View:
        return self.view if transaction is None else transaction.view

    def commit(self, database: str, batch: Iterable[WriteMessage], transaction_id: bytes = b"") -> Message:
        """Apply the writes, all or none, and answer with a CommitResponse."""
        batch = list(batch)
        if transaction_id:
            self._verify(transaction_id, database, bool(batch))
        now = self.now()
        written = self._apply(database, batch, now)
        response = CommitResponse(write_results=[item.message() for item in written])
        response.commit_time.CopyFrom(timestamp(now))
        return response

    def _verify(self, transaction_id: bytes, database: str, writes_anything: bool) -> None:
        """End the transaction; raise unless it may commit."""
        transaction = self.transactions.get(transaction_id, database)
        if transaction.read_only and writes_anything:
            raise invalid("Cannot modify documents in a read-only transaction.")
        try:
            transaction.verify(self.transactions.turns)
        finally:
            self.transactions.end(transaction_id)

    def write(self, write: WriteMessage) -> Written:
        """Commit a single write."""
        return self._apply(writes.target(write).database, [write], self.now())[0]

    def batch_write(self, database: str, batch: Iterable[WriteMessage]) -> list[tuple[Written | None, Message]]:
        """Each write on its own: a result or None, and its status."""
        batch = list(batch)
        names = [writes.target(write).text for write in batch]
        if len(set(names)) < len(names):
            raise invalid("A batch write may not write to the same document more than once.")
        return [self._attempt(database, write) for write in batch]

    def _attempt(self, database: str, write: WriteMessage) -> tuple[Written | None, Message]:
        try:
            return self._apply(database, [write], self.now())[0], Status()
        except FirestoreError as error:
            return None, Status(code=error.code.value[0], message=error.message)

    def _apply(self, database: str, batch: Iterable[WriteMessage], now: int) -> list[Written]:
        changes, written = self._decide(database, batch, now)
        added: list[Entry] = []
        removed: list[bytes] = []
        for change in changes:
            self.view.indexes.effect(change, added, removed)
        self.storage.commit(changes, added, removed)
        self.transactions.expire()
        self._count(written)
        for watcher in self.watchers:
            watcher(changes, now)
        return written

    def _decide(self, database: str, batch: Iterable[WriteMessage], now: int) -> tuple[list[Change], list[Written]]:
        """What the writes make of the documents, one after the other; raises where one of them is refused."""
        targets = [(write, writes.target(write)) for write in batch]
        prefix = self.storage.prefix(database)
        stored = self.storage.get_many([prefix + name.key for _, name in targets])
        current: dict[bytes, Stored | None] = dict(stored)
        groups: dict[bytes, bytes] = {}
        written: list[Written] = []
        for write, name in targets:
            if name.database != database:
                raise _elsewhere(name, database)
            key = prefix + name.key
            after, results = writes.apply(write, name, key, current.get(key), now)
            current[key], groups[key] = after, prefix + name.group
            written.append(Written(None if after is None else after.updated, results))
        return [Change(key, group, stored.get(key), current[key]) for key, group in groups.items()], written

    def _count(self, written: list[Written]) -> None:
        deletes = sum(item.updated is None for item in written)
        self._counters.add("firestore.commits")
        if deletes:
            self._counters.add("firestore.deletes", deletes)
        if deletes < len(written):
            self._counters.add("firestore.writes", len(written) - deletes)


def parse_names(database: str, texts: Iterable[str]) -> list[DocumentName]:
    """The names of a request, all of them in its database."""
    names = [document_name(text) for text in texts]
    for name in names:
        if name.database != database:
            raise _elsewhere(name, database)
    return names


def _elsewhere(name: DocumentName, database: str) -> FirestoreError:
    return invalid(f'Document "{name.text}" is not in the database "{database}" of the request.')
