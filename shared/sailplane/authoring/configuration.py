"""`conf`: the few options of Airflow's configuration that mean something here, out of the environment."""

import os
from typing import Any

from sailplane.authoring.arguments import NOTSET, is_arg_set
from sailplane.authoring.exceptions import AirflowException

_TRUTHS = {"1": True, "true": True, "t": True, "0": False, "false": False, "f": False}


class Configuration:
    """`conf` of the context. There is no airflow.cfg: an option is the variable AIRFLOW__SECTION__KEY, if it is set."""

    def get(self, section: str, key: str, fallback: Any = NOTSET, **_: Any) -> Any:
        found = os.environ.get(_variable(section, key))
        if found is not None:
            return found
        if is_arg_set(fallback):
            return fallback
        raise AirflowException(
            f"there is no configuration option [{section}] {key}: Sailplane has no airflow.cfg; set the environment "
            f"variable {_variable(section, key)}, or give a fallback"
        )

    def getint(self, section: str, key: str, fallback: Any = NOTSET, **_: Any) -> Any:
        return self._converted(section, key, fallback, int)

    def getfloat(self, section: str, key: str, fallback: Any = NOTSET, **_: Any) -> Any:
        return self._converted(section, key, fallback, float)

    def getboolean(self, section: str, key: str, fallback: Any = NOTSET, **_: Any) -> Any:
        return self._converted(section, key, fallback, _truth)

    def has_option(self, section: str, key: str) -> bool:
        return _variable(section, key) in os.environ

    def _converted(self, section: str, key: str, fallback: Any, kind: Any) -> Any:
        found = self.get(section, key, fallback)
        if not isinstance(found, str):
            return found
        try:
            return kind(found)
        except ValueError:
            raise AirflowException(f"{_variable(section, key)}={found!r} cannot be read as {kind.__name__}") from None


def default_deferrable() -> bool:
    """What `deferrable` is of a task that does not say: [operators] default_deferrable."""
    return bool(Configuration().getboolean("operators", "default_deferrable", fallback=False))


def _variable(section: str, key: str) -> str:
    return f"AIRFLOW__{section.upper()}__{key.upper()}"


def _truth(text: str) -> bool:
    if text.strip().lower() not in _TRUTHS:
        raise ValueError(text)
    return _TRUTHS[text.strip().lower()]


_truth.__name__ = "true or false"
