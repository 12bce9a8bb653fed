"""XComs as the API shows them: as JSON, without importing the classes that a value was made of."""

from typing import Any

from sailplane.model.xcom_codecs import TYPE

_OF_TEXT = frozenset({"uuid", "path", "decimal", "float", "datetime", "date", "time", "bytes", "pandas.Timestamp"})
_OF_LIST = frozenset({"tuple", "set", "frozenset", "namedtuple", "complex"})
_OF_FIELDS = frozenset({"dataclass", "pydantic"})


def shown(value: Any) -> Any:
    """`value`, a decoded envelope, with typed parts in the nearest JSON form; what has none stays an envelope."""
    match value:
        case list():
            return [shown(item) for item in value]
        case {"__type__": "dict", "items": list(items)}:
            return {str(shown(key)): shown(item) for key, item in items}
        case {"__type__": "enum", "name": str(name)}:
            return name
        case {"__type__": str(kind), "value": inner} if kind in _OF_TEXT | _OF_LIST | _OF_FIELDS or kind == "numpy":
            return shown(inner)
        case dict():
            return {shown(key): item if key == TYPE else shown(item) for key, item in value.items()}
        case str() if not value.isascii():
            return value.encode("utf-8", "backslashreplace").decode()  # Half a surrogate pair has no UTF-8 form.
        case _:
            return value
