"""The Cloud Storage of a local cloud: an HTTP server in front of the emulator's handlers."""

import asyncio
import socket
from collections.abc import Callable, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any

from aiohttp import web
from gcp_storage_emulator.handlers.buckets import create_bucket

from localcloud.counters import Counters
from localcloud.faults import FaultKind, Faults
from localcloud.storage import handlers, routes
from localcloud.storage.call import Answer, Call, batch_parts, split_part
from localcloud.storage.notifications import BucketNotification, Change, Notice, notices
from localcloud.storage.object_storage import ObjectStorage
from localcloud.storage.preconditions import Verdict, check

Publish = Callable[[Notice], None]
"""Takes a notice to publish; must not block."""
_INLINE_BYTES = 256 * 1024
"""Requests up to this size are worked on in the event loop: a thread would cost more than they do."""
_SHUTDOWN_SECONDS = 0.5
_BATCH_PATH = "/batch/storage/v1"


class StorageService:
    """Serves one folder as Cloud Storage. Requests are worked on one at a time; only large ones in a thread."""

    def __init__(self, path: Path, *, counters: Counters, faults: Faults, publish: Publish) -> None:
        self._loop = asyncio.get_running_loop()
        self._counters = counters
        self._faults = faults
        self._publish = publish
        self._storage = ObjectStorage(path, self._changed)
        self._turn = asyncio.Lock()
        self._runner: web.ServerRunner | None = None

    async def start(self, sock: socket.socket) -> None:
        server = web.Server(self._handle, access_log=None)
        self._runner = web.ServerRunner(server, handle_signals=False, shutdown_timeout=_SHUTDOWN_SECONDS)
        await self._runner.setup()
        await web.SockSite(self._runner, sock).start()

    async def close(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
        self._storage.close()

    def ensure_bucket(self, name: str) -> None:
        """Make a bucket where there is none of the name; deleted objects are not kept in it."""
        bucket = create_bucket(name, self._storage)
        if bucket:
            bucket["softDeletePolicy"] = {"retentionDurationSeconds": "0"}
            self._storage.create_bucket(name, bucket)

    def ensure_notification(self, wanted: BucketNotification) -> None:
        """Make a notification configuration where there is no equal one; its bucket too."""
        self.ensure_bucket(wanted.bucket)
        resource = wanted.as_resource()
        for present in self._storage.index.notifications(wanted.bucket):
            if resource.items() <= present.items():
                return
        handlers.add_notification(self._storage, wanted.bucket, resource)

    def notifications(self, bucket: str) -> list[dict[str, Any]]:
        """A bucket's notification configurations, as the API would list them."""
        return self._storage.index.notifications(bucket)

    def _changed(self, change: Change) -> None:
        """Called where the storage works, in the loop or in a thread."""
        for notice in notices(change, self._storage.index.notifications(change.resource["bucket"])):
            self._loop.call_soon_threadsafe(self._publish, notice)

    async def _handle(self, request: web.BaseRequest) -> web.Response:
        body = await _read(request)
        method = request.headers.get("x-http-method-override", request.method)
        call = Call(method, request.raw_path, request.headers, body, request.host)
        answer = await self._answer(call)
        return _to_response(answer, request.method)

    async def _answer(self, call: Call) -> Answer:
        if call.path == _BATCH_PATH:
            return await self._batch(call)
        found = routes.find(call)
        if found is None:
            answer = Answer()
            answer.fail(HTTPStatus.NOT_IMPLEMENTED, "notImplemented", f"{call.method} {call.path} is not implemented")
            return answer
        operation, handler = found
        return await self._disturbed(operation, handler, call)

    async def _disturbed(self, operation: routes.Operation, handler: routes.Handler, call: Call) -> Answer:
        """Answer a request with the fault, if any, that is to happen to it."""
        fault = self._faults.take(f"storage.{operation.value}") if self._faults.pending else None
        if fault is not None and fault.kind is FaultKind.LATENCY:
            await asyncio.sleep(fault.seconds)
        elif fault is not None and fault.kind is FaultKind.ERROR:
            return _fault_answer(fault.status)
        answer = await self._run(operation, handler, call)
        if fault is not None and fault.kind is FaultKind.LOST_ANSWER:
            return _fault_answer(fault.status)
        return answer

    async def _run(self, operation: routes.Operation, handler: routes.Handler, call: Call) -> Answer:
        counter = routes.bill(operation, call.method)
        if counter is not None:
            self._counters.add(counter)
        self._counters.add("storage.bytes_in", len(call.body))
        async with self._turn:
            if self._is_large(operation, call):
                answer = await self._loop.run_in_executor(None, self._work, handler, call)
            else:
                answer = self._work(handler, call)
        self._counters.add("storage.bytes_out", len(answer.body))
        return answer

    def _is_large(self, operation: routes.Operation, call: Call) -> bool:
        if len(call.body) > _INLINE_BYTES or operation in (
            routes.Operation.COPY,
            routes.Operation.REWRITE,
            routes.Operation.COMPOSE,
            routes.Operation.UPLOAD_CHUNK,
        ):
            return True
        if operation is not routes.Operation.GET:
            return False
        live = self._storage.index.get(call.params["bucket_name"], call.params["object_id"])
        return live is not None and int(live["size"]) > _INLINE_BYTES

    def _work(self, handler: routes.Handler, call: Call) -> Answer:
        answer = Answer()
        if self._preconditions_hold(call, answer):
            handler(call, answer, self._storage)
            _explain(call, answer)
        return answer

    def _preconditions_hold(self, call: Call, answer: Answer) -> bool:
        if not any(name.startswith("if") for name in call.query):
            return True
        reading = call.method == "GET"
        verdicts = [check(call.query, self._live(*_written_object(call, self._storage)), reading=reading)]
        if "dest_bucket_name" in call.params:
            source = self._live(call.params["bucket_name"], call.params["object_id"])
            verdicts.append(check(call.query, source, reading=False, source=True))
        if Verdict.NOT_MODIFIED in verdicts:
            answer.status = HTTPStatus.NOT_MODIFIED
        elif Verdict.FAILED in verdicts:
            message = "At least one of the pre-conditions you specified did not hold."
            answer.fail(HTTPStatus.PRECONDITION_FAILED, "conditionNotMet", message)
        return answer.status is HTTPStatus.OK

    def _live(self, bucket: str, name: str | None) -> dict[str, Any] | None:
        return self._storage.index.get(bucket, name) if name is not None else None

    async def _batch(self, call: Call) -> Answer:
        """Answer each request of a batch as if it had come alone."""
        content_type = call.get_header("Content-Type", "")
        host = call.get_header("Host", "localhost")
        pieces = []
        for content_id, content in batch_parts(content_type, call.body):
            inner = await self._answer(_inner_call(content, host))
            pieces.append(_batch_part(content_id, inner))
        answer = Answer()
        boundary = "batch_localcloud_4f1a9c0de7"
        answer["Content-Type"] = f"multipart/mixed; boundary={boundary}"
        answer.content = b"".join(b"--%s\r\n%s\r\n" % (boundary.encode(), piece) for piece in pieces)
        answer.content += b"--%s--\r\n" % boundary.encode()
        return answer


async def _read(request: web.BaseRequest) -> bytes:
    if not request.body_exists:
        return b""
    pieces = []
    while piece := await request.content.readany():
        pieces.append(piece)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def _to_response(answer: Answer, method: str) -> web.Response:
    status = int(answer.status)
    body = b"" if status in (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED) or method == "HEAD" else answer.body
    response = web.Response(status=status, body=body, reason=_reason(answer.status))
    content_type = answer.headers.get("Content-Type") or answer.headers.get("Content-type")
    for name, value in answer.headers.items():
        response.headers[name] = value
    if content_type is None:
        response.headers["Content-Type"] = "application/octet-stream"
    return response


def _reason(status: Any) -> str | None:
    phrase: str | None = getattr(status, "phrase", None)
    return phrase


def _fault_answer(status: str) -> Answer:
    answer = Answer()
    code = HTTPStatus(int(status)) if status.isdigit() else HTTPStatus.SERVICE_UNAVAILABLE
    answer.fail(code, "backendError", "a fault that was asked for")
    return answer


def _explain(call: Call, answer: Answer) -> None:
    """Give the emulator's empty error answers the body that clients show."""
    if int(answer.status) == HTTPStatus.NOT_FOUND and not answer.content:
        name = "/".join(value for key, value in call.params.items() if key in ("bucket_name", "object_id"))
        answer.fail(HTTPStatus.NOT_FOUND, "notFound", f"Not found: {name}")
    elif int(answer.status) == HTTPStatus.CONFLICT and not answer.content:
        answer.fail(HTTPStatus.CONFLICT, "conflict", "The bucket you tried to delete is not empty.")
    elif call.method == "DELETE" and not answer.content and answer.status is HTTPStatus.OK:
        answer.status = HTTPStatus.NO_CONTENT


def _written_object(call: Call, storage: ObjectStorage) -> tuple[str, str | None]:
    """Bucket and name of the object that a request's preconditions are about."""
    params = call.params
    if "dest_bucket_name" in params:
        return params["dest_bucket_name"], params["dest_object_id"]
    bucket = params.get("bucket_name", "")
    if "object_id" in params:
        return bucket, params["object_id"]
    return bucket, call.one("name") or _name_in_body(call, storage)


def _name_in_body(call: Call, storage: ObjectStorage) -> str | None:
    upload_id = call.one("upload_id")
    if upload_id is not None:
        session: Mapping[str, Any] = storage.resumable.get(upload_id, {})
        return session.get("name")
    data = call.data
    if not isinstance(data, dict):
        return None
    name: str | None = data.get("meta", data).get("name")
    return name


def _inner_call(content: bytes, host: str) -> Call:
    request, _separator, rest = content.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n").partition(b"\r\n")
    method, target, *_version = request.decode("latin-1").split(" ")
    headers, body = split_part(rest)
    path = target.split(host, 1)[1] if target.startswith("http") else target
    named = {name.title(): value for name, value in headers.items() if name}
    return Call(method, path, named, body.strip(), host)


def _batch_part(content_id: str, inner: Answer) -> bytes:
    status = HTTPStatus(int(inner.status))
    lines = ["Content-Type: application/http"]
    if content_id:
        lines.append(f"Content-ID: <response-{content_id.strip('<>')}>")
    lines += ["", f"HTTP/1.1 {status.value} {status.phrase}"]
    lines += [f"{name}: {value}" for name, value in inner.headers.items()]
    lines += [f"Content-Length: {len(inner.body)}", "", ""]
    return "\r\n".join(lines).encode() + inner.body
