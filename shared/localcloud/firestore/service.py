"""The gRPC service `google.firestore.v1.Firestore`."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path
from typing import Any, TypeAlias

import grpc

from ..counters import Counters
from ..faults import Fault, FaultKind, Faults
from . import protos
from .declared import DeclaredIndexes
from .engine import Engine
from .errors import FirestoreError
from .listen import ListenStream
from .reads import Reads
from .storage import Storage
from .updates import Updates

SERVICE = "google.firestore.v1.Firestore"
SERVER_OPTIONS = (("grpc.max_receive_message_length", 64 << 20), ("grpc.max_send_message_length", 64 << 20))
"""What a server that this is registered with needs: Firestore takes requests over gRPC's own limit of 4 MiB."""

Context: TypeAlias = Any
"""A `grpc.aio.ServicerContext`."""
Unary = Callable[[protos.Message], protos.Message]
Streaming = Callable[[protos.Message], Iterable[protos.Message]]


class FirestoreService:
    """A Firestore on one SQLite file, for any project and database id."""

    def __init__(
        self,
        path: Path,
        *,
        counters: Counters,
        faults: Faults,
        indexes: Path | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`indexes`: a `firestore.indexes.json`; queries that it does not declare indexes for are refused."""
        declared = None if indexes is None else DeclaredIndexes.read(indexes)
        self._storage = Storage(path)
        self._engine = Engine(self._storage, counters=counters, clock=clock, declared=declared)
        self._faults = faults
        self._reads = Reads(self._engine)
        self._updates = Updates(self._engine)

    def register(self, server: grpc.aio.Server) -> None:
        handlers = {method: self._unary(method, *rest) for method, rest in self._unary_methods().items()}
        handlers |= {method: self._stream(method, *rest) for method, rest in self._streaming_methods().items()}
        handlers["Listen"] = self._listen_handler()
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))

    async def close(self) -> None:
        """End all transactions and close the file."""
        self._engine.transactions.close()
        self._storage.close()

    def _listen_handler(self) -> Any:
        async def listen(requests: AsyncIterator[protos.Message], context: Context) -> None:
            if self._faults.pending:
                await _before(self._faults, "firestore.Listen", context)
            stream = ListenStream(self._engine)
            receiving = asyncio.create_task(_receive(requests, stream))
            try:
                while (message := await stream.outgoing.get()) is not None:
                    if isinstance(message, FirestoreError):
                        await context.abort(message.code, message.message)
                    await context.write(message)
            finally:
                receiving.cancel()
                stream.close()

        return grpc.stream_stream_rpc_method_handler(
            listen, request_deserializer=protos.ListenRequest.FromString, response_serializer=_serialize
        )

    def _unary_methods(self) -> dict[str, tuple[protos.Message, Unary]]:
        reads, updates = self._reads, self._updates
        return {
            "GetDocument": (protos.GetDocumentRequest, reads.get_document),
            "ListDocuments": (protos.ListDocumentsRequest, reads.list_documents),
            "ListCollectionIds": (protos.ListCollectionIdsRequest, reads.list_collection_ids),
            "PartitionQuery": (protos.PartitionQueryRequest, reads.partition_query),
            "CreateDocument": (protos.CreateDocumentRequest, updates.create_document),
            "UpdateDocument": (protos.UpdateDocumentRequest, updates.update_document),
            "DeleteDocument": (protos.DeleteDocumentRequest, updates.delete_document),
            "BeginTransaction": (protos.BeginTransactionRequest, updates.begin_transaction),
            "Commit": (protos.CommitRequest, updates.commit),
            "Rollback": (protos.RollbackRequest, updates.rollback),
            "BatchWrite": (protos.BatchWriteRequest, updates.batch_write),
        }

    def _streaming_methods(self) -> dict[str, tuple[protos.Message, Streaming]]:
        reads = self._reads
        return {
            "BatchGetDocuments": (protos.BatchGetDocumentsRequest, reads.batch_get_documents),
            "RunQuery": (protos.RunQueryRequest, reads.run_query),
            "RunAggregationQuery": (protos.RunAggregationQueryRequest, reads.run_aggregation_query),
        }

    def _unary(self, method: str, request_class: protos.Message, answer: Unary) -> Any:
        point, faults = f"firestore.{method}", self._faults

        async def handle(request: protos.Message, context: Context) -> protos.Message:
            lost = await _before(faults, point, context) if faults.pending else None
            try:
                response = answer(request)
            except FirestoreError as error:
                await context.abort(error.code, error.message)
            if lost is not None:
                await _fail(lost, context)
            return response

        return grpc.unary_unary_rpc_method_handler(
            handle, request_deserializer=request_class.FromString, response_serializer=_serialize
        )

    def _stream(self, method: str, request_class: protos.Message, answer: Streaming) -> Any:
        point, faults = f"firestore.{method}", self._faults
        waits = method == "BatchGetDocuments"

        async def handle(request: protos.Message, context: Context) -> None:
            lost = await _before(faults, point, context) if faults.pending else None
            try:
                if waits and request.transaction:
                    await self._engine.take_turns(request.database, request.transaction, request.documents)
                responses = answer(request)
            except FirestoreError as error:
                await context.abort(error.code, error.message)
            if lost is not None:
                await _fail(lost, context)
            for response in responses:
                await context.write(response)

        return grpc.unary_stream_rpc_method_handler(
            handle, request_deserializer=request_class.FromString, response_serializer=_serialize
        )


async def _receive(requests: AsyncIterator[protos.Message], stream: ListenStream) -> None:
    """Feed a stream until the client has no more to ask, or asks what cannot be."""
    try:
        async for request in requests:
            stream.receive(request)
        stream.outgoing.put_nowait(None)
    except FirestoreError as error:
        stream.outgoing.put_nowait(error)


def _serialize(message: protos.Message) -> bytes:
    return message if isinstance(message, bytes) else bytes(message.SerializeToString())


async def _before(faults: Faults, point: str, context: Context) -> Fault | None:
    """Let the fault at `point` happen; returned if it is to happen when the work is done."""
    fault = faults.take(point)
    if fault is None:
        return None
    if fault.kind is FaultKind.LATENCY:
        await asyncio.sleep(fault.seconds)
    elif fault.kind is FaultKind.ERROR:
        await _fail(fault, context)
    return fault if fault.kind is FaultKind.LOST_ANSWER else None


async def _fail(fault: Fault, context: Context) -> None:
    code = getattr(grpc.StatusCode, fault.status, grpc.StatusCode.UNKNOWN)
    await context.abort(code, f"injected fault: {fault.kind.value} at {fault.point}")
