"""Resource names, field paths, and the order-preserving keys that documents are stored under.

A document's key is: the database's prefix, the segments of its collection joined by NUL, two NULs, the document id. So
the documents of one collection lie side by side in name order, without those of their subcollections in between.
"""

import re
from functools import lru_cache
from typing import NamedTuple

from .errors import FirestoreError, invalid

MAX_ID_BYTES = 1500
MAX_NAME_BYTES = 6 * 1024
MAX_COLLECTION_DEPTH = 100
PREFIX_BYTES = 4
"""Length of the number that stands for the database at the front of each key."""
ID_MARK = b"\0\0"
LOWEST_ID = "__id-9223372036854775808__"
"""Clients write it into cursors to say "before the first document"."""

_RESERVED = re.compile(r"__.*__", re.DOTALL)
_ROOT = re.compile(r"(projects/[^/]+/databases/[^/]+)/documents(?:/(.*))?", re.DOTALL)
_DATABASE = re.compile(r"projects/[^/]+/databases/[^/]+")
_SIMPLE_SEGMENT = re.compile(r"[^\s`.\[\]*~/\\]+")
_SEGMENT = re.compile(r"`((?:[^`\\]|\\.)*)`|([^`.]+)", re.DOTALL)

FieldPath = tuple[str, ...]


class DocumentName(NamedTuple):
    """A document's full name, taken apart."""

    text: str
    database: str
    collection: str
    """The collection's path below `documents`, such as `dags/a/runs`."""
    id: str
    key: bytes
    """The key that the document is stored under, without the database's prefix."""
    group: bytes
    """The collection's id, encoded."""


class ParentName(NamedTuple):
    """What a query or a list starts from: a document, or the root of the database where `path` is empty."""

    database: str
    path: str


def check_database(text: str) -> str:
    if _DATABASE.fullmatch(text) is None:
        raise invalid(f'Invalid database name "{text}": expected projects/{{project}}/databases/{{database}}.')
    return text


def _check_segment(segment: str, name: str) -> None:
    if not segment:
        raise invalid(f'Resource name "{name}" is invalid: it has an empty segment.')
    if segment in {".", ".."} or "\0" in segment:
        raise invalid(f'Resource id "{segment}" is invalid.')
    if segment.startswith("__") and _RESERVED.fullmatch(segment):
        raise invalid(f'Resource id "{segment}" is invalid because it is reserved.')
    if len(segment) > MAX_ID_BYTES // 4 and len(segment.encode()) > MAX_ID_BYTES:
        raise invalid(f'Resource id "{segment[:40]}..." is longer than {MAX_ID_BYTES} bytes.')


def _split(text: str) -> tuple[str, str]:
    match = _ROOT.fullmatch(text)
    if match is None:
        raise invalid(f'Invalid name "{text}": expected projects/{{project}}/databases/{{database}}/documents/...')
    return match[1], match[2] or ""


def _check_path(path: str, text: str) -> int:
    """The number of segments of a path whose every segment is acceptable."""
    segments = path.split("/")
    for segment in segments:
        _check_segment(segment, text)
    if len(segments) > 2 * MAX_COLLECTION_DEPTH:
        raise invalid(f"Documents nest at most {MAX_COLLECTION_DEPTH} collections deep.")
    if len(path) > MAX_NAME_BYTES // 4 and len(path.encode()) > MAX_NAME_BYTES:
        raise _too_long()
    return len(segments)


class _Collection(NamedTuple):
    database: str
    path: str
    key: bytes
    group: bytes


@lru_cache(maxsize=4096)
def _collection(text: str) -> _Collection:
    """Parse and check the full name of a collection."""
    database, path = _split(text)
    if not path or _check_path(path, text) % 2 == 0:
        raise invalid(f'Document name "{text}/..." has an uneven number of segments: it names a collection.')
    key = path.encode().replace(b"/", b"\0")
    return _Collection(database, path, key, key.rpartition(b"\0")[2])


@lru_cache(maxsize=8192)
def document_name(text: str) -> DocumentName:
    """Parse and check a document's full name."""
    above, _, document_id = text.rpartition("/")
    database, path, key, group = _collection(above)
    _check_segment(document_id, text)
    if len(text) > MAX_NAME_BYTES // 4 and len(path.encode()) + len(document_id.encode()) >= MAX_NAME_BYTES:
        raise _too_long()
    return DocumentName(text, database, path, document_id, key + ID_MARK + document_id.encode(), group)


def _too_long() -> FirestoreError:
    return invalid(f"A document name is at most {MAX_NAME_BYTES} bytes long.")


@lru_cache(maxsize=2048)
def parent_name(text: str) -> ParentName:
    """Parse and check the `parent` of a query or a list."""
    database, path = _split(text)
    if path and _check_path(path, text) % 2:
        raise invalid(f'Parent "{text}" is a collection; a document or the root was expected.')
    return ParentName(database, path)


def check_collection_id(collection_id: str) -> None:
    if "/" in collection_id:
        raise invalid(f'Collection id "{collection_id}" contains "/".')
    _check_segment(collection_id, collection_id)


def child_collection(parent: str, collection_id: str) -> str:
    return f"{parent}/{collection_id}" if parent else collection_id


def collection_key(prefix: bytes, collection: str) -> bytes:
    return prefix + collection.encode().replace(b"/", b"\0")


def path_bytes(key: bytes) -> bytes:
    """The path in Firestore's name order: the segments of a document key joined by single NULs."""
    return key[PREFIX_BYTES:].replace(ID_MARK, b"\0")


def path_text(key: bytes) -> str:
    return path_bytes(key).decode().replace("\0", "/")


def collection_of(key: bytes) -> bytes:
    """The key of the collection that a document key lies in."""
    return key[: key.rindex(ID_MARK)]


def cursor_path(text: str) -> bytes:
    """The position of any reference in name order; cursors may name places where no document can be."""
    _, path = _split(text)
    segments = ("" if segment == LOWEST_ID else segment.replace("\0", "\1") for segment in path.split("/"))
    return "\0".join(segments).encode()


@lru_cache(maxsize=8192)
def field_path(text: str) -> FieldPath:
    """Parse a dotted field path whose unusual segments stand in backquotes."""
    if "`" not in text:
        segments = tuple(text.split("."))
        if all(segments):
            return segments
        raise invalid(f'Invalid field path "{text}".')
    return _quoted_field_path(text)


def _quoted_field_path(text: str) -> FieldPath:
    segments: list[str] = []
    position = 0
    while True:
        match = _SEGMENT.match(text, position)
        if match is None:
            raise invalid(f'Invalid field path "{text}".')
        segments.append(match[2] if match[1] is None else re.sub(r"\\(.)", r"\1", match[1]))
        position = match.end()
        if position == len(text):
            return tuple(segments)
        if text[position] != ".":
            raise invalid(f'Invalid field path "{text}".')
        position += 1


def field_text(path: FieldPath) -> str:
    """The field path as Firestore writes it."""
    return ".".join(
        part if _SIMPLE_SEGMENT.fullmatch(part) else "`" + part.replace("\\", "\\\\").replace("`", "\\`") + "`"
        for part in path
    )
