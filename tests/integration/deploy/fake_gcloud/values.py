"""Reads the values of flags, each kind as gcloud does. Raises `ValueError` with gcloud's wording."""

import re
from collections.abc import Mapping
from typing import Any

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_SIZES = {"": 0, "K": 1, "M": 2, "G": 3, "T": 4, "P": 5}


def read(kind: Mapping[str, Any], text: str) -> Any:
    return _READERS[kind["kind"]](kind, text)


def seconds(text: str) -> float:
    """The length of a duration such as `90`, `10m` or `1h30m`."""
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return float(text)
    parts = re.findall(r"(\d+(?:\.\d+)?)(w|d|h|m|s)", text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ValueError(f"Failed to parse duration: Duration unit '{text}' must be preceded by a number")
    return sum(float(number) * _UNITS[unit] for number, unit in parts)


def _str(kind: Mapping[str, Any], text: str) -> str:
    choices = kind.get("choices")
    if choices and text.lower() not in [choice.lower() for choice in choices]:
        raise ValueError(f"{text} must be one of [{', '.join(choices)}]")
    return text


def _number(kind: Mapping[str, Any], text: str) -> Any:
    number_type = {"int": int, "float": float}[kind["kind"]]
    try:
        number = number_type(text)
    except ValueError:
        raise ValueError(f"invalid {kind['kind']} value: '{text}'") from None
    _check_bounds(kind, number, text)
    return number


def _check_bounds(kind: Mapping[str, Any], number: float, text: str) -> None:
    least, most = kind.get("min"), kind.get("max")
    if least is not None and number < (seconds(least) if isinstance(least, str) else least):
        raise ValueError(f"Value must be greater than or equal to {least}; received: {text}")
    if most is not None and number > (seconds(most) if isinstance(most, str) else most):
        raise ValueError(f"Value must be less than or equal to {most}; received: {text}")


def _boolean(kind: Mapping[str, Any], text: str) -> bool:
    del kind
    if text.lower() not in ("true", "false", "yes", "no"):
        raise ValueError(f"Invalid flag value [{text}], expected one of [no, false, yes, true]")
    return text.lower() in ("true", "yes")


def _duration(kind: Mapping[str, Any], text: str) -> float:
    length = seconds(text)
    try:
        _check_bounds(kind, length, text)
    except ValueError as error:
        raise ValueError(str(error).replace("Value", "value")) from None
    return length


def _size(kind: Mapping[str, Any], text: str) -> int:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([KMGTP]?)i?B?", text, re.IGNORECASE)
    if match is None:
        raise ValueError(f"given value must be of the form DECIMAL[UNITS]; received: {text}")
    return int(float(match[1]) * 1024 ** _SIZES[match[2].upper() or kind.get("unit") or ""])


def _regexp(kind: Mapping[str, Any], text: str) -> str:
    if not re.match(kind["pattern"] + r"\Z", text):
        raise ValueError(f"Bad value [{text}]: {kind['says']}")
    return text


def _file(kind: Mapping[str, Any], text: str) -> str:
    del kind
    try:
        with open(text) as file:
            return file.read()
    except OSError:
        raise ValueError(f"Unable to read file [{text}]: No such file or directory") from None


def split(text: str) -> list[str]:
    """The parts of a list: by comma, or by what stands between two carets at its beginning."""
    delimiter = ","
    if (match := re.match(r"\^(.+?)\^", text)) is not None:
        delimiter, text = match[1], text[match.end() :]
    return text.split(delimiter) if text else []


def _list(kind: Mapping[str, Any], text: str) -> list[Any]:
    items = split(text)
    choices = kind.get("choices")
    for item in items if choices else ():
        if item not in choices:
            raise ValueError(f"{item} must be one of [{', '.join(map(str, choices))}]")
    if len(items) < kind.get("min", 0):
        raise ValueError("not enough args")
    if len(items) > kind.get("max", len(items)):
        raise ValueError("too many args")
    return [read(kind["of"], item) if "of" in kind else item for item in items]


def _dict(kind: Mapping[str, Any], text: str) -> dict[str, Any]:
    keys = kind.get("keys")
    made: dict[str, Any] = {}
    for item in split(text):
        key, equals, value = item.partition("=")
        if keys is not None and key not in keys:
            raise ValueError(f"valid keys are [{', '.join(sorted(keys))}]; received: {key}")
        if not equals and not (keys is not None and keys[key] is None):
            raise ValueError(f"Bad syntax for dict arg: [{item}]. Please see `gcloud topic flags-file` or "
                             "`gcloud topic escaping` for information on providing list or dictionary flag values "
                             "with special characters.")  # fmt: skip
        made[key] = value
    for key in kind.get("required_keys", ()):
        if key not in made:
            raise ValueError(f"Key [{key}] required in dict arg but not provided")
    return made


_READERS = {
    "str": _str,
    "int": _number,
    "float": _number,
    "bool": _boolean,
    "boolean": _boolean,
    "duration": _duration,
    "size": _size,
    "regexp": _regexp,
    "file": _file,
    "list": _list,
    "dict": _dict,
}
