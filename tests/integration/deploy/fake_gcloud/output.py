"""Prints an answer in the format that was asked for."""

import json
import re
from typing import Any


def formatted(answer: Any, form: str | None) -> str:
    """Raises `ValueError` for a format that this gcloud does not know."""
    if answer is None or form in ("none", "disable"):
        return ""
    if isinstance(answer, str) and not form:
        return f"{answer}\n"
    if form in (None, "json", "yaml"):
        return json.dumps(answer, indent=2) + "\n"
    if match := re.fullmatch(r"value\((.*)\)", form or ""):
        rows = answer if isinstance(answer, list) else [answer]
        return "".join("\t".join(_text(_dig(row, key.strip())) for key in match[1].split(",")) + "\n" for row in rows)
    raise ValueError(f"format {form!r} is not known here")


def _dig(value: Any, key: str) -> Any:
    for part in key.removesuffix(".basename()").split("."):
        if not part or part == "value":
            continue
        value = value.get(part) if isinstance(value, dict) else value
    return value.rsplit("/", 1)[-1] if key.endswith(".basename()") and isinstance(value, str) else value


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value)
