"""Variables and Connections as Firestore documents: every name has an id of its own that Firestore allows."""

from urllib.parse import unquote

from hypothesis import given
from hypothesis import strategies as st

from sailplane.cloud import value_codec
from sailplane.cloud.changes import Put, encode
from sailplane.model.values import Connection, Variable

ROOT = "projects/p/databases/d/documents"


@given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=20))
def test_any_name_is_a_document_id(name: str) -> None:
    made = value_codec.document_id(name)
    assert "/" not in made
    assert made not in (".", "..")
    assert not made.startswith("__")
    assert unquote(made) == name


def test_variables_come_back_from_their_documents() -> None:
    for record in (Variable(key="a/b", value=""), Variable(key="__x__", value="1", description="why")):
        document = encode(Put(record), ROOT, 1).update
        assert value_codec.read_variable(document) == Variable(
            key=record.key, value=record.value, description=record.description, token="0.000000000"
        )


def test_connections_come_back_from_their_documents() -> None:
    record = Connection(
        conn_id="db", conn_type="http", host="h", password="p", port=80, extra="{}", token="0.000000000"
    )
    assert value_codec.read_connection(encode(Put(record), ROOT, 1).update) == record
    bare = Connection(conn_id="bare", token="0.000000000")
    assert value_codec.read_connection(encode(Put(bare), ROOT, 1).update) == bare
