"""A DAG under test: runs of it, and of its tasks alone."""

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from sailplane.authoring.bundle_files import dag_files
from sailplane.authoring.dag import DAG
from sailplane.authoring.dag_checks import check_dag
from sailplane.authoring.loading import load_file
from sailplane.authoring.serialization import serialize
from sailplane.engine import params
from sailplane.engine.memory import RunMemory
from sailplane.model.dags import SerializedDag
from sailplane.model.errors import NotFound
from sailplane.model.ids import UNMAPPED, TaskKey, run_id_for
from sailplane.model.runs import RunContext
from sailplane.model.states import RunState, RunType, TaskState, TriggeredBy
from sailplane.planner.schedule import manual_interval
from sailplane.testing.assets import GivenEvents
from sailplane.testing.clock import SkippingClock
from sailplane.testing.given import Given, XComs, moment
from sailplane.testing.logbook import LogBook
from sailplane.testing.loop import RunLoop
from sailplane.testing.run import FinishedRun

K = TypeVar("K")


class DagHarness:
    """Runs `dag` in this process, as often as wanted. What is given here holds for each run."""

    def __init__(
        self,
        dag: DAG,
        *,
        variables: Mapping[str, Any] | None = None,
        connections: Mapping[str, Any] | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        check_dag(dag)
        self.dag = dag
        self.variables = dict(variables or {})
        self.connections = dict(connections or {})
        self._environment = dict(environment or {})
        self._serialized = serialize(dag, dag.relative_fileloc or Path(dag.fileloc or "dag.py").name)

    def run(
        self,
        *,
        logical_date: datetime | str | None = None,
        conf: Mapping[str, Any] | None = None,
        variables: Mapping[str, Any] | None = None,
        connections: Mapping[str, Any] | None = None,
        xcoms: XComs | None = None,
        answers: Mapping[str, Any] | None = None,
        asset_events: GivenEvents | None = None,
        mark_success: str | None = None,
        run_id: str | None = None,
    ) -> FinishedRun:
        """Run the whole DAG. Nothing is waited for: retries, rescheduled sensors and deferred tasks come at once.

        Tasks in `xcoms`, and those whose task_id the pattern `mark_success` matches, do not run: they succeed.
        `answers`: by task_id, what people answer to tasks that ask them, an option, several, or a dict with
        `chosen_options` and `params_input`; without one, the task's defaults are taken, as if its time were over.
        `asset_events`: by the name of an asset, the `extra` of each event of it that started the run.
        Raises `InvalidConf` when `conf` does not fit the DAG's params.
        """
        given = self._given(logical_date, conf, variables, connections, xcoms, run_id, mark_success)
        answered = self._known_tasks_only(answers or {}, "answers")
        given = replace(given, answers=answered, asset_events=asset_events or {})
        loop = self.loop(given, LogBook(keeps_output=True))
        loop.run()
        return finished(loop)

    def run_task(
        self,
        task_id: str,
        *,
        map_index: int = UNMAPPED,
        logical_date: datetime | str | None = None,
        conf: Mapping[str, Any] | None = None,
        variables: Mapping[str, Any] | None = None,
        connections: Mapping[str, Any] | None = None,
        xcoms: XComs | None = None,
        answers: Mapping[str, Any] | None = None,
        asset_events: GivenEvents | None = None,
        run_id: str | None = None,
    ) -> FinishedRun:
        """Run one try of one task, whatever is before it; `xcoms` has the results of others that it reads.

        Raises `NotFound` when the DAG has no such task.
        """
        if task_id not in self._serialized.task_dict:
            raise NotFound(f"DAG {self.dag.dag_id!r} has no task {task_id!r}; it has: {', '.join(self.dag.task_ids)}")
        given = self._given(logical_date, conf, variables, connections, xcoms, run_id, None)
        answered = self._known_tasks_only(answers or {}, "answers")
        given = replace(given, answers=answered, asset_events=asset_events or {})
        loop = self.loop(given, LogBook(keeps_output=True))
        loop.run_one(TaskKey(task_id, map_index))
        return finished(loop, alone=TaskKey(task_id, map_index))

    def loop(self, given: Given, book: LogBook, *, waits_for_sensors: bool = False) -> RunLoop:
        """A run that has not begun."""
        clock = SkippingClock()
        params.check_conf(self._serialized, given.conf)
        memory = RunMemory(_context(self._serialized, given, clock.now()), "", self._serialized)
        return RunLoop(self.dag, memory, given, book, clock, waits_for_sensors)

    def _given(
        self,
        logical_date: datetime | str | None,
        conf: Mapping[str, Any] | None,
        variables: Mapping[str, Any] | None,
        connections: Mapping[str, Any] | None,
        xcoms: XComs | None,
        run_id: str | None,
        mark_success: str | None,
    ) -> Given:
        return Given(
            variables={**self.variables, **(variables or {})},
            connections={**self.connections, **(connections or {})},
            xcoms=self._known_tasks_only(xcoms or {}, "xcoms"),
            conf=dict(conf or {}),
            logical_date=moment(logical_date) or datetime.now(UTC),
            run_id=run_id,
            mark_success=re.compile(mark_success) if mark_success is not None else None,
            environment=self._environment,
        )

    def _known_tasks_only(self, given: Mapping[K, Any], what: str) -> Mapping[K, Any]:
        for name in given:
            task_id = name[0] if isinstance(name, tuple) else name
            if task_id not in self._serialized.task_dict:
                raise NotFound(f"{what} names the task {task_id!r}, which DAG {self.dag.dag_id!r} does not have")
        return given


def finished(loop: RunLoop, alone: TaskKey | None = None) -> FinishedRun:
    """What came of `loop`; the state is that of the task `alone` when it ran only that."""
    state = loop.state
    if alone is not None:
        found = loop.instances.get(alone)
        state = _STATES.get(found.state, RunState.RUNNING) if found is not None else RunState.RUNNING
    return FinishedRun(
        context=loop.memory.context,
        state=state,
        instances=loop.instances,
        book=loop.book,
        triggered=loop.services.triggered,
        asset_updates=loop.services.local_assets.updates,
    )


_STATES = {
    TaskState.SUCCESS: RunState.SUCCESS,
    TaskState.SKIPPED: RunState.SUCCESS,
    TaskState.FAILED: RunState.FAILED,
    TaskState.UP_FOR_RETRY: RunState.FAILED,
}


def _context(dag: SerializedDag, given: Given, now: datetime) -> RunContext:
    run_after = given.run_after or given.logical_date or now
    start = end = None
    if given.logical_date is not None:
        start, end = manual_interval(dag.schedule, given.logical_date)
    return RunContext(
        dag_id=dag.dag_id,
        run_id=given.run_id or run_id_for(RunType.MANUAL, run_after),
        version=1,
        bundle="",
        file=dag.file,
        run_type=RunType.MANUAL,
        logical_date=given.logical_date,
        data_interval_start=start,
        data_interval_end=end,
        run_after=run_after,
        started_at=now,
        conf=given.conf,
        triggered_by=TriggeredBy.TEST,
    )


def find_dag(folder: Path, name: str, dag_id: str | None = None) -> DAG:
    """The DAG of the file `name` below `folder`, `dag_id` if it has several; or the DAG `name` of any file there.

    Raises `NotFound`, or `AuthorError` when a file cannot be read.
    """
    if not name.endswith(".py"):
        return _find_by_id(folder, name)
    path = folder / name
    if not path.is_file():
        raise NotFound(f"there is no DAG file {path}")
    dags = load_file(folder, path.resolve().relative_to(folder.resolve()).as_posix())
    if dag_id is None and len(dags) == 1:
        return next(iter(dags.values()))
    if dag_id is not None and dag_id in dags:
        return dags[dag_id]
    asked = f"no DAG {dag_id!r}" if dag_id is not None else f"{len(dags)} DAGs, so say which"
    raise NotFound(f"{path} has {asked}; its DAGs are: {', '.join(sorted(dags)) or 'none'}")


def _find_by_id(folder: Path, dag_id: str) -> DAG:
    known: list[str] = []
    for file in dag_files(folder):
        dags = load_file(folder, file)
        if dag_id in dags:
            return dags[dag_id]
        known.extend(dags)
    raise NotFound(f"there is no DAG {dag_id!r} in {folder}; its DAGs are: {', '.join(sorted(known)) or 'none'}")
