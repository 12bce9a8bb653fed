"""Which handler answers which request, what the operation is called, and what Google would bill it as."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any

from gcp_storage_emulator.handlers import buckets, objects
from gcp_storage_emulator.server import HANDLERS

from localcloud.storage import handlers
from localcloud.storage.call import Answer, Call
from localcloud.storage.object_storage import ObjectStorage

Handler = Callable[[Call, Answer, ObjectStorage], Any]


class Operation(StrEnum):
    """The names under which faults are injected: `storage.insert`, ..."""

    INSERT = "insert"
    UPLOAD_CHUNK = "upload_chunk"
    LIST = "list"
    GET = "get"
    DELETE = "delete"
    PATCH = "patch"
    COPY = "copy"
    REWRITE = "rewrite"
    COMPOSE = "compose"
    BUCKET = "bucket"
    NOTIFICATION = "notification"
    OTHER = "other"


CLASS_A = frozenset(
    {
        Operation.INSERT,
        Operation.LIST,
        Operation.PATCH,
        Operation.COPY,
        Operation.REWRITE,
        Operation.COMPOSE,
    }
)
"""Each object operation billed as class A, whatever its method. GETs elsewhere are class B, deletions free."""


@dataclass(frozen=True, kw_only=True)
class Route:
    pattern: re.Pattern[str]
    methods: dict[str, tuple[Operation, Handler]]


_API = r"(?:/storage/v1)?"
_BUCKET = rf"{_API}/b/(?P<bucket_name>[-.\w]+)"
_OBJECT = rf"{_BUCKET}/o/(?P<object_id>[^/]+)"
_DESTINATION = r"b/(?P<dest_bucket_name>[-.\w]+)/o/(?P<dest_object_id>[^/]+)"
_OWN: tuple[tuple[str, dict[str, tuple[Operation, Handler]]], ...] = (
    (
        r"(?:/upload/storage/v1)/b/(?P<bucket_name>[-.\w]+)/o",
        {"POST": (Operation.INSERT, objects.insert), "PUT": (Operation.UPLOAD_CHUNK, objects.upload_partial)},
    ),
    (rf"{_BUCKET}/o", {"GET": (Operation.LIST, handlers.list_objects), "POST": (Operation.INSERT, objects.insert)}),
    (
        _OBJECT,
        {
            "GET": (Operation.GET, handlers.get_object),
            "DELETE": (Operation.DELETE, handlers.delete_object),
            "PATCH": (Operation.PATCH, handlers.patch_object),
            "PUT": (Operation.PATCH, handlers.update_object),
        },
    ),
    (
        r"/download/storage/v1/b/(?P<bucket_name>[-.\w]+)/o/(?P<object_id>[^/]+)",
        {"GET": (Operation.GET, handlers.download)},
    ),
    (rf"{_OBJECT}/copyTo/{_DESTINATION}", {"POST": (Operation.COPY, objects.copy)}),
    (rf"{_OBJECT}/rewriteTo/{_DESTINATION}", {"POST": (Operation.REWRITE, objects.rewrite)}),
    (rf"{_OBJECT}/compose", {"POST": (Operation.COMPOSE, objects.compose)}),
    (
        rf"{_BUCKET}/notificationConfigs",
        {
            "POST": (Operation.NOTIFICATION, handlers.insert_notification),
            "GET": (Operation.NOTIFICATION, handlers.list_notifications),
        },
    ),
    (
        rf"{_BUCKET}/notificationConfigs/(?P<notification_id>\w+)",
        {
            "GET": (Operation.NOTIFICATION, handlers.get_notification),
            "DELETE": (Operation.NOTIFICATION, handlers.delete_notification),
        },
    ),
    (rf"{_API}/b", {"GET": (Operation.BUCKET, buckets.ls), "POST": (Operation.BUCKET, handlers.insert_bucket)}),
    (
        _BUCKET,
        {
            "GET": (Operation.BUCKET, buckets.get),
            "DELETE": (Operation.BUCKET, buckets.delete),
            "PATCH": (Operation.BUCKET, buckets.patch),
        },
    ),
)


@cache
def table() -> tuple[Route, ...]:
    """Our routes, then the emulator's own."""
    own = tuple(Route(pattern=re.compile(pattern), methods=methods) for pattern, methods in _OWN)
    theirs = tuple(
        Route(
            pattern=re.compile(pattern),
            methods={method: (Operation.OTHER, handler) for method, handler in methods.items()},
        )
        for pattern, methods in HANDLERS
    )
    return own + theirs


def find(call: Call) -> tuple[Operation, Handler] | None:
    """The handler of a request, which then knows its path parameters; None where there is none."""
    for route in table():
        match = route.pattern.fullmatch(call.path)
        if match is not None and call.method in route.methods:
            call.set_match(match)
            return route.methods[call.method]
    return None


def bill(operation: Operation, method: str) -> str | None:
    """The counter that one such request adds to."""
    if operation in CLASS_A:
        return "storage.class_a"
    if operation in (Operation.UPLOAD_CHUNK, Operation.DELETE) or method == "DELETE":
        return None
    return "storage.class_b" if method == "GET" else "storage.class_a"
