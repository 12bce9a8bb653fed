"""Answers written as bytes: stored bodies are copied into them without being parsed."""

from .documents import Stored
from .protos import timestamp

_DOCUMENT_NAME = b"\x0a"
_DOCUMENT_CREATED = b"\x1a"
_DOCUMENT_UPDATED = b"\x22"


def length(size: int) -> bytes:
    """`size` as a protobuf varint."""
    if size < 0x80:
        return bytes((size,))
    if size < 0x4000:
        return bytes((size & 0x7F | 0x80, size >> 7))
    parts = bytearray()
    while size >= 0x80:
        parts.append(size & 0x7F | 0x80)
        size >>= 7
    parts.append(size)
    return bytes(parts)


def field(tag: bytes, content: bytes) -> bytes:
    """A length-delimited field."""
    return tag + length(len(content)) + content


def document(stored: Stored, name: str) -> bytes:
    """A serialized `Document`."""
    created = field(_DOCUMENT_CREATED, timestamp_bytes(stored.created))
    updated = field(_DOCUMENT_UPDATED, timestamp_bytes(stored.updated))
    return field(_DOCUMENT_NAME, name.encode()) + stored.body + created + updated


def timestamp_bytes(micros: int) -> bytes:
    data: bytes = timestamp(micros).SerializeToString()
    return data


def found(content: bytes, read_time: bytes) -> bytes:
    """A `BatchGetDocumentsResponse` of a serialized document."""
    return field(b"\x0a", content) + field(b"\x22", read_time)


def missing(name: str, read_time: bytes) -> bytes:
    """A `BatchGetDocumentsResponse` for a document that does not exist."""
    return field(b"\x12", name.encode()) + field(b"\x22", read_time)


def query_result(content: bytes, read_time: bytes) -> bytes:
    """A `RunQueryResponse` of a serialized document."""
    return field(b"\x0a", content) + field(b"\x1a", read_time)
