"""What the faces ask of the engine about runs that exist: clear, mark, hold, resume."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

from sailplane.model.ids import RunKey, TaskKey
from sailplane.model.runs import DagRun, TaskInstance
from sailplane.model.states import RunState

if TYPE_CHECKING:
    from sailplane.cloud.wiring import Cloud
    from sailplane.engine.clearing import Clear
    from sailplane.engine.marking import Mark


class RunChanges(Protocol):
    """Changes of runs that exist. Each raises `NotFound` when there is no such run."""

    def would_clear(self, run: DagRun, what: "Clear") -> Sequence[TaskInstance]:
        """What `clear` would clear; nothing is changed."""

    def clear(self, run: RunKey, what: "Clear") -> Sequence[TaskInstance]:
        """What was cleared, as it was. Raises `TaskIsRunning`."""

    def new_tasks(self, run: RunKey) -> Sequence[str]:
        """The tasks that the newest version of its DAG has in addition."""

    def add_new_tasks(self, run: RunKey, note: str | None) -> Sequence[str]: ...

    def would_mark(self, run: DagRun, what: "Mark") -> Sequence[TaskKey]: ...

    def mark(self, run: RunKey, what: "Mark") -> Sequence[TaskKey]: ...

    def mark_run(self, run: RunKey, state: RunState) -> DagRun: ...

    def change_note(self, run: RunKey, note: str | None) -> DagRun: ...

    def hold(self, run: RunKey, *, reason: str, resume_at: datetime | None, by: str) -> DagRun:
        """Raises `RequestError` when the run has ended."""

    def resume(self, run: RunKey) -> DagRun: ...

    def runs_between(self, dag_id: str, start: datetime | None, end: datetime | None) -> Sequence[DagRun]:
        """Those whose logical date lies between, both ends included."""


def utc_now() -> datetime:
    return datetime.now(UTC)


class EngineRunChanges:
    """Changes of the runs of a cloud. The engine is imported when it is first needed."""

    def __init__(self, cloud: "Cloud") -> None:
        self._cloud = cloud

    def would_clear(self, run: DagRun, what: "Clear") -> Sequence[TaskInstance]:
        from sailplane.engine import clearing

        store = self._cloud.store
        dag = store.version(run.key.dag_id, run.context.version)
        return clearing.chosen(dag, store.tasks(run.key), what)

    def clear(self, run: RunKey, what: "Clear") -> Sequence[TaskInstance]:
        from sailplane.engine import clearing

        return clearing.clear(self._cloud, utc_now, run, what)

    def new_tasks(self, run: RunKey) -> Sequence[str]:
        from sailplane.engine import clearing

        return clearing.new_tasks(clearing.newest(self._cloud, run.dag_id), self._cloud.store.task_states(run))

    def add_new_tasks(self, run: RunKey, note: str | None) -> Sequence[str]:
        from sailplane.engine import clearing

        return clearing.add_new_tasks(self._cloud, utc_now, run, note)

    def would_mark(self, run: DagRun, what: "Mark") -> Sequence[TaskKey]:
        from sailplane.engine import marking

        store = self._cloud.store
        dag = store.version(run.key.dag_id, run.context.version)
        return marking.meant(dag, store.task_states(run.key), what)

    def mark(self, run: RunKey, what: "Mark") -> Sequence[TaskKey]:
        from sailplane.engine import marking

        return marking.mark(self._cloud, utc_now, run, what)

    def mark_run(self, run: RunKey, state: RunState) -> DagRun:
        from sailplane.engine import marking

        return marking.mark_run(self._cloud, utc_now, run, state)

    def change_note(self, run: RunKey, note: str | None) -> DagRun:
        from sailplane.engine import marking

        return marking.change_note(self._cloud, run, note)

    def hold(self, run: RunKey, *, reason: str, resume_at: datetime | None, by: str) -> DagRun:
        from sailplane.engine import holding

        return holding.hold(self._cloud, utc_now, run, reason=reason, resume_at=resume_at, by=by)

    def resume(self, run: RunKey) -> DagRun:
        from sailplane.engine import holding

        return holding.resume(self._cloud, utc_now, run)

    def runs_between(self, dag_id: str, start: datetime | None, end: datetime | None) -> Sequence[DagRun]:
        from sailplane.engine import clearing

        return clearing.runs_between(self._cloud, dag_id, start, end)
