"""Keeps what a task may read, but nobody may see, out of its log and out of what is stored of its end."""

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import msgspec

from sailplane.model.execution import Outcome
from sailplane.model.secrets import MASK, maskable, secrets_of_variable
from sailplane.model.values import InvalidConnection, parse_connection
from sailplane.runner.spool import LogRecord

_CUT = re.compile(r"(.*)(\.\.\. \([\d,]+ (?:characters )?more\))", re.DOTALL)
"""A text that was shortened where it was made: the rest of a secret may stand before the cut."""
_SHORTEST_REST = 3


class Masker:
    """The secrets of one try. Until the first is learnt, nothing is looked at."""

    def __init__(self) -> None:
        self.is_active = False
        self._forms: list[str] = []
        self._text: re.Pattern[str] = re.compile("(?!)")
        self._data: re.Pattern[bytes] = re.compile(b"(?!)")
        self.overlap = 0
        """Bytes at the end of an unfinished line in which the beginning of a secret may stand."""

    def learn(self, secrets: Iterable[str]) -> None:
        new = set(maskable(secrets)).difference(self._forms)
        if not new:
            return
        self.is_active = True
        self._forms = sorted(new.union(self._forms), key=len, reverse=True)  # One may begin with another.
        encoded = [form.encode("utf-8", "surrogatepass") for form in self._forms]
        self._text = re.compile("|".join(map(re.escape, self._forms)))
        self._data = re.compile(b"|".join(map(re.escape, encoded)))
        self.overlap = max(map(len, encoded)) - 1

    def learn_variable(self, key: str, text: str | None) -> None:
        """A Variable that the task has read."""
        if text is not None:
            self.learn(secrets_of_variable(key, text))

    def learn_connection(self, conn_id: str, text: str | None) -> None:
        """A Connection that the task has read, as URI or JSON."""
        if text is None:
            return
        try:
            self.learn(parse_connection(conn_id, text).secrets())
        except InvalidConnection:
            self.learn([text])  # Nobody knows which part of it is the password.

    def data(self, line: bytes) -> bytes:
        return self._data.sub(MASK.encode(), line) if self.is_active else line

    def text(self, text: str) -> str:
        if not self.is_active:
            return text
        masked = self._text.sub(MASK, text)
        cut = _CUT.fullmatch(masked)
        return masked if cut is None else self._without_rest(cut[1]) + cut[2]

    def _without_rest(self, text: str) -> str:
        """`text` without the beginning of a secret at its end."""
        for form in self._forms:
            for length in range(len(form) - 1, _SHORTEST_REST - 1, -1):
                if text.endswith(form[:length]):
                    return text[:-length] + MASK
        return text

    def record(self, record: LogRecord) -> LogRecord:
        if not self.is_active:
            return record
        exception = None if record.exception is None else self.text(record.exception)
        return msgspec.structs.replace(record, event=self.text(record.event), exception=exception)

    def outcome(self, outcome: Outcome) -> Outcome:
        """`outcome` with its messages masked; what tasks hand to each other stays what it is."""
        if not self.is_active:
            return outcome
        error = outcome.error
        if error is not None:
            error = replace(error, message=self.text(error.message))
        return replace(
            outcome, error=error, map_name=self.text(outcome.map_name), rendered=self._rendered(outcome.rendered)
        )

    def _rendered(self, rendered: str) -> str:
        if not rendered:
            return rendered
        return msgspec.json.encode(self._value(msgspec.json.decode(rendered))).decode()

    def _value(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            return [self._value(item) for item in value]
        if isinstance(value, dict):
            return {self.text(key): self._value(item) for key, item in value.items()}
        if isinstance(value, int | float) and not isinstance(value, bool):
            shown = self.text(str(value))
            return value if shown == str(value) else shown
        return value
