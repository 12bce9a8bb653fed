"""Where each record stands in Firestore, relative to the database's root."""

from sailplane.model.errors import CorruptRecord
from sailplane.model.ids import RunKey, TaskKey

SCHEDULE_ID = "~schedule"


def dag(dag_id: str) -> str:
    return f"dags/{dag_id}"


def version(dag_id: str, number: int) -> str:
    return f"dags/{dag_id}/versions/{number}"


def runs(dag_id: str) -> str:
    return f"dags/{dag_id}/runs"


def schedule(dag_id: str) -> str:
    return f"dags/{dag_id}/runs/{SCHEDULE_ID}"


def run(key: RunKey) -> str:
    return f"dags/{key.dag_id}/runs/{key.run_id}"


def tasks(key: RunKey) -> str:
    return f"{run(key)}/tasks"


def task(key: RunKey, task_key: TaskKey) -> str:
    return f"{run(key)}/tasks/{task_key.document_id}"


def tries(key: RunKey, task_key: TaskKey) -> str:
    return f"{task(key, task_key)}/tries"


def try_(key: RunKey, task_key: TaskKey, try_number: int) -> str:
    return f"{task(key, task_key)}/tries/{try_number}"


def dag_file_error(file: str) -> str:
    """A document id has no slash: the file's path is written with `~` for each, and `~` itself doubled."""
    return f"import_errors/{file.replace('~', '~~').replace('/', '~')}"


def wait(key: RunKey, task_key: TaskKey) -> str:
    return f"waits/{key.dag_id}|{key.run_id}|{task_key.document_id}"


def ids_in(name: str, *collections: str) -> list[str]:
    """The ids in a document's full name that follow the given collection ids, in order."""
    parts = name.split("/documents/", 1)[1].split("/")
    if tuple(parts[0::2]) != collections:
        raise CorruptRecord(f"{name} does not stand in {'/'.join(collections)}")
    return parts[1::2]
