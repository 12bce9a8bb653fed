"""`retries` and `retry_delay` of a task group or a DAG: all of it runs again when it has failed. Sailplane's own."""

from datetime import timedelta
from typing import Any

from sailplane.model.dags import SerializedDag
from sailplane.model.errors import AuthorError
from sailplane.model.gates import with_gates

DEFAULT_DELAY = timedelta(seconds=300)


def checked(what: str, retries: Any, retry_delay: Any) -> tuple[int, timedelta]:
    """Both, as they are stored. Raises `AuthorError` for what makes no sense; `what` says whose they are."""
    if not isinstance(retries, int) or isinstance(retries, bool) or retries < 0:
        raise AuthorError(f"{what}: retries must be 0 or more, not {retries!r}; for its tasks set default_args")
    if isinstance(retry_delay, int | float) and not isinstance(retry_delay, bool):
        retry_delay = timedelta(seconds=retry_delay)
    if not isinstance(retry_delay, timedelta) or retry_delay < timedelta():
        raise AuthorError(f"{what}: retry_delay must be a timedelta or seconds, 0 or more, not {retry_delay!r}")
    return retries, retry_delay


def check_order(dag: SerializedDag) -> SerializedDag:
    """`dag`. Raises `AuthorError` when a group with retries would wait for itself."""
    try:
        with_gates(dag)
    except ValueError as error:
        raise AuthorError(
            f"{dag.file}, DAG {dag.dag_id!r}: {error}: it stands outside a task group with retries, behind one of its "
            "tasks and before another. Put it into the group, or take the retries from the group"
        ) from error
    return dag
