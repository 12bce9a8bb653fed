"""Subscription filters: `attributes.lang = "en" AND NOT hasPrefix(attributes.path, "tmp/")`.

Grammar: https://cloud.google.com/pubsub/docs/subscription-message-filter#filtering_syntax
AND and OR may not be mixed without parentheses, keywords are written in capitals, NOT or `-` negates.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from localcloud.pubsub.errors import InvalidArgumentError

MAX_FILTER_BYTES = 256

Predicate: TypeAlias = Callable[[Mapping[str, str]], bool]
"""Says of a message's attributes whether the message passes."""

_TOKEN = re.compile(
    r"""\s*(?:
        (?P<string>"(?:[^"\\]|\\.)*")
      | (?P<symbol>!=|[=:.,()\-])
      | (?P<word>[A-Za-z_][A-Za-z0-9_\-]*)
    )""",
    re.VERBOSE,
)
_ESCAPE = re.compile(r"\\(.)")


@dataclass(frozen=True, kw_only=True)
class _Token:
    kind: str
    text: str


_END = _Token(kind="end", text="")


def parse_filter(text: str) -> Predicate | None:
    """The predicate that a filter states; None for the empty filter, which passes everything.

    Raises InvalidArgumentError that says where the filter is wrong.
    """
    if len(text.encode()) > MAX_FILTER_BYTES:
        raise InvalidArgumentError(f"The filter is longer than {MAX_FILTER_BYTES} bytes: {text}")
    return _Parser(text).parse() if text.strip() else None


def _tokens(text: str) -> list[_Token]:
    found, at, end = [], 0, len(text.rstrip())
    while at < end:
        match = _TOKEN.match(text, at)
        if match is None:
            raise InvalidArgumentError(f"Invalid filter at character {at + 1}: {text}")
        found.append(_Token(kind=str(match.lastgroup), text=match.group(str(match.lastgroup))))
        at = match.end()
    return found


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = _tokens(text)
        self._at = 0

    def parse(self) -> Predicate:
        predicate = self._expression()
        if self._peek() is not _END:
            raise self._wrong("the end, AND or OR (parentheses are needed to mix the two)")
        return predicate

    def _expression(self) -> Predicate:
        terms = [self._term()]
        joiner = self._peek().text
        if joiner not in ("AND", "OR"):
            return terms[0]
        while self._accept(joiner):
            terms.append(self._term())
        return _all_of(terms) if joiner == "AND" else _any_of(terms)

    def _term(self) -> Predicate:
        if self._accept("NOT") or self._accept("-"):
            return _negated(self._term())
        if self._accept("("):
            inner = self._expression()
            self._expect(")")
            return inner
        return self._prefix() if self._accept("hasPrefix") else self._comparison()

    def _prefix(self) -> Predicate:
        self._expect("(")
        self._expect("attributes")
        self._expect(".")
        key = self._key()
        self._expect(",")
        prefix = self._string()
        self._expect(")")
        return lambda attributes: key in attributes and attributes[key].startswith(prefix)

    def _comparison(self) -> Predicate:
        self._expect("attributes")
        if self._accept(":"):
            key = self._key()
            return lambda attributes: key in attributes
        self._expect(".")
        key = self._key()
        negated = self._peek().text == "!="
        self._expect("!=" if negated else "=")
        value = self._string()
        if negated:
            return lambda attributes: attributes.get(key) != value
        return lambda attributes: attributes.get(key) == value

    def _key(self) -> str:
        token = self._peek()
        if token.kind == "word":
            self._at += 1
            return token.text
        return self._string()

    def _string(self) -> str:
        token = self._peek()
        if token.kind != "string":
            raise self._wrong("a string in double quotes")
        self._at += 1
        return _ESCAPE.sub(r"\1", token.text[1:-1])

    def _peek(self) -> _Token:
        return self._tokens[self._at] if self._at < len(self._tokens) else _END

    def _accept(self, text: str) -> bool:
        token = self._peek()
        if token.kind in ("string", "end") or token.text != text:
            return False
        self._at += 1
        return True

    def _expect(self, text: str) -> None:
        if not self._accept(text):
            raise self._wrong(text)

    def _wrong(self, expected: str) -> InvalidArgumentError:
        return InvalidArgumentError(
            f"Invalid filter: expected {expected}, found {self._peek().text or 'the end'}: {self._text}"
        )


def _all_of(terms: Sequence[Predicate]) -> Predicate:
    return lambda attributes: all(term(attributes) for term in terms)


def _any_of(terms: Sequence[Predicate]) -> Predicate:
    return lambda attributes: any(term(attributes) for term in terms)


def _negated(term: Predicate) -> Predicate:
    return lambda attributes: not term(attributes)
