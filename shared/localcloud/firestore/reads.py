"""The methods that read documents and run queries: messages in, messages out."""

from collections.abc import Iterable, Iterator

from . import wire
from .aggregation import aggregate
from .documents import Stored, mask_paths, masked
from .engine import Engine, parse_names
from .errors import not_found, unimplemented
from .filters import NAME
from .listing import Listing
from .paths import FieldPath, check_database, document_name, parent_name, path_text
from .protos import (
    BatchGetDocumentsResponse,
    Message,
    PartitionQueryResponse,
    RunAggregationQueryResponse,
    RunQueryResponse,
    Value,
    timestamp,
)
from .query import parse_query
from .transactions import Transaction


class Reads:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._listing = Listing(engine)
        self.list_documents = self._listing.list_documents
        self.list_collection_ids = self._listing.list_collection_ids

    def get_document(self, request: Message) -> Message:
        name = document_name(request.name)
        transaction, _ = self._transaction(request, name.database)
        found = self._engine.get(name, transaction)
        if found is None:
            raise not_found(f'Document "{name.text}" not found.')
        return found.message(name.text, mask_paths(request.mask) if request.HasField("mask") else None)

    def batch_get_documents(self, request: Message) -> Iterable[Message]:
        database = check_database(request.database)
        names = dict.fromkeys(parse_names(database, request.documents))
        transaction, begun = self._transaction(request, database)
        mask = mask_paths(request.mask) if request.HasField("mask") else None
        read_time = wire.timestamp_bytes(self._engine.read_time())
        responses: list[Message] = [BatchGetDocumentsResponse(transaction=begun.id)] if begun else []
        for name in names:
            found = self._engine.get(name, transaction)
            if found is None:
                responses.append(wire.missing(name.text, read_time))
            else:
                responses.append(wire.found(_content(found, name.text, mask), read_time))
        return responses

    def run_query(self, request: Message) -> Iterable[Message]:
        parent = parent_name(request.parent)
        if request.HasField("explain_options"):
            raise unimplemented("Query explain is not part of the local Firestore.")
        transaction, begun = self._transaction(request, parent.database)
        query = parse_query(parent, request.structured_query)
        results = self._engine.query(query, transaction)
        root = parent.database + "/documents/"
        return self._query_responses(results.documents, results.skipped, root, query.select, begun)

    def _query_responses(
        self,
        documents: list[Stored],
        skipped: int,
        root: str,
        select: tuple[FieldPath, ...] | None,
        begun: Transaction | None,
    ) -> Iterator[Message]:
        now = self._engine.read_time()
        if begun is not None or skipped or not documents:
            head = RunQueryResponse(skipped_results=skipped, read_time=timestamp(now))
            if begun is not None:
                head.transaction = begun.id
            yield head
        read_time = wire.timestamp_bytes(now)
        for found in documents:
            yield wire.query_result(_content(found, root + path_text(found.key), select), read_time)

    def run_aggregation_query(self, request: Message) -> Iterable[Message]:
        parent = parent_name(request.parent)
        if request.HasField("explain_options"):
            raise unimplemented("Query explain is not part of the local Firestore.")
        transaction, begun = self._transaction(request, parent.database)
        message = request.structured_aggregation_query
        query = parse_query(parent, message.structured_query)
        response = RunAggregationQueryResponse(read_time=timestamp(self._engine.read_time()))
        for alias, value in aggregate(self._engine, query, message.aggregations, transaction).items():
            response.result.aggregate_fields[alias].CopyFrom(value)
        if begun is not None:
            response.transaction = begun.id
        return [response]

    def partition_query(self, request: Message) -> Message:
        """Split points that cut the results into parts of about one size."""
        parent = parent_name(request.parent)
        query = parse_query(parent, request.structured_query)
        documents = self._engine.query(query).documents
        wanted = min(request.partition_count, max(0, len(documents) - 1))
        response = PartitionQueryResponse()
        root = parent.database + "/documents/"
        for number in range(1, wanted + 1):
            found = documents[number * len(documents) // (wanted + 1)]
            response.partitions.add(values=[Value(reference_value=root + path_text(found.key))], before=True)
        return response

    def _transaction(self, request: Message, database: str) -> tuple[Transaction | None, Transaction | None]:
        """The transaction to read in, and the same again if it is begun here."""
        kind = request.WhichOneof("consistency_selector")
        if kind == "read_time":
            raise unimplemented("Reading at a past read_time is not part of the local Firestore.")
        if kind == "transaction" and request.transaction:
            return self._engine.transactions.get(request.transaction, database), None
        if kind == "new_transaction":
            begun = self._engine.transactions.begin(database, request.new_transaction, default="read_only")
            return begun, begun
        return None, None


def _content(found: Stored, name: str, mask: tuple[FieldPath, ...] | None) -> bytes:
    """A serialized document, cut down to the mask."""
    if mask is None:
        return wire.document(found, name)
    kept = masked(found.parse(), (path for path in mask if path != NAME))
    return wire.document(found._replace(body=kept.SerializeToString()), name)
