"""The functions of Terraform that the module uses, and no more."""

import itertools
import json
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any


class TerraformError(Exception):
    """Terraform would report an error here; `try` and `can` catch it."""


class NotEvaluated(Exception):
    """The module uses something of HCL that these tests do not evaluate: extend them, or use something simpler."""


def text(value: Any) -> str:
    """A value within a string."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return str(int(value)) if value == int(value) else str(value)
    if isinstance(value, str):
        return value
    raise TerraformError(f"{value!r} cannot be part of a string")


def items(value: Any) -> list[tuple[Any, Any]]:
    """Keys and values in the order in which Terraform visits them."""
    if isinstance(value, Mapping):
        return [(key, value[key]) for key in sorted(value)]
    if isinstance(value, (set, frozenset)):
        return [(one, one) for one in sorted(value)]
    if isinstance(value, list):
        return list(enumerate(value))
    raise TerraformError(f"{value!r} has no elements")


def _coalesce(*values: Any) -> Any:
    for value in values:
        if value is not None and value != "":
            return value
    raise TerraformError("coalesce found no value that is neither null nor empty")


def _merge(*maps: Mapping[str, Any]) -> dict[str, Any]:
    return {key: one[key] for one in maps for key in one}


def _concat(*lists: Iterable[Any]) -> list[Any]:
    return list(itertools.chain(*lists))


def _distinct(values: list[Any]) -> list[Any]:
    return [value for index, value in enumerate(values) if value not in values[:index]]


def _flatten(values: list[Any]) -> list[Any]:
    return [one for value in values for one in (_flatten(value) if isinstance(value, list) else [value])]


def _union(*sets: Iterable[str]) -> frozenset[str]:
    return frozenset(itertools.chain(*sets))


def _product(*lists: Any) -> list[list[Any]]:
    return [list(each) for each in itertools.product(*([value for _, value in items(one)] for one in lists))]


def _regex(pattern: str, value: Any) -> str:
    found = re.search(pattern, text(value))
    if found is None:
        raise TerraformError(f"{value!r} does not match {pattern}")
    return found.group()


def _file(path: str) -> str:
    return Path(path).read_text()


_PLACEHOLDER = re.compile(r"(\$?)\$\{(\w+)\}|%\{")


def _templatefile(path: str, names: Mapping[str, Any]) -> str:
    def fill(found: re.Match[str]) -> str:
        if found[2] is None:
            raise NotEvaluated(f"{path}: template directives")
        if found[1]:
            return found[0][1:]
        if found[2] not in names:
            raise TerraformError(f"{path}: no value for {found[0]}")
        return text(names[found[2]])

    return _PLACEHOLDER.sub(fill, _file(path))


FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "alltrue": all,
    "coalesce": _coalesce,
    "concat": _concat,
    "contains": lambda values, value: value in values,
    "distinct": _distinct,
    "file": _file,
    "flatten": _flatten,
    "join": lambda separator, values: separator.join(map(text, values)),
    "jsondecode": json.loads,
    "keys": lambda value: [key for key, _ in items(value)],
    "length": len,
    "merge": _merge,
    "regex": _regex,
    "setproduct": _product,
    "setunion": _union,
    "split": lambda separator, value: value.split(separator),
    "templatefile": _templatefile,
    "toset": frozenset,
    "tostring": text,
    "values": lambda value: [one for _, one in items(value)],
}
