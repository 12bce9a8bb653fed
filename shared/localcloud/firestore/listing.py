"""ListDocuments and ListCollectionIds."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from collections.abc import Iterator
from heapq import merge

from .documents import mask_paths
from .engine import Engine
from .errors import invalid, unimplemented
from .paths import ID_MARK, ParentName, check_collection_id, child_collection, collection_key, parent_name
from .protos import Document, ListCollectionIdsResponse, ListDocumentsResponse, Message
from .storage import Storage

_PAGE = 300


class Listing:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def list_documents(self, request: Message) -> Message:
        if request.WhichOneof("consistency_selector") == "read_time":
            raise unimplemented("Reading at a past read_time is not part of the local Firestore.")
        parent = parent_name(request.parent)
        if not request.collection_id:
            raise unimplemented("Listing documents of all collections at once is not part of the local Firestore.")
        check_collection_id(request.collection_id)
        if request.order_by:
            raise unimplemented("ListDocuments lists by name only; run a query for another order.")
        storage = self._engine.storage
        collection = child_collection(parent.path, request.collection_id)
        key = collection_key(storage.prefix(parent.database), collection)
        after, size = _page(request)
        ids = _existing_ids(storage, key, after, size + 1)
        if request.show_missing:
            ids = _unique(merge(ids, _ids_below(storage, key + b"\0", after)))
        return self._page_of(request, f"{parent.database}/documents/{collection}", key, ids, size)

    def _page_of(self, request: Message, root: str, key: bytes, ids: Iterator[bytes], size: int) -> Message:
        response = ListDocumentsResponse()
        mask = mask_paths(request.mask) if request.HasField("mask") else None
        last = b""
        for number, document_id in enumerate(ids):
            if number == size:
                response.next_page_token = _token(last)
                break
            name = f"{root}/{document_id.decode()}"
            found = self._engine.storage.get(key + ID_MARK + document_id)
            response.documents.append(Document(name=name) if found is None else found.message(name, mask))
            last = document_id
        self._engine.bill_reads(max(1, len(response.documents)))
        return response

    def list_collection_ids(self, request: Message) -> Message:
        if request.WhichOneof("consistency_selector") == "read_time":
            raise unimplemented("Reading at a past read_time is not part of the local Firestore.")
        parent = parent_name(request.parent)
        after, size = _page(request)
        response = ListCollectionIdsResponse()
        last = b""
        for number, collection_id in enumerate(_ids_below(self._engine.storage, self._below(parent), after)):
            if number == size:
                response.next_page_token = _token(last)
                break
            response.collection_ids.append(collection_id.decode())
            last = collection_id
        self._engine.bill_reads(max(1, len(response.collection_ids)))
        return response

    def _below(self, parent: ParentName) -> bytes:
        """What the keys of everything below a document begin with."""
        prefix = self._engine.storage.prefix(parent.database)
        return collection_key(prefix, parent.path) + b"\0" if parent.path else prefix


def _existing_ids(storage: Storage, collection: bytes, after: bytes, limit: int) -> Iterator[bytes]:
    low = collection + ID_MARK + (after + b"\0" if after else b"")
    return (key[len(collection) + len(ID_MARK) :] for key in storage.keys(low, collection + b"\0\1", limit))


def _ids_below(storage: Storage, start: bytes, after: bytes) -> Iterator[bytes]:
    """The segments that follow `start` in keys of documents, after `after`, each once: leaps from one to the next."""
    low, high = start + after + b"\1", start + b"\xff"
    while keys := storage.keys(low, high, 1):
        segment = keys[0][len(start) :].partition(b"\0")[0]
        yield segment
        low = start + segment + b"\1"


def _unique(ids: Iterator[bytes]) -> Iterator[bytes]:
    last = None
    for item in ids:
        if item != last:
            last = item
            yield item


def _token(last: bytes) -> str:
    return urlsafe_b64encode(last).decode()


def _page(request: Message) -> tuple[bytes, int]:
    """After which id the page begins, and how many it holds."""
    if request.page_size < 0:
        raise invalid("page_size must not be negative.")
    try:
        after = urlsafe_b64decode(request.page_token)
    except NotBase64:
        raise invalid("The page_token is none of ours.") from None
    return after, request.page_size or _PAGE
