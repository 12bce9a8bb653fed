"""What limits how many task instances are active at once: pools, and the limits of DAGs and tasks.

A limit has a name. A task instance that is under some carries them with it (`TaskInstance.limits`); it holds a place in
each from when it is queued until it has ended or waits. So what is taken is what stands in task instances: there is no
count that could differ from it.
"""

from collections.abc import Mapping

from sailplane.model.callbacks import is_callback
from sailplane.model.dags import DEFAULT_POOL, SerializedDag, SerializedTask
from sailplane.model.ids import RunKey
from sailplane.model.states import TaskState

_POOL = "pool|"
HOLDING = frozenset({TaskState.QUEUED, TaskState.RUNNING, TaskState.RESTARTING})
"""States in which a task instance takes its places. Deferred ones take one of a pool that says so."""
OF_THE_POOL = 0
"""A capacity that stands in the pool's own document."""


def pool_limit(pool: str) -> str:
    """The name of a pool's limit."""
    return _POOL + pool


def pool_of(name: str) -> str | None:
    """The pool whose limit has this name; None when it is another kind of limit."""
    return name.removeprefix(_POOL) if name.startswith(_POOL) else None


def deferred(name: str) -> str:
    """Where the deferred task instances of a pool are counted, apart from the others."""
    return f"{name}|deferred"


def limits_of(
    dag: SerializedDag, task: SerializedTask, run: RunKey, *, limits_default_pool: bool = False
) -> Mapping[str, int]:
    """By name, how many task instances may be active; empty for one that may always start.

    A pool's capacity is `OF_THE_POOL`. `limits_default_pool`: whether that has a limit at all.
    """
    if is_callback(task.task_id):
        return {}
    found: dict[str, int] = {}
    if task.pool != DEFAULT_POOL or limits_default_pool:
        found[pool_limit(task.pool)] = OF_THE_POOL
    if dag.max_active_tasks:
        found[f"run|{run.dag_id}|{run.run_id}"] = dag.max_active_tasks
    if task.max_active_tis_per_dag:
        found[f"task|{run.dag_id}|{task.task_id}"] = task.max_active_tis_per_dag
    if task.max_active_tis_per_dagrun:
        found[f"task-of-run|{run.dag_id}|{run.run_id}|{task.task_id}"] = task.max_active_tis_per_dagrun
    return found
