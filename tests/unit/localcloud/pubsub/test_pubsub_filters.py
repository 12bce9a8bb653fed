"""The filter language."""

import pytest

from localcloud.pubsub.errors import InvalidArgumentError
from localcloud.pubsub.filters import parse_filter

PASSES = [
    ('attributes.lang = "en"', {"lang": "en"}, True),
    ('attributes.lang = "en"', {"lang": "de"}, False),
    ('attributes.lang = "en"', {}, False),
    ('attributes.lang="en"', {"lang": "en"}, True),
    ('attributes.lang != "en"', {"lang": "de"}, True),
    ('attributes.lang != "en"', {}, True),
    ('attributes.lang != "en"', {"lang": "en"}, False),
    ("attributes:lang", {"lang": ""}, True),
    ("attributes:lang", {"other": "x"}, False),
    ('attributes:"my key"', {"my key": "x"}, True),
    ('attributes."my.key" = "x"', {"my.key": "x"}, True),
    ('hasPrefix(attributes.path, "logs/")', {"path": "logs/a"}, True),
    ('hasPrefix(attributes.path, "logs/")', {"path": "tmp/a"}, False),
    ('hasPrefix(attributes.path, "logs/")', {}, False),
    ("NOT attributes:a", {}, True),
    ("-attributes:a", {"a": "1"}, False),
    ('NOT hasPrefix(attributes.a, "x")', {"a": "y"}, True),
    ("attributes:a AND attributes:b", {"a": "", "b": ""}, True),
    ("attributes:a AND attributes:b", {"a": ""}, False),
    ("attributes:a OR attributes:b", {"b": ""}, True),
    ("attributes:a OR attributes:b OR attributes:c", {"c": ""}, True),
    ("attributes:a AND (attributes:b OR NOT attributes:c)", {"a": ""}, True),
    ("attributes:a AND (attributes:b OR NOT attributes:c)", {"a": "", "c": ""}, False),
    ("NOT (attributes:a AND attributes:b)", {"a": ""}, True),
    (r'attributes.a = "say \"hi\""', {"a": 'say "hi"'}, True),
    ('attributes.a = "AND"', {"a": "AND"}, True),
]


@pytest.mark.parametrize(("text", "attributes", "passes"), PASSES)
def test_a_filter_passes_what_it_says(text: str, attributes: dict[str, str], passes: bool) -> None:
    predicate = parse_filter(text)
    assert predicate is not None
    assert predicate(attributes) is passes


@pytest.mark.parametrize("text", ["", "  "])
def test_an_empty_filter_is_no_filter(text: str) -> None:
    assert parse_filter(text) is None


@pytest.mark.parametrize(
    "text",
    [
        'lang = "en"',
        "attributes.lang = en",
        'attributes.lang == "en"',
        'attributes.lang > "en"',
        "attributes.lang",
        "attributes:a AND",
        "attributes:a attributes:b",
        "attributes:a AND attributes:b OR attributes:c",
        "attributes:a and attributes:b",
        "(attributes:a",
        "attributes:a)",
        'hasPrefix(attributes.a "x")',
        'hasPrefix("x", attributes.a)',
        'attributes.a = "open',
        'data = "x"',
        'attributes.a = "' + "x" * 256 + '"',
    ],
)
def test_a_wrong_filter_is_refused(text: str) -> None:
    with pytest.raises(InvalidArgumentError):
        parse_filter(text)
