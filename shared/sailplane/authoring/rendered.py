"""The templated fields of a task as they were rendered, in a form to show: JSON, of bounded size, without secrets."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sailplane.authoring.xcom_arg import Resolvable
from sailplane.model.secrets import MASK, is_sensitive

if TYPE_CHECKING:
    from sailplane.authoring.operator import BaseOperator

LONGEST_FIELD = 4096
"""Characters that are kept of a field, as in Airflow."""
_ENCODER = json.JSONEncoder(separators=(",", ":"))
_MOST_FIELDS = 16 * 1024
"""Characters of all fields together: they are stored with the task instance."""


def rendered_fields(task: "BaseOperator") -> str:
    """JSON of the templated fields of `task`, which are rendered; empty when it has none."""
    shown: dict[str, Any] = {}
    left = _MOST_FIELDS
    for name in task.template_fields:
        field = Preview(min(LONGEST_FIELD, left))
        shown[name] = field.of(getattr(task, name, None), name)
        left -= field.used
    return _ENCODER.encode(shown) if shown else ""


class Preview:
    """Shows one value within so many characters. However large the value is, no more of it is looked at."""

    def __init__(self, characters: int) -> None:
        self._left = characters
        self._most = characters

    @property
    def used(self) -> int:
        return self._most - max(self._left, 0)

    def of(self, value: Any, name: str | None = None, depth: int = 0) -> Any:
        """`value` in JSON's types; what sensitive names hold is masked."""
        if value is None or isinstance(value, bool):
            self._left -= 4
            return value
        if isinstance(value, Mapping) and depth < _DEEPEST:
            return self._object(value, depth)
        if isinstance(value, list | tuple | set | frozenset) and depth < _DEEPEST:
            return self._array(value, name, depth)
        if is_sensitive(name):
            return self._text(MASK)
        if isinstance(value, int):
            self._left -= len(str(value)) if abs(value) < _LARGE else 0
            return value if abs(value) < _LARGE else self._text(str(value))
        if isinstance(value, float) and value - value == 0:  # Neither infinite nor NaN, which JSON lacks.
            self._left -= len(str(value))
            return value
        return self._text(_text_of(value))

    def _text(self, text: str) -> str:
        keep = max(self._left, 0)
        self._left -= len(text)
        shown = text if len(text) <= keep else f"{text[:keep]}... ({len(text) - keep:,} characters more)"
        return shown if shown.isascii() else shown.encode("utf-8", "backslashreplace").decode()

    def _object(self, value: Mapping[Any, Any], depth: int) -> Any:
        shown: dict[str, Any] = {}
        for key, item in value.items():
            if self._left <= 0:
                shown["..."] = f"({len(value) - len(shown):,} more)"
                break
            text = self._text(str(key))
            shown[text] = self.of(item, text, depth + 1)
        return shown

    def _array(self, value: Any, name: str | None, depth: int) -> Any:
        shown: list[Any] = []
        for item in value:
            if self._left <= 0:
                shown.append(f"... ({len(value) - len(shown):,} more)")
                break
            self._left -= 1
            shown.append(self.of(item, name, depth + 1))
        return shown


_DEEPEST = 20
_LARGE = 2**53


def _text_of(value: Any) -> str:
    """A value that JSON has no form for, in words; nothing is fetched for it."""
    if isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return f"<{len(value):,} bytes>"
    if callable(value):
        return f"<callable {getattr(value, '__qualname__', type(value).__qualname__)}>"
    if isinstance(value, Resolvable):
        return f"<{type(value).__name__}>"
    try:
        return str(value)
    except Exception:  # noqa: BLE001,RUF100 - the author's own object
        return f"<{type(value).__name__}>"
