"""What `random.json` and `rules.json` hold, and the files that were recorded, in Sailplane's words."""

import hashlib
import json
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import random_dags
import rule_dags

ORACLE = Path(__file__).parent
PARTS = ("states", "values", "tries", "labels", "upstream")
"""What a row says of task instances or tasks, by name; without those that it says nothing of."""


@cache
def recorded(file: str) -> Mapping[str, Mapping[str, Any]]:
    """The rows of `random.json` or `rules.json`, by dag_id."""
    found: Mapping[str, Mapping[str, Any]] = json.loads((ORACLE / file).read_text())["dags"]
    return found


@cache
def differences() -> Mapping[str, Mapping[str, Any]]:
    """dag_id -> why Sailplane ends it otherwise on purpose, and how: what is null is not there."""
    found: Mapping[str, Mapping[str, Any]] = json.loads((ORACLE / "random_differences.json").read_text())
    return found


def text_of(dag_id: str) -> str:
    """The DAG file as it was run by Airflow."""
    kind, _, name = dag_id.partition("_")
    return rule_dags.source(name) if kind == "rule" else random_dags.source(int(name))


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def for_sailplane(text: str) -> str:
    return re.sub(r"from airflow\.[\w.]+ import", "from sailplane import", text)


def expected(dag_id: str, row: Mapping[str, Any]) -> dict[str, Any]:
    """What is to come of the DAG: what was recorded, with what is otherwise on purpose."""
    different = differences().get(dag_id, {})
    patched = {part: {**row.get(part, {}), **different.get(part, {})} for part in PARTS}
    known = {
        part: {name: value for name, value in found.items() if value is not None} for part, found in patched.items()
    }
    return {"run": different.get("run", row["run"]), **known}
