"""What is being declared at this moment: the file, the DAG and group around it, and the task that runs."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sailplane.authoring.dag import DAG
    from sailplane.authoring.operator import BaseOperator
    from sailplane.authoring.setup_teardown import SetupTeardownScope
    from sailplane.authoring.taskgroup import TaskGroup


@dataclass(kw_only=True)
class FileScope:
    """A DAG file while it is imported."""

    path: str
    dags: list["DAG"] = field(default_factory=list)
    """Made in a with-block or by a call of a @dag function, in that order."""
    operators: list["BaseOperator"] = field(default_factory=list)
    """All that were made; one that is in no DAG at the end is a mistake."""


files: list[FileScope] = []
dags: list["DAG"] = []
groups: list["TaskGroup"] = []
brackets: list["SetupTeardownScope"] = []
"""Open `with setup >> teardown:` blocks."""
contexts: list[dict[str, Any]] = []


def current_file() -> FileScope | None:
    return files[-1] if files else None


def current_dag() -> "DAG | None":
    return dags[-1] if dags else None


def current_group(dag: "DAG | None") -> "TaskGroup | None":
    """The innermost open group of `dag`; its root group when none is open."""
    if dag is None:
        return None
    for group in reversed(groups):
        if group.dag is dag:
            return group
    return dag.task_group


@contextmanager
def blaming(dag_id: object, line: int | None = None) -> Iterator[None]:
    """Note on what is raised inside which DAG it is about, and which line: whoever reports it names them."""
    try:
        yield
    except BaseException as error:
        blame(error, dag_id, line)
        raise


def blame(error: BaseException, dag_id: object, line: int | None = None) -> None:
    error.__dict__.setdefault("sailplane_dag_id", dag_id)
    error.__dict__.setdefault("sailplane_line", line)


def get_current_context() -> dict[str, Any]:
    """The context of the task that runs. Raises `RuntimeError` outside of a running task."""
    if not contexts:
        raise RuntimeError("there is no current context: get_current_context() works only while a task runs")
    return contexts[-1]
