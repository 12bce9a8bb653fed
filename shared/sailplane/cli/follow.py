"""Follows a run from outside, by looking again and again."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from sailplane.model.errors import NotFound
from sailplane.model.ids import RunKey, TaskKey
from sailplane.model.runs import DagRun
from sailplane.model.states import TaskState

if TYPE_CHECKING:
    from sailplane.api.backend import Backend

FIRST_WAIT = 0.05
LONGEST_WAIT = 1.0


def follow(
    backend: "Backend", key: RunKey, *, on_change: Callable[[str], None], sleep: Callable[[float], None]
) -> DagRun:
    """The run once it has ended. Tells each new state of a task instance on the way. Raises `NotFound`."""
    known: dict[TaskKey, tuple[TaskState, int]] = {}
    wait = FIRST_WAIT
    while True:
        run = backend.run(key)
        if run is None:
            raise NotFound(f"run {key.run_id!r} of DAG {key.dag_id!r} is gone")
        changed = _tell_changes(backend, key, known, on_change)
        if run.state.is_terminal:
            return run
        wait = FIRST_WAIT if changed else min(wait * 1.5, LONGEST_WAIT)
        sleep(wait)


def _tell_changes(
    backend: "Backend", key: RunKey, known: dict[TaskKey, tuple[TaskState, int]], on_change: Callable[[str], None]
) -> bool:
    changed = False
    for instance in sorted(backend.tasks(key), key=lambda one: one.key):
        now = (instance.state, instance.try_number)
        if known.get(instance.key) != now:
            known[instance.key] = now
            changed = True
            again = f" (try {instance.try_number})" if instance.try_number > 1 else ""
            on_change(f"{instance.key}: {instance.state}{again}")
    return changed
