"""Names, field paths and keys."""

import pytest

from localcloud.firestore.errors import FirestoreError
from localcloud.firestore.paths import check_database, collection_of, document_name, field_path, field_text, path_text

ROOT = "projects/p/databases/(default)/documents"


def test_a_name_is_taken_apart() -> None:
    name = document_name(f"{ROOT}/a/b/c/d")
    assert (name.database, name.collection, name.id) == ("projects/p/databases/(default)", "a/b/c", "d")
    assert name.group == b"c"


def test_a_key_gives_back_its_path_and_its_collection() -> None:
    key = b"\0\0\0\1" + document_name(f"{ROOT}/a/b/c/ä d").key
    assert path_text(key) == "a/b/c/ä d"
    assert collection_of(key) == b"\0\0\0\1a\0b\0c"


def test_keys_keep_the_documents_of_a_collection_together_in_order() -> None:
    paths = ["a/b", "a/b/c/d", "a/b0", "a/c", "a0/a"]
    keys = sorted((document_name(f"{ROOT}/{path}").key, path) for path in paths)
    assert [path for _, path in keys] == ["a/b", "a/b0", "a/c", "a/b/c/d", "a0/a"]


@pytest.mark.parametrize("text", ["", "a/b", f"{ROOT}", f"{ROOT}/a", f"{ROOT}/a/b/c", f"{ROOT}/a//b/c", f"{ROOT}/a/\0"])
def test_what_is_no_document_name_is_refused(text: str) -> None:
    with pytest.raises(FirestoreError):
        document_name(text)


@pytest.mark.parametrize("text", ["", "projects/p", "projects/p/databases/d/documents"])
def test_what_is_no_database_name_is_refused(text: str) -> None:
    with pytest.raises(FirestoreError):
        check_database(text)


@pytest.mark.parametrize(
    ("text", "path"),
    [("a", ("a",)), ("a.b", ("a", "b")), ("`a.b`.c", ("a.b", "c")), (r"a.`\`\\`", ("a", "`\\")), ("`a b`", ("a b",))],
)
def test_a_field_path_is_parsed_and_written_alike(text: str, path: tuple[str, ...]) -> None:
    assert field_path(text) == path
    assert field_text(path) == text


@pytest.mark.parametrize("text", ["", ".", "a.", ".a", "a..b", "`a", "`a`b", "`a`."])
def test_what_is_no_field_path_is_refused(text: str) -> None:
    with pytest.raises(FirestoreError):
        field_path(text)
