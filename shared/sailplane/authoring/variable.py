"""Variables: values that are set outside of the DAG files."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sailplane.authoring import lookups
from sailplane.authoring.arguments import NOTSET, is_arg_set
from sailplane.authoring.masking import mask_secret
from sailplane.model.execution import ChildServices


@dataclass
class Variable:
    """A Variable, and by its class methods all of them."""

    key: str
    value: Any | None = None
    description: str | None = None

    @classmethod
    def get(cls, key: str, default: Any = NOTSET, deserialize_json: bool = False, *, default_var: Any = NOTSET) -> Any:
        """The Variable, read as JSON if asked for; `default` (in Airflow 2 `default_var`) when it is not set.

        Raises `VariableNotFound`, a KeyError, when it is not set and there is no default.
        """
        return read_variable(key, default if is_arg_set(default) else default_var, deserialize_json)

    @classmethod
    def set(cls, key: str, value: Any, description: str | None = None, serialize_json: bool = False) -> None:
        """Set the Variable in the store, as JSON if asked for, else as text."""
        text = json.dumps(value, indent=2) if serialize_json else str(value)
        lookups.running("Variable.set()").set_variable(key, text, description)

    @classmethod
    def setdefault(cls, key: str, default: Any, description: str | None = None, deserialize_json: bool = False) -> Any:
        """The Variable; when it is not set it is set to `default`, as in Airflow 2."""
        found = read_variable(key, None, deserialize_json)
        if found is not None:
            return found
        cls.set(key, default, description, serialize_json=deserialize_json)
        return default

    @classmethod
    def delete(cls, key: str) -> None:
        """Take the Variable out of the store, if it is there."""
        lookups.running("Variable.delete()").delete_variable(key)

    @classmethod
    def keys(cls, prefix: str | None = None) -> Sequence[str]:
        """The keys of the store's Variables, sorted; other places cannot be listed, as in Airflow."""
        return lookups.running("Variable.keys()").variable_keys(prefix or "")


def read_variable(key: str, default: Any, is_json: bool, services: ChildServices | None = None) -> Any:
    """The Variable's text or JSON value; `default` when it is not set. Raises `VariableNotFound` without one."""
    text = lookups.variable(key, services)
    if text is not None:
        return _decoded(key, text) if is_json else text
    if not is_arg_set(default):
        raise lookups.no_variable(key, services)
    if default is not None:
        mask_secret(default, key)
    return default


def _decoded(key: str, text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        # The text is not quoted: it may be a secret.
        raise ValueError(f"the Variable {key!r} is not JSON: {error}") from None
