"""The running try and its run, as user code sees them."""

import logging
import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, tzinfo
from functools import cache, cached_property, lru_cache
from itertools import product
from typing import TYPE_CHECKING, Any

from sailplane.authoring.arguments import NOTSET, is_arg_set
from sailplane.authoring.instance_details import InstanceDetails
from sailplane.authoring.lazy_value import unwrapped
from sailplane.authoring.lazy_xcom import LazyXComSequence
from sailplane.authoring.run_questions import DagRunView, RunQuestions
from sailplane.authoring.timetable_base import manual_interval, timetable_in
from sailplane.authoring.xcom_arg import XCOM_RETURN_KEY
from sailplane.model import xcom
from sailplane.model.execution import ChildServices, TaskJob, XComRef, xcom_name
from sailplane.model.human_steps import HumanRequest
from sailplane.model.ids import UNMAPPED
from sailplane.model.other_runs import RunFacts, RunQuery
from sailplane.model.runs import RunContext
from sailplane.model.states import TaskState

if TYPE_CHECKING:
    from sailplane.authoring.operator import BaseOperator


class TaskInstance(RunQuestions, InstanceDetails):
    """`ti` of the context: the try that runs, and the XComs it pushes and pulls."""

    def __init__(self, task: "BaseOperator", job: TaskJob, run: DagRunView, services: ChildServices) -> None:
        self.task = task
        self.dag_run = run
        self.pushed: dict[str, str] = dict(job.resumption.xcoms) if job.resumption else {}
        """key -> envelope: what the try has pushed so far."""
        self.state = TaskState.RUNNING
        self.end_date: datetime | None = None
        self._job = job
        self._services = services
        self.map_name = ""
        """The rendered `map_index_template`."""
        self.map_length: int | None = None
        self.question: HumanRequest | None = None
        """What it asks a person, once it waits for that."""
        self.rendered = ""
        """JSON of the templated fields, for display."""
        """How many items it returned for others to be mapped over."""
        self._context: dict[str, Any] = {}

    def __repr__(self) -> str:
        return f"<TaskInstance: {self.dag_id}.{self.task_id} {self.run_id} [{self.state}]>"

    @property
    def task_id(self) -> str:
        return self._job.task_id

    @property
    def dag_id(self) -> str:
        return self._job.run.dag_id

    @property
    def run_id(self) -> str:
        return self._job.run.run_id

    @property
    def map_index(self) -> int:
        return self._job.map_index

    @property
    def try_number(self) -> int:
        return self._job.try_number

    @property
    def max_tries(self) -> int:
        """How many retries there may be, as in Airflow: one less than tries."""
        return self._job.max_tries - 1

    @property
    def began_at(self) -> datetime:
        """`start_date`, as a plain datetime."""
        return self._job.started_at

    @property
    def start_date(self) -> datetime:
        return _pendulum(self._job.started_at)

    @property
    def duration(self) -> float | None:
        """Seconds that the try took; None while it runs."""
        return (self.end_date - self.start_date).total_seconds() if self.end_date else None

    @property
    def logical_date(self) -> datetime | None:
        return self.dag_run.logical_date

    @property
    def operator(self) -> str:
        return self.task.task_type

    @property
    def queue(self) -> str:
        return self.task.queue

    @property
    def pool(self) -> str:
        return self.task.pool

    @property
    def is_mapped(self) -> bool:
        return self.task.is_mapped

    @cached_property
    def hostname(self) -> str:
        return os.uname().nodename

    @property
    def log(self) -> logging.Logger:
        return self.task.log

    def now(self) -> datetime:
        return _pendulum(datetime.now(UTC))

    def get_template_context(self) -> dict[str, Any]:
        return self._context

    def get_first_reschedule_date(self, context: Mapping[str, Any]) -> datetime | None:
        """When the sensor poked first in this try; None when it has not been rescheduled."""
        return self._job.rescheduled_since

    def xcom_push(self, key: str, value: Any, **_: Any) -> None:
        """Store `value` for others to pull; it is written together with the try's end."""
        value = list(value) if isinstance(value, LazyXComSequence) else unwrapped(value)
        self.pushed[key] = xcom.dumps(value, key=key, where=f"task {self.task_id!r}")

    def xcom_pull(
        self,
        task_ids: str | Iterable[str] | None = None,
        dag_id: str | None = None,
        key: str = XCOM_RETURN_KEY,
        include_prior_dates: bool = False,
        *,
        map_indexes: Any = NOTSET,
        default: Any = None,
        run_id: str | None = None,
    ) -> Any:
        """The value pushed under `key` by a task, this one when `task_ids` is None; `default` when there is none.

        Several task_ids or map_indexes give a list, in their order. Without map_indexes, a task with several instances
        gives what all of them pushed. With `include_prior_dates`, what that run has not is taken from the newest run
        before it that has it.
        """
        is_own_run = dag_id in (None, self.dag_id) and run_id in (None, self.run_id)
        if isinstance(task_ids, str) and not is_arg_set(map_indexes) and is_own_run and self._has_instances(task_ids):
            values = list(self.lazy_xcoms(task_ids, key))
            return values if len(values) > 1 else values[0] if values else default
        ids = [self.task_id] if task_ids is None else [task_ids] if isinstance(task_ids, str) else list(task_ids)
        indexes = _indexes(map_indexes)
        one = isinstance(task_ids, str | None) and not isinstance(indexes, list)
        every = indexes if isinstance(indexes, list) else [indexes]
        wanted = [self._reference(task_id, index, key, dag_id, run_id) for task_id, index in product(ids, every)]
        found = [self._pull(replace(each, include_prior=include_prior_dates), default) for each in wanted]
        return found[0] if one else found

    @property
    def services(self) -> ChildServices:
        """Whom the task can ask."""
        return self._services

    def lazy_xcoms(self, task_id: str, key: str = XCOM_RETURN_KEY) -> LazyXComSequence:
        """What all instances of a mapped task of this run pushed under `key`."""
        return LazyXComSequence(XComRef(task_id=task_id, key=key), self._services)

    def _has_instances(self, task_id: str) -> bool:
        dag = self._context.get("dag")
        return dag is not None and dag.has_task(task_id) and dag.get_task(task_id).has_instances

    def _reference(self, task_id: str, map_index: int, key: str, dag_id: str | None, run_id: str | None) -> XComRef:
        if dag_id in (None, self.dag_id) and run_id in (None, self.run_id):
            return XComRef(task_id=task_id, map_index=map_index, key=key)
        return XComRef(
            task_id=task_id, map_index=map_index, key=key, dag_id=dag_id or self.dag_id, run_id=run_id or self.run_id
        )

    def _pull(self, reference: XComRef, default: Any) -> Any:
        envelope = self._known(reference) if reference.run_id is None else None
        if envelope is None:
            envelope = self._services.xcom(reference)
        return default if envelope is None else xcom.loads(envelope)

    def _known(self, reference: XComRef) -> str | None:
        """The envelope if it is here already: of this try, or handed to it with the job."""
        is_own = (reference.task_id, reference.map_index) == (self.task_id, self.map_index)
        if is_own and reference.key in self.pushed:
            return self.pushed[reference.key]
        return self._job.xcoms.get(xcom_name(reference.task_id, reference.map_index, reference.key))


def _with_interval(run: RunContext, timetable: Any) -> RunContext:
    if run.logical_date is None or run.data_interval_start is not None:
        return run
    own = timetable_in(timetable)
    if own is None:
        return run
    start, end = manual_interval(own, run.logical_date)
    return replace(run, data_interval_start=start, data_interval_end=end)


def _indexes(map_indexes: Any) -> int | list[int]:
    if not is_arg_set(map_indexes) or map_indexes is None:
        return UNMAPPED
    if isinstance(map_indexes, int):
        return map_indexes
    return [UNMAPPED if index is None else index for index in map_indexes]


def _pendulum(moment: datetime) -> datetime:
    return _converted(moment, moment.tzinfo)


@lru_cache(maxsize=64)
def _converted(moment: datetime, _zone: tzinfo | None) -> datetime:
    """The tries of one run ask for the same moments. Equal ones of two zones are not the same."""
    import pendulum

    return pendulum.instance(moment)


def run_view(job: TaskJob, timetable: Any, services: ChildServices) -> DagRunView:
    """The run of `job`; `timetable`: the DAG's, which is asked for the data interval of a run that has none."""
    run = _with_interval(job.run, timetable)

    def find() -> RunFacts | None:
        found = services.find_runs(RunQuery(dag_id=run.dag_id, run_ids=(run.run_id,))).runs
        return found[0] if found else None

    return DagRunView(
        dag_id=run.dag_id,
        run_id=run.run_id,
        run_type=run.run_type,
        logical_date=_pendulum(run.logical_date) if run.logical_date else None,
        data_interval_start=_pendulum(run.data_interval_start) if run.data_interval_start else None,
        data_interval_end=_pendulum(run.data_interval_end) if run.data_interval_end else None,
        run_after=_pendulum(run.run_after),
        start_date=_pendulum(run.started_at) if run.started_at else None,
        conf=dict(run.conf),
        triggered_by=run.triggered_by,
        clear_number=run.clear_number,
        find=cache(find),
    )
