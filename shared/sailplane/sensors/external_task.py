"""Waiting for tasks and runs of other DAGs."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sailplane.authoring.calling import keywords_for
from sailplane.authoring.exceptions import (
    AirflowException,
    AirflowSkipException,
    ExternalDagFailedError,
    ExternalDagNotFoundError,
    ExternalTaskFailedError,
    ExternalTaskGroupFailedError,
    ExternalTaskNotFoundError,
)
from sailplane.authoring.operator import BaseOperator
from sailplane.model.other_runs import RunAnswer, RunProblem, RunQuery
from sailplane.model.states import RunState, TaskState
from sailplane.sensors.deferrable import DeferrableSensor
from sailplane.triggers.external_task import Subject, WorkflowTrigger, events_of


class ExternalTaskSensor(DeferrableSensor):
    """Waits for a run of another DAG with the same logical date, or for tasks or a task group in it.

    `execution_delta` looks at the run that much earlier; `execution_date_fn` makes the logical date, or several, from
    the own one. With `check_existence` a DAG or task that does not exist fails the sensor at once.
    """

    template_fields: Sequence[str] = (
        "external_dag_id",
        "external_task_id",
        "external_task_ids",
        "external_task_group_id",
    )
    ui_color = "#4db7db"

    def __init__(
        self,
        *,
        external_dag_id: str,
        external_task_id: str | None = None,
        external_task_ids: Collection[str] | None = None,
        external_task_group_id: str | None = None,
        allowed_states: Iterable[str] | None = None,
        skipped_states: Iterable[str] | None = None,
        failed_states: Iterable[str] | None = None,
        execution_delta: timedelta | None = None,
        execution_date_fn: Callable[..., Any] | None = None,
        check_existence: bool = False,
        poll_interval: float | None = None,
        **kwargs: Any,
    ) -> None:
        if poll_interval is not None:
            kwargs.setdefault("poke_interval", poll_interval)
        super().__init__(**kwargs)
        given = (external_task_id, external_task_ids or None, external_task_group_id)
        if sum(each is not None for each in given) > 1:
            raise ValueError(
                f"sensor {self.task_id!r}: give one of external_task_id, external_task_ids and external_task_group_id"
            )
        if execution_delta is not None and execution_date_fn is not None:
            raise ValueError(f"sensor {self.task_id!r}: give execution_delta or execution_date_fn, not both")
        self.external_dag_id = external_dag_id
        self.external_task_id = external_task_id
        ids = [external_task_id] if external_task_id is not None else external_task_ids
        self.external_task_ids: Any = list(ids) if ids else None
        self.external_task_group_id = external_task_group_id
        kind: type[TaskState | RunState] = TaskState if any(given) else RunState
        self.allowed_states = self._states(kind, allowed_states or [TaskState.SUCCESS.value])
        self.skipped_states = self._states(kind, skipped_states or ())
        self.failed_states = self._states(kind, failed_states or ())
        every = [*self.allowed_states, *self.skipped_states, *self.failed_states]
        if len(every) != len(set(every)):
            raise AirflowException(f"sensor {self.task_id!r}: a state stands twice among the states given")
        self.execution_delta, self.execution_date_fn = execution_delta, execution_date_fn
        self.check_existence = check_existence

    def _states(self, kind: type[TaskState | RunState], names: Iterable[str]) -> list[str]:
        known = [str(state) for state in kind]
        for name in names:
            if str(name) not in known:
                raise ValueError(f"sensor {self.task_id!r}: {name!r} is no state; there are {', '.join(known)}")
        return [str(name) for name in names]

    def poke(self, context: Mapping[str, Any]) -> bool:
        dates = self._dates(context)
        is_run = not self.external_task_ids and not self.external_task_group_id
        found = self._find(context, dates, awaits=is_run and self.reschedule).runs
        self.waits_for = events_of(self.external_dag_id, found) if is_run else ()
        subject = self._subject()
        for states, end in ((self.failed_states, self._fail), (self.skipped_states, self._skip)):
            if any(subject.count(run, states) for run in found):
                end()
        return sum(subject.is_done(run, self.allowed_states) for run in found) >= len(dates)

    def execute(self, context: Mapping[str, Any]) -> Any:
        if self.deferrable and self.check_existence:
            self._find(context, self._dates(context))
        return super().execute(context)

    def trigger(self, context: Mapping[str, Any]) -> WorkflowTrigger:
        return WorkflowTrigger(
            self.external_dag_id,
            logical_dates=self._dates(context),
            external_task_ids=self.external_task_ids,
            external_task_group_id=self.external_task_group_id,
            failed_states=self.failed_states,
            skipped_states=self.skipped_states,
            allowed_states=self.allowed_states,
            poke_interval=self.poke_interval,
            soft_fail=self.soft_fail,
        )

    def execute_complete(self, context: Mapping[str, Any], event: Mapping[str, Any] | None = None) -> None:
        match event:
            case {"status": "success"}:
                self.log.info("%s is done.", self._subject_name())
            case {"status": "skipped"}:
                self._skip()
            case {"status": "failed"}:
                self._fail()
            case _:
                raise ExternalTaskNotFoundError(f"sensor {self.task_id!r}: its trigger said {event!r}")

    def _find(self, context: Mapping[str, Any], dates: Sequence[datetime], *, awaits: bool = False) -> RunAnswer:
        query = RunQuery(
            awaits=awaits,
            dag_id=self.external_dag_id,
            logical_dates=tuple(dates),
            task_ids=tuple(self.external_task_ids or ()),
            group_id=self.external_task_group_id,
        )
        answer: RunAnswer = context["ti"].find_runs(query)
        self._check(answer)
        return answer

    def _subject(self) -> Subject:
        return Subject(task_ids=self.external_task_ids or (), group_id=self.external_task_group_id)

    def _dates(self, context: Mapping[str, Any]) -> list[datetime]:
        own = context.get("logical_date")
        if own is None:
            raise AirflowException(
                f"sensor {self.task_id!r} looks for runs with the logical date of its own run, which has none; trigger "
                "the run with a logical date, or give execution_date_fn"
            )
        if self.execution_delta is not None:
            return [own - self.execution_delta]
        if self.execution_date_fn is None:
            return [own]
        made = self.execution_date_fn(own, **keywords_for(self.execution_date_fn, (own,), {}, context))
        return list(made) if isinstance(made, list | tuple) else [made]

    def _check(self, answer: RunAnswer) -> None:
        if not self.check_existence:
            return
        if answer.problem is RunProblem.NO_DAG:
            raise ExternalDagNotFoundError(answer.message)
        if answer.problem is RunProblem.NO_TASK:
            raise ExternalTaskNotFoundError(answer.message)

    def _subject_name(self) -> str:
        if self.external_task_ids:
            return f"of the tasks {', '.join(self.external_task_ids)} of DAG {self.external_dag_id!r} some"
        if self.external_task_group_id:
            return f"the task group {self.external_task_group_id!r} of DAG {self.external_dag_id!r}"
        return f"the DAG {self.external_dag_id!r}"

    def _fail(self) -> None:
        message = f"{self._subject_name()} ended in one of the states {', '.join(self.failed_states)}"
        if self.soft_fail:
            raise AirflowSkipException(message)
        if self.external_task_ids:
            raise ExternalTaskFailedError(message)
        raise (ExternalTaskGroupFailedError if self.external_task_group_id else ExternalDagFailedError)(message)

    def _skip(self) -> None:
        raise AirflowSkipException(
            f"{self._subject_name()} ended in one of the states {', '.join(self.skipped_states)}"
        )


class ExternalTaskMarker(BaseOperator):
    """Names a task of another DAG that waits for this one. It is a mark: clearing does not reach across DAGs."""

    does_nothing = True

    template_fields: Sequence[str] = ("external_dag_id", "external_task_id", "logical_date")
    ui_color = "#4db7db"

    def __init__(
        self,
        *,
        external_dag_id: str,
        external_task_id: str,
        logical_date: str = "{{ logical_date.isoformat() }}",
        recursion_depth: int = 10,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.external_dag_id, self.external_task_id = external_dag_id, external_task_id
        self.logical_date, self.recursion_depth = logical_date, recursion_depth

    def execute(self, context: Mapping[str, Any]) -> None:
        """Succeed."""
