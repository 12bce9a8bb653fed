"""The methods that change documents, and those that begin and end transactions: messages in, messages out."""

from secrets import choice
from string import ascii_letters, digits

from .documents import mask_paths
from .engine import MAX_COMMIT_BYTES, Engine
from .errors import invalid
from .paths import check_collection_id, check_database, document_name
from .protos import (
    BatchWriteResponse,
    BeginTransactionResponse,
    Empty,
    Message,
    Write,
    WriteMessage,
    WriteResult,
)


class Updates:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def commit(self, request: Message) -> Message:
        if request.ByteSize() > MAX_COMMIT_BYTES:
            raise invalid("Transaction too big. Decrease transaction size.")
        return self._engine.commit(check_database(request.database), request.writes, request.transaction)

    def batch_write(self, request: Message) -> Message:
        if request.ByteSize() > MAX_COMMIT_BYTES:
            raise invalid("Request too big. Decrease the number of writes.")
        outcomes = self._engine.batch_write(check_database(request.database), request.writes)
        return BatchWriteResponse(
            write_results=[WriteResult() if written is None else written.message() for written, _ in outcomes],
            status=[status for _, status in outcomes],
        )

    def create_document(self, request: Message) -> Message:
        check_collection_id(request.collection_id)
        document_id = request.document_id or _automatic_id()
        write = Write(update=request.document)
        write.update.name = f"{request.parent}/{request.collection_id}/{document_id}"
        write.current_document.exists = False
        return self._write(write, request)

    def update_document(self, request: Message) -> Message:
        write = Write(update=request.document)
        if request.HasField("update_mask"):
            write.update_mask.CopyFrom(request.update_mask)
        if request.HasField("current_document"):
            write.current_document.CopyFrom(request.current_document)
        return self._write(write, request)

    def delete_document(self, request: Message) -> Message:
        write = Write(delete=request.name)
        if request.HasField("current_document"):
            write.current_document.CopyFrom(request.current_document)
        self._engine.write(write)
        return Empty()

    def begin_transaction(self, request: Message) -> Message:
        transaction = self._engine.transactions.begin(check_database(request.database), request.options)
        return BeginTransactionResponse(transaction=transaction.id)

    def rollback(self, request: Message) -> Message:
        if not request.transaction:
            raise invalid("A rollback must name a transaction.")
        self._engine.transactions.end(request.transaction)
        return Empty()

    def _write(self, write: WriteMessage, request: Message) -> Message:
        """Commit one write and answer with the document as it then is."""
        name = document_name(write.update.name)
        self._engine.write(write)
        stored = self._engine.storage.get(self._engine.key(name))
        if stored is None:
            raise invalid(f"{name.text} is gone")
        return stored.message(name.text, mask_paths(request.mask) if request.HasField("mask") else None)


def _automatic_id() -> str:
    return "".join(choice(ascii_letters + digits) for _ in range(20))
