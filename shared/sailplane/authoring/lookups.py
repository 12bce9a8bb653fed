"""Whom `Variable`, `Connection` and `mask_secret` ask: the running task's services, else who reads the file, else the
environment."""

import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from sailplane.authoring.exceptions import AirflowException, AirflowNotFoundException, VariableNotFound
from sailplane.model.execution import ReadingServices, TaskServices

_serving: list[TaskServices] = []
_reading: list[tuple[ReadingServices, int, int]] = []
"""With the process and the thread that may ask: another would take the answers of this one."""


@contextmanager
def serving(services: TaskServices) -> Iterator[None]:
    """Answer what user code asks in the block."""
    _serving.append(services)
    try:
        yield
    finally:
        _serving.pop()


@contextmanager
def reading(services: ReadingServices) -> Iterator[None]:
    """Answer what the top level of a DAG file asks in the block, in this thread."""
    _reading.append((services, os.getpid(), threading.get_ident()))
    try:
        yield
    finally:
        _reading.pop()


def variable(key: str, services: ReadingServices | None = None) -> str | None:
    """The Variable's text; None when it is not set. Where nobody else answers, the environment is asked."""
    asked = services or _asked()
    return asked.variable(key) if asked else os.environ.get(f"AIRFLOW_VAR_{key.upper()}")


def connection(conn_id: str, services: ReadingServices | None = None) -> str | None:
    """The Connection as URI or JSON; None when it is not set."""
    asked = services or _asked()
    return asked.connection(conn_id) if asked else os.environ.get(f"AIRFLOW_CONN_{conn_id.upper()}")


def no_variable(key: str, services: ReadingServices | None = None) -> VariableNotFound:
    """What to raise for a Variable that is not there: it says where was looked, and how to set it."""
    advice = f"set it with `sailplane variables set {key} VALUE`"
    return VariableNotFound(f"the Variable {key!r} is not set; looked in {_places(services)}; {advice}")


def no_connection(conn_id: str, services: ReadingServices | None = None) -> AirflowNotFoundException:
    """What to raise for a Connection that is not there."""
    advice = f"add it with `sailplane connections add {conn_id} --conn-uri URI`"
    return AirflowNotFoundException(f"the Connection {conn_id!r} is not set; looked in {_places(services)}; {advice}")


def _places(services: ReadingServices | None) -> str:
    asked = services or _asked()
    if asked is not None:
        return asked.looked_in()
    return "the environment (AIRFLOW_VAR_..., AIRFLOW_CONN_...), the only place that is asked outside of a deployment"


def running(what: str) -> TaskServices:
    """The running task's services. Raises `AirflowException` outside of one."""
    asked = _current()
    if asked is None:
        raise AirflowException(f"{what} works only while a task runs, not while a DAG file is read")
    return asked


def mask(secrets: Sequence[str]) -> None:
    """Have them masked in the running task's log; outside of a task nothing is kept of what is printed."""
    asked = _current()
    if asked is not None and secrets:
        asked.mask(secrets)


def _current() -> TaskServices | None:
    return _serving[-1] if _serving else None


def _asked() -> ReadingServices | None:
    return _current() or _reader()


def _reader() -> ReadingServices | None:
    if not _reading:
        return None
    services, process, thread = _reading[-1]
    return services if (process, thread) == (os.getpid(), threading.get_ident()) else None
