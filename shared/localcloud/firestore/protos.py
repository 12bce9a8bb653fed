"""The raw protobuf classes below google-cloud-firestore's wrappers, which cost several times as much to use."""

from typing import Any, TypeAlias

from google.protobuf.empty_pb2 import Empty
from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc.status_pb2 import Status

from ..bare_import import import_types

Message: TypeAlias = Any
"""Any protobuf message: the generated classes carry no types."""
ValueMessage: TypeAlias = Any
DocumentMessage: TypeAlias = Any
WriteMessage: TypeAlias = Any
QueryMessage: TypeAlias = Any
FieldMap: TypeAlias = Any
"""The `fields` of a document or of a map value: field name to `ValueMessage`."""

_PACKAGE = "google.cloud.firestore_v1"
document: Any = import_types(_PACKAGE, "document")
firestore: Any = import_types(_PACKAGE, "firestore")
query: Any = import_types(_PACKAGE, "query")
write: Any = import_types(_PACKAGE, "write")

Document = document.Document.pb()
Value = document.Value.pb()
Write = write.Write.pb()
WriteResult = write.WriteResult.pb()
StructuredQuery = query.StructuredQuery.pb()

BatchGetDocumentsRequest = firestore.BatchGetDocumentsRequest.pb()
BatchGetDocumentsResponse = firestore.BatchGetDocumentsResponse.pb()
BatchWriteRequest = firestore.BatchWriteRequest.pb()
BatchWriteResponse = firestore.BatchWriteResponse.pb()
BeginTransactionRequest = firestore.BeginTransactionRequest.pb()
BeginTransactionResponse = firestore.BeginTransactionResponse.pb()
CommitRequest = firestore.CommitRequest.pb()
CommitResponse = firestore.CommitResponse.pb()
CreateDocumentRequest = firestore.CreateDocumentRequest.pb()
DeleteDocumentRequest = firestore.DeleteDocumentRequest.pb()
GetDocumentRequest = firestore.GetDocumentRequest.pb()
ListCollectionIdsRequest = firestore.ListCollectionIdsRequest.pb()
ListCollectionIdsResponse = firestore.ListCollectionIdsResponse.pb()
ListDocumentsRequest = firestore.ListDocumentsRequest.pb()
ListDocumentsResponse = firestore.ListDocumentsResponse.pb()
ListenRequest = firestore.ListenRequest.pb()
ListenResponse = firestore.ListenResponse.pb()
PartitionQueryRequest = firestore.PartitionQueryRequest.pb()
PartitionQueryResponse = firestore.PartitionQueryResponse.pb()
RollbackRequest = firestore.RollbackRequest.pb()
RunAggregationQueryRequest = firestore.RunAggregationQueryRequest.pb()
RunAggregationQueryResponse = firestore.RunAggregationQueryResponse.pb()
RunQueryRequest = firestore.RunQueryRequest.pb()
RunQueryResponse = firestore.RunQueryResponse.pb()
TargetChange = firestore.TargetChange.pb()
UpdateDocumentRequest = firestore.UpdateDocumentRequest.pb()

__all__ = ["Empty", "Status", "Timestamp"]


def timestamp(micros: int) -> Message:
    """The instant `micros` microseconds after 1970."""
    return Timestamp(seconds=micros // 1_000_000, nanos=micros % 1_000_000 * 1000)


def micros_of(message: Message) -> int:
    """Microseconds since 1970; what is finer is dropped, as Firestore drops it."""
    return int(message.seconds) * 1_000_000 + int(message.nanos) // 1000
