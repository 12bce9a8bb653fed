"""The headers of Firestore calls, held against those that Google's own client sends."""

from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud import firestore_v1
from google.cloud.firestore_v1.services.firestore.transports import FirestoreGrpcTransport

from sailplane.cloud.firestore import Firestore
from sailplane.cloud.settings import Settings
from sailplane.cloud.tally import Tally

DATABASE = "projects/p/databases/(default)"
DOCUMENT = f"{DATABASE}/documents/dags/d/runs/manual__2026-01-01T00:00:00+00:00 ü~|"


@pytest.fixture
def ours() -> Iterator[Firestore]:
    settings = Settings.from_mapping({"GOOGLE_CLOUD_PROJECT": "p", "FIRESTORE_EMULATOR_HOST": "127.0.0.1:1"})
    made = Firestore(settings, Tally())
    yield made
    made.close()


class Listening(grpc.UnaryUnaryClientInterceptor, grpc.UnaryStreamClientInterceptor):
    """Keeps the headers of a call and lets none through."""

    def __init__(self) -> None:
        self.headers: dict[str, str] = {}

    def intercept_unary_unary(self, _continuation: Any, details: Any, _request: Any) -> Any:
        self.headers = dict(details.metadata)
        raise InterruptedError

    intercept_unary_stream = intercept_unary_unary


@pytest.mark.parametrize(
    ("method", "fields", "routed_by"),
    [
        ("commit", {"database": DATABASE}, {"database": DATABASE}),
        ("batch_get_documents", {"database": DATABASE}, {"database": DATABASE}),
        ("get_document", {"name": DOCUMENT}, {"name": DOCUMENT}),
        (
            "list_documents",
            {"parent": DOCUMENT, "collection_id": "tasks"},
            {"parent": DOCUMENT, "collection_id": "tasks"},
        ),
        ("run_query", {"parent": DOCUMENT}, {"parent": DOCUMENT}),
        ("run_aggregation_query", {"parent": DOCUMENT}, {"parent": DOCUMENT}),
    ],
)
def test_calls_are_routed_as_by_googles_client(
    ours: Firestore, method: str, fields: dict[str, str], routed_by: dict[str, str]
) -> None:
    listening = Listening()
    channel = grpc.intercept_channel(grpc.insecure_channel("127.0.0.1:1"), listening)
    transport = FirestoreGrpcTransport(channel=channel, credentials=AnonymousCredentials())
    with pytest.raises(InterruptedError):
        getattr(firestore_v1.services.firestore.FirestoreClient(transport=transport), method)(request=fields)
    transport.close()
    sent = dict(ours.routed(**routed_by))
    assert sent["x-goog-request-params"] == listening.headers["x-goog-request-params"]


def test_an_emulator_is_told_what_googles_client_tells_it(ours: Firestore) -> None:
    sent = dict(ours.routed(database=DATABASE))
    assert sent["authorization"] == "Bearer owner"
    assert sent["google-cloud-resource-prefix"] == DATABASE
