"""What a running task may ask about runs: of its own DAG, the ones before, or of other DAGs."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from sailplane.authoring.lazy_value import LazyValue
from sailplane.authoring.timetable_base import in_pendulum
from sailplane.model.ids import UNMAPPED, TaskKey
from sailplane.model.other_runs import RunAnswer, RunFacts, RunQuery, RunRequest
from sailplane.model.states import RunState, RunType, TaskState

if TYPE_CHECKING:
    from sailplane.model.execution import ChildServices


@dataclass(frozen=True, kw_only=True)
class DagRunView:
    """`dag_run` of the context."""

    dag_id: str
    run_id: str
    run_type: RunType
    logical_date: datetime | None
    data_interval_start: datetime | None
    data_interval_end: datetime | None
    run_after: datetime
    start_date: datetime | None
    end_date: datetime | None = None
    conf: Mapping[str, Any]
    state: RunState = RunState.RUNNING
    triggered_by: str
    clear_number: int = 0
    partition_key: str | None = None
    partition_date: datetime | None = None
    find: Callable[[], RunFacts | None] = field(default=lambda: None, repr=False, compare=False)
    """Looks the run up, for what few tasks ask of it."""

    @property
    def external_trigger(self) -> bool:
        return self.run_type is RunType.MANUAL

    @property
    def triggering_user_name(self) -> str | None:
        """Who started the run, if somebody did."""
        found = self.find()
        return found.triggering_user if found is not None else None

    @property
    def note(self) -> str | None:
        found = self.find()
        return found.note if found is not None else None


@dataclass(frozen=True, kw_only=True)
class PreviousInstance:
    """A task instance of an earlier run, as `ti.get_previous_ti` gives it."""

    dag_id: str
    task_id: str
    run_id: str
    map_index: int
    logical_date: datetime | None
    start_date: datetime | None
    end_date: datetime | None
    state: str
    try_number: int

    @property
    def duration(self) -> float | None:
        if self.start_date is None or self.end_date is None:
            return None
        return (self.end_date - self.start_date).total_seconds()


class RunQuestions:
    """The methods of `ti` that ask about runs and their task instances."""

    _services: "ChildServices"
    dag_run: DagRunView

    @property
    def dag_id(self) -> str:
        raise NotImplementedError

    @property
    def task_id(self) -> str:
        raise NotImplementedError

    def trigger_run(self, request: RunRequest) -> RunAnswer:
        """Start a run of another DAG."""
        return self._services.trigger_run(request)

    def find_runs(self, query: RunQuery) -> RunAnswer:
        """How runs went, of this DAG or of others."""
        return self._services.find_runs(query)

    def get_dagrun_state(self, dag_id: str, run_id: str) -> str | None:
        """The state of a run; None when there is none."""
        found = self.find_runs(RunQuery(dag_id=dag_id, run_ids=(run_id,))).runs
        return str(found[0].state) if found else None

    def get_dr_count(
        self,
        dag_id: str,
        logical_dates: Sequence[datetime] | None = None,
        run_ids: Sequence[str] | None = None,
        states: Sequence[str] | None = None,
    ) -> int:
        """How many runs of a DAG there are with these logical dates or ids, all when None, in these states."""
        query = _query(dag_id, logical_dates, run_ids)
        return sum(not states or str(run.state) in states for run in self.find_runs(query).runs)

    def get_ti_count(
        self,
        dag_id: str,
        map_index: int | None = None,
        task_ids: Sequence[str] | None = None,
        task_group_id: str | None = None,
        logical_dates: Sequence[datetime] | None = None,
        run_ids: Sequence[str] | None = None,
        states: Sequence[str] | None = None,
    ) -> int:
        """How many task instances there are in such runs, in these states; without task_ids, of all tasks."""
        found = self.get_task_states(dag_id, map_index, task_ids, task_group_id, logical_dates, run_ids)
        return sum(not states or state in states for run in found.values() for state in run.values())

    def get_task_states(
        self,
        dag_id: str,
        map_index: int | None = None,
        task_ids: Sequence[str] | None = None,
        task_group_id: str | None = None,
        logical_dates: Sequence[datetime] | None = None,
        run_ids: Sequence[str] | None = None,
    ) -> dict[str, dict[str, str]]:
        """The states of task instances by run_id and task_id, a mapped one as `task_id_0`."""
        group = task_group_id if task_group_id is not None or task_ids else ""
        query = _query(dag_id, logical_dates, run_ids, task_ids=tuple(task_ids or ()), group_id=group)
        return {
            run.run_id: {
                _state_name(key): str(state) for key, state in _by_key(run) if map_index in (None, key.map_index)
            }
            for run in self.find_runs(query).runs
        }

    def get_previous_dagrun(self, state: str | None = None) -> DagRunView | None:
        """The run of this DAG with the nearest earlier logical date, of those in `state`; None when there is none.

        A run without a logical date has none before it. At most a hundred runs are looked through.
        """
        date = self.dag_run.logical_date
        found = self._before(date, run_states=(RunState(state),) if state else ())
        return _view(self.dag_id, found, date) if found is not None and date is not None else None

    def get_previous_ti(
        self, state: str | None = None, logical_date: datetime | None = None, map_index: int = UNMAPPED
    ) -> PreviousInstance | None:
        """This task's instance in the newest earlier run in which it is in `state`; in any when None.

        Earlier than `logical_date`, the run's own when None.
        """
        found = self._before(
            logical_date or self.dag_run.logical_date,
            instance=TaskKey(self.task_id, map_index).document_id,
            instance_states=(TaskState(state),) if state else (),
        )
        if found is None or found.instance is None:
            return None
        facts = found.instance
        return PreviousInstance(
            dag_id=self.dag_id,
            task_id=self.task_id,
            run_id=found.run_id,
            map_index=map_index,
            logical_date=_moment(found.logical_date),
            start_date=_moment(facts.started_at),
            end_date=_moment(facts.ended_at),
            state=str(facts.state),
            try_number=facts.try_number,
        )

    @cached_property
    def previous_success(self) -> RunFacts | None:
        """The newest earlier run that has succeeded."""
        return self._before(self.dag_run.logical_date, run_states=(RunState.SUCCESS,))

    def _before(self, date: datetime | None, **wanted: Any) -> RunFacts | None:
        if date is None:
            return None
        runs = self.find_runs(RunQuery(dag_id=self.dag_id, before=_plain(date), **wanted)).runs
        return runs[0] if runs else None


def facts_of_previous_success(ti: RunQuestions) -> dict[str, Any]:
    """The names of the context that are about the run that succeeded last; nothing is asked until one is used."""
    fields = {"prev_start_date_success": "started_at", "prev_end_date_success": "ended_at"}
    if ti.dag_run.logical_date is not None:
        fields["prev_data_interval_start_success"] = "data_interval_start"
        fields["prev_data_interval_end_success"] = "data_interval_end"
    return {name: LazyValue(partial(_fact, ti, field)) for name, field in fields.items()}


def _fact(ti: RunQuestions, field: str) -> datetime | None:
    found = ti.previous_success
    return None if found is None else _moment(getattr(found, field))


def _query(
    dag_id: str, logical_dates: Sequence[datetime] | None, run_ids: Sequence[str] | None, **fields: Any
) -> RunQuery:
    return RunQuery(
        dag_id=dag_id,
        run_ids=tuple(run_ids or ()),
        logical_dates=tuple(map(_plain, logical_dates or ())),
        takes_all=logical_dates is None and run_ids is None,
        **fields,
    )


def _view(dag_id: str, run: RunFacts, date: datetime) -> DagRunView:
    return DagRunView(
        dag_id=dag_id,
        run_id=run.run_id,
        run_type=run.run_type,
        logical_date=_moment(run.logical_date),
        data_interval_start=_moment(run.data_interval_start),
        data_interval_end=_moment(run.data_interval_end),
        run_after=in_pendulum(run.run_after or date),
        start_date=_moment(run.started_at),
        end_date=_moment(run.ended_at),
        conf=run.conf,
        state=run.state,
        triggered_by=run.triggered_by,
        find=lambda: run,
    )


def _plain(moment: datetime) -> datetime:
    """A moment, which may be pendulum's, as one that goes over to the supervisor."""
    return datetime.fromtimestamp(moment.timestamp(), UTC)


def _moment(moment: datetime | None) -> datetime | None:
    return None if moment is None else in_pendulum(moment)


def _by_key(run: RunFacts) -> list[tuple[TaskKey, TaskState]]:
    return [(TaskKey.parse(document), state) for document, state in run.tasks.items()]


def _state_name(key: TaskKey) -> str:
    return key.task_id if key.map_index == UNMAPPED else f"{key.task_id}_{key.map_index}"
