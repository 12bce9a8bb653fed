"""Firestore calls on raw protobuf messages: one place for deadlines, retries and the translation of errors.

Google's generated client wraps each message twice and adds about as much time to a small commit as the commit itself
takes; these stubs use the same channel, credentials and message types without the wrapping. See docs/architecture.md.
"""

import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import grpc
import grpc.experimental

from sailplane.cloud.channels import google_channel
from sailplane.cloud.clock import StoreClock
from sailplane.cloud.documents import Document
from sailplane.cloud.message_types import FIRESTORE, types_of
from sailplane.cloud.settings import Settings
from sailplane.cloud.tally import Tally
from sailplane.model.errors import SailplaneError, Unavailable

_types = types_of(FIRESTORE, "firestore")
CommitRequest = _types.CommitRequest.pb()
CommitResponse = _types.CommitResponse.pb()
GetDocumentRequest = _types.GetDocumentRequest.pb()
BatchGetDocumentsRequest = _types.BatchGetDocumentsRequest.pb()
BatchGetDocumentsResponse = _types.BatchGetDocumentsResponse.pb()
ListDocumentsRequest = _types.ListDocumentsRequest.pb()
ListDocumentsResponse = _types.ListDocumentsResponse.pb()
RunQueryRequest = _types.RunQueryRequest.pb()
RunQueryResponse = _types.RunQueryResponse.pb()
RunAggregationQueryRequest = _types.RunAggregationQueryRequest.pb()
RunAggregationQueryResponse = _types.RunAggregationQueryResponse.pb()

_SERVICE = "/google.firestore.v1.Firestore/"
_HOST = "firestore.googleapis.com:443"
_SCOPES = ("https://www.googleapis.com/auth/cloud-platform", "https://www.googleapis.com/auth/datastore")
_PASSING = frozenset(
    {
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.ABORTED,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.UNKNOWN,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.CANCELLED,
    }
)
_NEVER_DONE = frozenset({grpc.StatusCode.ABORTED, grpc.StatusCode.RESOURCE_EXHAUSTED})
"""Codes that say for certain that nothing was written."""
_CONFLICT = frozenset({grpc.StatusCode.FAILED_PRECONDITION, grpc.StatusCode.ALREADY_EXISTS, grpc.StatusCode.NOT_FOUND})
_ATTEMPT = timedelta(seconds=8)
_OPTIONS = [
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    ("grpc.keepalive_time_ms", 60_000),
    # Without it each streamed answer, however short, is read by a thread made for it.
    (grpc.experimental.ChannelOptions.SingleThreadedUnaryStream, 1),
]


Headers = tuple[tuple[str, str], ...]


class Refused(SailplaneError):
    """Firestore refused a request that cannot go through later."""


@dataclass(frozen=True)
class Conflict:
    """A precondition did not hold: someone else won. `in_doubt` when an earlier attempt may have been one's own."""

    in_doubt: bool


class Firestore:
    """The calls that the store needs, each tried again until the deadline while trouble is passing."""

    def __init__(self, settings: Settings, tally: Tally) -> None:
        self._tally = tally
        self.database = f"projects/{settings.project}/databases/{settings.database}"
        self.root = f"{self.database}/documents"
        self.clock = StoreClock()
        self._deadline = settings.call_deadline
        channel = _channel(settings)
        self._headers: Headers = (
            ("google-cloud-resource-prefix", self.database),
            # What Google's clients send to an emulator in place of credentials.
            *((("authorization", "Bearer owner"),) if settings.firestore_host else ()),
        )
        self._of_database = self.routed(database=self.database)
        self._commit = _unary(channel, "Commit", CommitRequest, CommitResponse)
        self._get_one = _unary(channel, "GetDocument", GetDocumentRequest, Document)
        self._get = _stream(channel, "BatchGetDocuments", BatchGetDocumentsRequest, BatchGetDocumentsResponse)
        self._list = _unary(channel, "ListDocuments", ListDocumentsRequest, ListDocumentsResponse)
        self._query = _stream(channel, "RunQuery", RunQueryRequest, RunQueryResponse)
        self._aggregate = _stream(
            channel, "RunAggregationQuery", RunAggregationQueryRequest, RunAggregationQueryResponse
        )
        self.close = channel.close

    def routed(self, **fields: str) -> Headers:
        """The headers of a call that Firestore routes by these fields of its request, as Google's clients send them."""
        return (*self._headers, ("x-goog-request-params", urlencode(fields, safe="/")))

    def commit(self, request: Any) -> Any | Conflict:
        """The response, or `Conflict` when a precondition failed. Raises `Unavailable` or `Refused`."""
        in_doubt = False
        for attempt in _attempts(self._deadline):
            asked_at = self.clock.read()
            try:
                answer = self._commit(request, timeout=attempt.seconds, metadata=self._of_database)
            except grpc.RpcError as error:
                code = error.code()
                if code in _CONFLICT:
                    return Conflict(in_doubt=in_doubt)
                attempt.failed(error)
                in_doubt = in_doubt or code not in _NEVER_DONE
                continue
            self.clock.learn(answer.commit_time, asked_at)
            return answer
        raise AssertionError("attempts end by raising")

    def get(self, names: Sequence[str]) -> list[Any]:
        """The documents that exist among `names`, in no order. One read each, also for those that do not exist."""
        self._tally.reads += len(names)
        if len(names) == 1 and self.clock.is_known:
            return self._get_only(names[0])
        request = BatchGetDocumentsRequest(database=self.database, documents=names)
        return [
            answer.found for answer in self._read(self._get, request, self._of_database) if answer.HasField("found")
        ]

    def _get_only(self, name: str) -> list[Any]:
        """One document by a plain call, which costs half of a streamed answer, and does not say when it was read."""
        request = GetDocumentRequest(name=name)
        headers = self.routed(name=name)
        for attempt in _attempts(self._deadline):
            try:
                return [self._get_one(request, timeout=attempt.seconds, metadata=headers)]
            except grpc.RpcError as error:
                if error.code() is grpc.StatusCode.NOT_FOUND:
                    return []
                attempt.failed(error)
        raise AssertionError("attempts end by raising")

    def list_page(self, request: Any) -> Any:
        """One page of a collection in one message: a streamed answer costs ten times as much for each document."""
        headers = self.routed(parent=request.parent, collection_id=request.collection_id)
        for attempt in _attempts(self._deadline):
            try:
                page = self._list(request, timeout=attempt.seconds, metadata=headers)
                self._tally.reads += max(1, len(page.documents))
                return page
            except grpc.RpcError as error:
                attempt.failed(error)
        raise AssertionError("attempts end by raising")

    def query(self, request: Any) -> list[Any]:
        answers = self._read(self._query, request, self.routed(parent=request.parent))
        self._tally.reads += max(1, sum(answer.HasField("document") for answer in answers))
        return answers

    def count(self, request: Any) -> int:
        """The count that `request` asks for under the name `n`; one read a thousand."""
        (answer,) = self._read(self._aggregate, request, self.routed(parent=request.parent))
        counted = int(answer.result.aggregate_fields["n"].integer_value)
        self._tally.reads += max(1, -(-counted // 1000))
        return counted

    def _read(self, call: Callable[..., Any], request: Any, headers: Headers) -> list[Any]:
        for attempt in _attempts(self._deadline):
            asked_at = self.clock.read()
            try:
                answers = list(call(request, timeout=attempt.seconds, metadata=headers))
            except grpc.RpcError as error:
                attempt.failed(error)
                continue
            if answers:
                self.clock.learn(answers[-1].read_time, asked_at)
            return answers
        raise AssertionError("attempts end by raising")


class _Attempt:
    def __init__(self, ends_at: float, number: int) -> None:
        self._ends_at = ends_at
        self._number = number
        self.seconds = max(min(_ATTEMPT.total_seconds(), ends_at - time.monotonic()), 0.1)

    def failed(self, error: Any) -> None:
        """Wait before the next attempt, or raise when there is none."""
        if error.code() not in _PASSING:
            raise Refused(f"Firestore answered {error.code().name}: {error.details()}") from error
        pause = min(0.05 * 2**self._number, 2.0) * random.uniform(0.5, 1.0)
        if time.monotonic() + pause >= self._ends_at:
            raise Unavailable(f"Firestore did not answer in time: {error.code().name}: {error.details()}") from error
        time.sleep(pause)


def _attempts(deadline: timedelta) -> Iterator[_Attempt]:
    ends_at = time.monotonic() + deadline.total_seconds()
    number = 0
    while True:
        yield _Attempt(ends_at, number)
        number += 1


def _channel(settings: Settings) -> Any:
    """The channel that Google's own client would use: plain to an emulator, else with the default credentials."""
    if settings.firestore_host:
        return grpc.insecure_channel(settings.firestore_host, options=_OPTIONS)
    return google_channel(_HOST, _SCOPES, _OPTIONS)


def _unary(channel: Any, method: str, request: Any, response: Any) -> Any:
    return channel.unary_unary(
        _SERVICE + method, request_serializer=request.SerializeToString, response_deserializer=response.FromString
    )


def _stream(channel: Any, method: str, request: Any, response: Any) -> Any:
    return channel.unary_stream(
        _SERVICE + method, request_serializer=request.SerializeToString, response_deserializer=response.FromString
    )
