"""`ObjectStoragePath`: objects and files by one kind of path."""

import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import IO, Any
from urllib.parse import urlsplit

from sailplane.authoring.exceptions import AirflowException
from sailplane.hooks.object_stores import FILE_PROTOCOL, ObjectStat, ObjectStore, store_for


@dataclass(frozen=True, init=False, repr=False)
class ObjectStoragePath:
    """A path as `pathlib` has them, to `gs://bucket/key` or `file:///path`; nothing is looked up before it is used.

    `gs://conn@bucket/key`, or `conn_id`, names the Connection. XComs keep it.
    """

    protocol: str = field(init=False)
    bucket: str = field(init=False)
    key: str = field(init=False)
    """What follows the bucket, without a slash before it."""
    conn_id: str | None = field(init=False)

    def __init__(
        self,
        *segments: "str | os.PathLike[str] | ObjectStoragePath",
        protocol: str | None = None,
        conn_id: str | None = None,
        **_: Any,
    ) -> None:
        first, *others = segments or (".",)
        if isinstance(first, ObjectStoragePath):
            known = first.protocol, first.bucket, first.key, first.conn_id
        else:
            known = _parsed(os.fspath(first), protocol)
        names = ("protocol", "bucket", "key", "conn_id")
        for name, value in zip(names, (*known[:3], conn_id or known[3]), strict=True):
            object.__setattr__(self, name, value)
        if others:
            object.__setattr__(self, "key", self.joinpath(*others).key)

    # The path itself.

    def __str__(self) -> str:
        user = f"{self.conn_id}@" if self.conn_id else ""
        return f"{self.protocol}://{user}{self.bucket}/{self.key}"

    def __repr__(self) -> str:
        return f"ObjectStoragePath({str(self)!r})"

    def __truediv__(self, other: "str | os.PathLike[str]") -> "ObjectStoragePath":
        return self.joinpath(other)

    def __lt__(self, other: "ObjectStoragePath") -> bool:
        return str(self) < str(other)

    def joinpath(self, *others: Any) -> "ObjectStoragePath":
        texts = [str(other) for other in others]
        joined = PurePosixPath(self.key, *(text.lstrip("/") for text in texts))
        # The last slash stays: it says that a folder is meant.
        return self._at(f"{joined}/" if texts and texts[-1].endswith("/") else str(joined))

    def _at(self, key: str) -> "ObjectStoragePath":
        made = ObjectStoragePath(self)
        object.__setattr__(made, "key", "" if key == "." else key)
        return made

    @property
    def _pure(self) -> PurePosixPath:
        return PurePosixPath("/", self.key)

    @property
    def path(self) -> str:
        """Without protocol: `bucket/key`, or the path of a file."""
        return f"/{self.key}" if self.protocol == FILE_PROTOCOL else f"{self.bucket}/{self.key}".rstrip("/")

    @property
    def container(self) -> str:
        return self.bucket

    @property
    def namespace(self) -> str:
        return f"{self.protocol}://{self.bucket}" if self.bucket else self.protocol

    @property
    def name(self) -> str:
        return self._pure.name

    @property
    def stem(self) -> str:
        return self._pure.stem

    @property
    def suffix(self) -> str:
        return self._pure.suffix

    @property
    def suffixes(self) -> list[str]:
        return self._pure.suffixes

    @property
    def parts(self) -> tuple[str, ...]:
        return (f"{self.bucket}/", *self._pure.parts[1:])

    @property
    def parent(self) -> "ObjectStoragePath":
        return self._at(str(self._pure.parent).lstrip("/"))

    @property
    def parents(self) -> tuple["ObjectStoragePath", ...]:
        return tuple(self._at(str(each).lstrip("/")) for each in self._pure.parents)

    def with_name(self, name: str) -> "ObjectStoragePath":
        return self._at(str(self._pure.with_name(name)).lstrip("/"))

    def with_stem(self, stem: str) -> "ObjectStoragePath":
        return self._at(str(self._pure.with_stem(stem)).lstrip("/"))

    def with_suffix(self, suffix: str) -> "ObjectStoragePath":
        return self._at(str(self._pure.with_suffix(suffix)).lstrip("/"))

    def relative_to(self, other: "str | ObjectStoragePath") -> PurePosixPath:
        """The way from `other` here. Raises `ValueError` when this is not below it."""
        base = _path(other)
        if not self.samestore(base) or base.bucket != self.bucket:
            raise ValueError(f"{self} is not below {base}")
        return self._pure.relative_to(base._pure)

    def is_relative_to(self, other: "str | ObjectStoragePath") -> bool:
        try:
            self.relative_to(other)
        except ValueError:
            return False
        return True

    def match(self, pattern: str) -> bool:
        return self._pure.match(pattern)

    def as_uri(self) -> str:
        return str(self)

    as_posix = as_uri

    def samestore(self, other: object) -> bool:
        """True when both are reached in the same way."""
        return isinstance(other, ObjectStoragePath) and (self.protocol, self.conn_id) == (other.protocol, other.conn_id)

    # What is there.

    @property
    def _store(self) -> ObjectStore:
        return store_for(self.protocol, self.conn_id)

    def stat(self) -> ObjectStat:
        """Raises `FileNotFoundError` when there is neither an object nor a folder."""
        found = self._store.stat(self.bucket, self.key)
        if found is None:
            raise FileNotFoundError(str(self))
        return found

    def exists(self) -> bool:
        return self._store.stat(self.bucket, self.key) is not None

    def is_dir(self) -> bool:
        found = self._store.stat(self.bucket, self.key)
        return found is not None and found.is_folder

    def is_file(self) -> bool:
        found = self._store.stat(self.bucket, self.key)
        return found is not None and not found.is_folder

    def size(self) -> int:
        """In bytes."""
        return self.stat().size

    def ukey(self) -> str:
        """Changes when the content does."""
        return self.stat().version

    checksum = ukey

    def samefile(self, other: "str | ObjectStoragePath") -> bool:
        there = _path(other)
        return self.samestore(there) and self.bucket == there.bucket and self.stat() == there.stat()

    def iterdir(self) -> Iterator["ObjectStoragePath"]:
        """What is right in this folder."""
        return (self._at(key) for key in self._store.children(self.bucket, self.key))

    def walk(self) -> Iterator[tuple["ObjectStoragePath", list[str], list[str]]]:
        """This folder and all below it: each with the names of its folders and of its files."""
        children = [(child, child.is_dir()) for child in self.iterdir()]
        folders = [child for child, is_folder in children if is_folder]
        yield self, [each.name for each in folders], [child.name for child, is_folder in children if not is_folder]
        for folder in folders:
            yield from folder.walk()

    def glob(self, pattern: str) -> Iterator["ObjectStoragePath"]:
        """What is below this folder and matches `pattern`, in which `**` stands for any folders."""
        wanted = _expression(pattern)
        seen: dict[str, None] = {}
        for key in self._store.below(self.bucket, self.key):
            way = PurePosixPath("/", key).relative_to(self._pure)
            seen |= {str(each): None for each in (*reversed(way.parents[:-1]), way)}
        return (self / found for found in seen if wanted.fullmatch(found))

    def rglob(self, pattern: str) -> Iterator["ObjectStoragePath"]:
        return self.glob(f"**/{pattern}")

    # Reading and writing.

    def open(self, mode: str = "r", **options: Any) -> IO[Any]:
        """The object as a file, which may be written or read but once from end to end."""
        options.pop("block_size", None)
        return self._store.open(self.bucket, self.key, mode, **options)

    def read_bytes(self) -> bytes:
        with self.open("rb") as file:
            data: bytes = file.read()
        return data

    def read_text(self, encoding: str = "utf-8", errors: str | None = None) -> str:
        return self.read_bytes().decode(encoding, errors or "strict")

    def write_bytes(self, data: bytes) -> int:
        with self.open("wb") as file:
            file.write(data)
        return len(data)

    def write_text(self, data: str, encoding: str = "utf-8", errors: str | None = None) -> int:
        self.write_bytes(data.encode(encoding, errors or "strict"))
        return len(data)

    def read_block(self, offset: int, length: int | None) -> bytes:
        """`length` bytes from `offset` on, or all that follow."""
        with self.open("rb") as file:
            file.seek(offset)
            data: bytes = file.read(-1 if length is None else length)
        return data

    def touch(self, exist_ok: bool = True) -> None:
        if self.exists():
            if not exist_ok:
                raise FileExistsError(str(self))
            return
        self.write_bytes(b"")

    def mkdir(self, mode: int = 0o777, parents: bool = False, exist_ok: bool = False) -> None:
        """Make the folder. In a bucket folders need not be made: with `parents` the bucket is."""
        self._store.make_folder(self.bucket, self.key, exist_ok=exist_ok, parents=parents)

    def unlink(self, missing_ok: bool = False) -> None:
        try:
            self._store.remove(self.bucket, self.key)
        except FileNotFoundError:
            if not missing_ok:
                raise

    def rmdir(self, recursive: bool = True) -> None:
        """Remove the folder, as in Airflow with all that is in it, unless `recursive` says otherwise."""
        if not self.is_dir():
            raise NotADirectoryError(str(self))
        if not recursive and next(self.iterdir(), None) is not None:
            raise OSError(f"the folder is not empty: {self}")
        self._store.remove_folder(self.bucket, self.key)

    def sign(self, expiration: int = 100) -> str:
        """A URL by which anybody may read the object for so many seconds."""
        return self._store.sign(self.bucket, self.key, expiration)

    # Copying.

    def copy(self, dst: "str | ObjectStoragePath", recursive: bool = False) -> None:
        """Copy to `dst`; into it, when that is a folder. Folders are copied with `recursive`."""
        target = _path(dst)
        if target.key.endswith("/") or target.is_dir():
            target = target / self.name
        if self.is_file():
            self._copy_one(target)
            return
        if not self.exists():
            raise FileNotFoundError(str(self))
        if not recursive:
            raise IsADirectoryError(f"{self} is a folder: copy it with recursive=True")
        for key in list(self._store.below(self.bucket, self.key)):
            source = self._at(key)
            source._copy_one(target / source.relative_to(self))

    def _copy_one(self, target: "ObjectStoragePath") -> None:
        if target.protocol == FILE_PROTOCOL:
            target.parent.mkdir(parents=True, exist_ok=True)
        if self.samestore(target):
            self._store.copy(self.bucket, self.key, target.bucket, target.key)
            return
        with self.open("rb") as source, target.open("wb") as file:
            shutil.copyfileobj(source, file)

    def copy_into(self, target_dir: "str | ObjectStoragePath", recursive: bool = False) -> None:
        self.copy(_folder(target_dir), recursive=recursive)

    def move(self, path: "str | ObjectStoragePath", recursive: bool = False) -> None:
        """Copy to `path`, and remove this."""
        target = _path(path)
        if self == target:
            return
        self.copy(target, recursive=recursive)
        if self.is_dir():
            self.rmdir()
        else:
            self.unlink()

    def move_into(self, target_dir: "str | ObjectStoragePath", recursive: bool = False) -> None:
        self.move(_folder(target_dir), recursive=recursive)

    def rename(self, target: "str | ObjectStoragePath") -> "ObjectStoragePath":
        """Move to `target`, a path or a name beside this one; the new path."""
        text = str(target)
        there = _path(target) if "://" in text or text.startswith("/") else self.parent / text
        self.move(there, recursive=True)
        return there

    replace = rename


def _path(given: "str | ObjectStoragePath") -> ObjectStoragePath:
    return given if isinstance(given, ObjectStoragePath) else ObjectStoragePath(given)


def _folder(given: "str | ObjectStoragePath") -> ObjectStoragePath:
    folder = _path(given)
    if not folder.is_dir():
        raise NotADirectoryError(f"the destination is no folder: {folder}")
    return folder


def _parsed(text: str, protocol: str | None) -> tuple[str, str, str, str | None]:
    """Protocol, bucket, key and Connection."""
    if "://" not in text:
        if protocol in (None, "", FILE_PROTOCOL):
            return FILE_PROTOCOL, "", os.path.abspath(text).lstrip("/"), None
        text = f"{protocol}://{text.lstrip('/')}"
    parts = urlsplit(text)
    conn_id, _, bucket = parts.netloc.rpartition("@")
    key = text.split("://", 1)[1].partition("/")[2]
    if parts.scheme != FILE_PROTOCOL and not bucket:
        raise AirflowException(f"{text!r} names no bucket: it must be {parts.scheme}://bucket/key")
    return parts.scheme, bucket, key, conn_id or None


def _expression(pattern: str) -> re.Pattern[str]:
    """What a pattern of `glob` matches."""
    segments = pattern.split("/")
    folders = "".join("(?:[^/]+/)*" if each == "**" else f"{_segment(each)}/" for each in segments[:-1])
    return re.compile(folders + (".*" if segments[-1] == "**" else _segment(segments[-1])))


def _segment(segment: str) -> str:
    """The part of a pattern between two slashes."""
    parts = re.split(r"(\*|\?|\[!?[^]]+\])", segment)
    return "".join(_WILDCARDS.get(part) or _class_or_text(part) for part in parts)


_WILDCARDS = {"*": "[^/]*", "?": "[^/]"}


def _class_or_text(part: str) -> str:
    if part.startswith("[") and part.endswith("]"):
        return part.replace("[!", "[^", 1)
    return re.escape(part)
