"""Triggers that wait for runs, tasks and task groups of other DAGs."""

from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sailplane.authoring.exceptions import AirflowException
from sailplane.authoring.trigger import BaseTrigger, TriggerEvent
from sailplane.model.ids import TaskKey
from sailplane.model.other_runs import RunAnswer, RunFacts, RunQuery, run_event


@dataclass(frozen=True, kw_only=True)
class Subject:
    """What of another DAG's run is waited for: tasks, a task group, or the run itself."""

    task_ids: Sequence[str] = ()
    group_id: str | None = None

    def count(self, run: RunFacts, states: Collection[str]) -> int:
        """How many of them are in `states`: of a mapped task, all of its instances or none count."""
        if not self.task_ids and not self.group_id:
            return int(str(run.state) in states)
        if self.group_id:
            return sum(str(state) in states for state in run.tasks.values())
        by_task: dict[str, list[str]] = {}
        for document, state in run.tasks.items():
            by_task.setdefault(TaskKey.parse(document).task_id, []).append(str(state))
        return sum(all(state in states for state in found) for found in by_task.values())

    def is_done(self, run: RunFacts, states: Collection[str]) -> bool:
        """Whether all of them are in `states`."""
        if self.task_ids:
            return self.count(run, states) >= len(self.task_ids)
        if self.group_id:
            return bool(run.tasks) and self.count(run, states) == len(run.tasks)
        return self.count(run, states) > 0


def events_of(dag_id: str, runs: Iterable[RunFacts]) -> tuple[str, ...]:
    """What the ends of those that have not ended are, for those that wait."""
    return tuple(run_event(dag_id, run.run_id) for run in runs if not run.state.is_terminal)


class _OtherRunsTrigger(BaseTrigger):
    looks_first = True

    def find_runs(self, query: RunQuery) -> RunAnswer:
        if self.task_instance is None:
            raise AirflowException(f"{type(self).__name__} works only for a task that has deferred itself")
        return self.task_instance.find_runs(query)


class WorkflowTrigger(_OtherRunsTrigger):
    """Fires with {"status": "success"}, "failed" or "skipped", as the states of tasks, groups or runs have it."""

    def __init__(
        self,
        external_dag_id: str,
        run_ids: Sequence[str] | None = None,
        execution_dates: Sequence[datetime] | None = None,
        logical_dates: Sequence[datetime] | None = None,
        external_task_ids: Collection[str] | None = None,
        external_task_group_id: str | None = None,
        failed_states: Collection[str] | None = None,
        skipped_states: Collection[str] | None = None,
        allowed_states: Collection[str] | None = None,
        poke_interval: float = 2.0,
        soft_fail: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.external_dag_id = external_dag_id
        self.run_ids = list(run_ids or ())
        self.logical_dates = list(logical_dates or execution_dates or ())
        self.external_task_ids = list(external_task_ids or ())
        self.external_task_group_id = external_task_group_id
        self.failed_states, self.skipped_states = _names(failed_states), _names(skipped_states)
        self.allowed_states = _names(allowed_states)
        self.poke_interval, self.soft_fail = poke_interval, soft_fail

    def serialize(self) -> tuple[str, dict[str, Any]]:
        names = (
            "external_dag_id",
            "run_ids",
            "logical_dates",
            "external_task_ids",
            "external_task_group_id",
            "failed_states",
            "skipped_states",
            "allowed_states",
            "poke_interval",
            "soft_fail",
        )
        return f"{__name__}.WorkflowTrigger", {name: getattr(self, name) for name in names}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        from asyncio import sleep

        while (status := self._status()) is None:
            await sleep(self.poke_interval)
        yield TriggerEvent({"status": status})

    def _status(self) -> str | None:
        subject = Subject(task_ids=self.external_task_ids, group_id=self.external_task_group_id)
        is_run = not self.external_task_ids and not self.external_task_group_id
        found = self.find_runs(
            RunQuery(
                awaits=is_run,
                dag_id=self.external_dag_id,
                run_ids=tuple(self.run_ids),
                logical_dates=tuple(self.logical_dates),
                task_ids=tuple(self.external_task_ids),
                group_id=self.external_task_group_id,
            )
        ).runs
        self.waits_for = events_of(self.external_dag_id, found) if is_run else ()
        if any(subject.count(run, self.failed_states) for run in found):
            return "failed"
        if any(subject.count(run, self.skipped_states) for run in found):
            return "skipped"
        wanted = len(self.run_ids or self.logical_dates)
        return "success" if sum(subject.is_done(run, self.allowed_states) for run in found) >= wanted else None


class DagStateTrigger(_OtherRunsTrigger):
    """Fires when the runs of a DAG are in `states`: with its own description, and the runs' states in it."""

    def __init__(
        self,
        dag_id: str,
        states: Collection[str],
        run_ids: Sequence[str] | None = None,
        execution_dates: Sequence[datetime] | None = None,
        poll_interval: float = 5.0,
    ) -> None:
        super().__init__()
        self.dag_id, self.states, self.poll_interval = dag_id, _names(states), poll_interval
        self.run_ids = list(run_ids or ())
        self.waits_for = tuple(run_event(dag_id, run_id) for run_id in self.run_ids)
        self.execution_dates = list(execution_dates or ())

    def serialize(self) -> tuple[str, dict[str, Any]]:
        names = ("dag_id", "states", "poll_interval", "run_ids", "execution_dates")
        return f"{__name__}.DagStateTrigger", {name: getattr(self, name) for name in names}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        from asyncio import sleep

        while (states := self._states()) is None:
            await sleep(self.poll_interval)
        path, arguments = self.serialize()
        yield TriggerEvent((path, {**arguments, **states}))

    def _states(self) -> Mapping[str, str] | None:
        """The states of the runs by run_id, once all are in one that is waited for."""
        asked = RunQuery(
            dag_id=self.dag_id,
            run_ids=tuple(self.run_ids),
            logical_dates=tuple(self.execution_dates),
            awaits=True,
        )
        found = {run.run_id: str(run.state) for run in self.find_runs(asked).runs}
        done = {run_id: state for run_id, state in found.items() if state in self.states}
        return done if len(done) >= len(self.run_ids or self.execution_dates) else None


def _names(states: Collection[str] | None) -> list[str]:
    return [str(state) for state in states or ()]
