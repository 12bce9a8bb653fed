"""Reading a TOML table key by key: wrong types and unknown keys are errors that say file, table and key."""

import difflib
from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from typing import Any, TypeVar

from sailplane.model.errors import SettingsError

Choice = TypeVar("Choice", bound=StrEnum)
Read = TypeVar("Read")


class Table:
    """One table of a TOML file. Read all that is known, then `close`: what is left over is a mistake."""

    def __init__(self, content: Mapping[str, Any], *, file: str, path: str = "") -> None:
        self._content = content
        self._file = file
        self._path = path
        self._known: set[str] = set()

    def close(self) -> None:
        """Raises `SettingsError` for the first key that nobody asked for, with the known one that is nearest."""
        for key in self._content:
            if key not in self._known:
                raise SettingsError(f"{self._where(key)} is not known; {self._nearest(key)}")

    def error(self, key: str, problem: str) -> SettingsError:
        """An error about the value of `key`."""
        return SettingsError(f"{self._where(key)} {problem}")

    def names(self) -> Iterable[str]:
        return self._content.keys()

    def has(self, key: str) -> bool:
        return key in self._content

    def text(self, key: str) -> str | None:
        value: str | None = self._value(key, str, "a text")
        if value == "":
            raise self.error(key, "is empty; leave it out for the default")
        return value

    def flag(self, key: str) -> bool | None:
        value: bool | None = self._value(key, bool, "true or false")
        return value

    def whole(self, key: str, *, least: int = 0, most: int | None = None) -> int | None:
        """A whole number between `least` and `most`."""
        value: int | None = self._value(key, int, "a whole number")
        if value is not None and (value < least or (most is not None and value > most)):
            span = f"{least} or more" if most is None else f"between {least} and {most}"
            raise self.error(key, f"= {value} must be {span}")
        return value

    def number(self, key: str) -> float | None:
        """A number above 0."""
        value: float | None = self._value(key, (int, float), "a number")
        if value is not None and value <= 0:
            raise self.error(key, f"= {value} must be above 0")
        return value

    def choice(self, key: str, kind: type[Choice]) -> Choice | None:
        value = self._value(key, str, "a text")
        if value is None:
            return None
        if value not in set(kind):
            raise self.error(key, f"= {value!r} must be one of {', '.join(repr(one.value) for one in kind)}")
        return kind(value)

    def texts(self, key: str) -> tuple[str, ...]:
        values = self._value(key, list, "a list of texts") or []
        if not all(isinstance(each, str) and each for each in values):
            raise self.error(key, f"= {values!r} must be a list of texts")
        return tuple(values)

    def text_table(self, key: str) -> Mapping[str, str]:
        """A table whose values are texts; numbers and flags are taken as the text that TOML writes."""
        table = self._value(key, dict, "a table of texts") or {}
        for name, value in table.items():
            if not isinstance(value, str | int | float):
                raise self.error(f"{key}.{name}", f"= {value!r} must be a text")
        return {name: _as_text(value) for name, value in table.items()}

    def table(self, key: str) -> "Table":
        """The table `key`; an empty one when it is left out."""
        content = self._value(key, dict, "a table") or {}
        return Table(content, file=self._file, path=f"{self._path}.{key}" if self._path else key)

    def read(self, key: str, parse: Callable[["Table"], Read]) -> Read:
        """What `parse` makes of the table `key`, which must have no key that `parse` does not know."""
        table = self.table(key)
        result = parse(table)
        table.close()
        return result

    def _value(self, key: str, kind: type | tuple[type, ...], what: str) -> Any:
        self._known.add(key)
        value = self._content.get(key)
        wanted = kind if isinstance(kind, tuple) else (kind,)
        if value is None or (isinstance(value, wanted) and (bool in wanted or not isinstance(value, bool))):
            return value
        raise self.error(key, f"= {value!r} must be {what}")

    def _where(self, key: str) -> str:
        return f"{self._file}: {f'[{self._path}] ' if self._path else ''}{key}"

    def _nearest(self, key: str) -> str:
        near = difflib.get_close_matches(key, sorted(self._known), n=1)
        if near:
            return f"did you mean {str(near[0])!r}?"
        return f"known here: {', '.join(sorted(self._known))}"


def _as_text(value: str | float | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
