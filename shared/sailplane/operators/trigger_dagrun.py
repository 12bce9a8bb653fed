"""A task that starts a run of another DAG."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, NoReturn

from sailplane.authoring.arguments import NOTSET, is_arg_set
from sailplane.authoring.configuration import default_deferrable
from sailplane.authoring.exceptions import (
    AirflowException,
    AirflowRescheduleException,
    AirflowSkipException,
    DagIsPaused,
    DagNotFound,
    DagRunAlreadyExists,
)
from sailplane.authoring.operator import BaseOperator
from sailplane.authoring.operator_checks import utc
from sailplane.model.ids import run_id_for
from sailplane.model.other_runs import RunAnswer, RunProblem, RunQuery, RunRequest, run_event
from sailplane.model.states import RunState, RunType
from sailplane.triggers.external_task import DagStateTrigger

XCOM_RUN_ID = "trigger_run_id"


class TriggerDagRunOperator(BaseOperator):
    """Starts a run of the DAG `trigger_dag_id` with `conf`, and with `wait_for_completion` waits for its end.

    While it waits it holds no worker: it is rescheduled or, if `deferrable`, deferred until the run's end wakes it, and
    to be sure it looks every `poke_interval` seconds. The run's id follows from when the try began, so that a try that
    is interrupted and goes on elsewhere starts no second run. Fails when the run ends in one of `failed_states`; goes
    on waiting while it is neither in these nor in `allowed_states`. With `reset_dag_run` a run of that id that exists
    already is cleared and runs again.
    """

    template_fields: Sequence[str] = ("trigger_dag_id", "trigger_run_id", "logical_date", "conf", "note")
    template_fields_renderers: ClassVar[Mapping[str, str]] = {"conf": "py"}
    ui_color = "#ffefeb"

    def __init__(
        self,
        *,
        trigger_dag_id: str,
        trigger_run_id: str | None = None,
        conf: Mapping[str, Any] | str | None = None,
        logical_date: datetime | str | None = NOTSET,  # type: ignore[assignment]
        reset_dag_run: bool = False,
        wait_for_completion: bool = False,
        poke_interval: timedelta | float = 60,
        allowed_states: Sequence[str] | None = None,
        failed_states: Sequence[str] | None = None,
        skip_when_already_exists: bool = False,
        fail_when_dag_is_paused: bool = False,
        note: str | None = None,
        deferrable: bool | None = None,
        openlineage_inject_parent_info: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.trigger_dag_id, self.trigger_run_id = trigger_dag_id, trigger_run_id
        self.conf, self.note = conf, note
        self.reset_dag_run = reset_dag_run
        self.logical_date = logical_date
        self.wait_for_completion = wait_for_completion
        seconds = poke_interval.total_seconds() if isinstance(poke_interval, timedelta) else float(poke_interval)
        self.poke_interval = seconds
        self.allowed_states = [RunState(state) for state in allowed_states or (RunState.SUCCESS,)]
        self.failed_states = [
            RunState(state) for state in ((RunState.FAILED,) if failed_states is None else failed_states)
        ]
        self.skip_when_already_exists = skip_when_already_exists
        self.fail_when_dag_is_paused = fail_when_dag_is_paused
        self.deferrable = default_deferrable() if deferrable is None else deferrable

    def execute(self, context: Mapping[str, Any]) -> None:
        ti = context["ti"]
        first_poke = ti.get_first_reschedule_date(context)
        began: datetime = first_poke or ti.start_date
        logical_date = self._logical_date(began)
        run_id = self.trigger_run_id or run_id_for(RunType.OPERATOR_TRIGGERED, logical_date or began)
        ti.xcom_push(XCOM_RUN_ID, run_id)
        state = self._trigger(ti, run_id, logical_date) if first_poke is None else self._look(ti, run_id)
        if self.wait_for_completion:
            self._wait(run_id, state)

    def _logical_date(self, began: datetime) -> datetime | None:
        if not is_arg_set(self.logical_date):
            return began
        given = self.logical_date
        return utc(datetime.fromisoformat(given)) if isinstance(given, str) else utc(given)

    def _trigger(self, ti: Any, run_id: str, logical_date: datetime | None) -> RunState:
        if self.fail_when_dag_is_paused and self._asked(ti, run_id).is_paused:
            raise DagIsPaused(f"DAG {self.trigger_dag_id!r} is paused")
        request = RunRequest(
            dag_id=self.trigger_dag_id,
            run_id=run_id,
            conf=self._conf(),
            logical_date=logical_date,
            note=self.note,
            is_awaited=self.wait_for_completion,
            # An id that was made from when this try began is that of a run which this try made.
            reset=self.reset_dag_run and (self.trigger_run_id is not None or is_arg_set(self.logical_date)),
        )
        answer: RunAnswer = ti.trigger_run(request)
        match answer.problem:
            case None:
                self.log.info("Started run %s of DAG %s", run_id, self.trigger_dag_id)
            case RunProblem.NO_DAG:
                raise DagNotFound(answer.message)
            case RunProblem.EXISTS if self.skip_when_already_exists:
                raise AirflowSkipException(answer.message)
            case RunProblem.EXISTS if self.trigger_run_id is not None or not answer.runs:
                raise DagRunAlreadyExists(answer.message)
            case RunProblem.EXISTS:
                self.log.info("Run %s was started by this try already", run_id)
            case _:
                raise AirflowException(answer.message)
        return answer.runs[0].state

    def _conf(self) -> dict[str, Any]:
        try:
            conf = json.loads(self.conf) if isinstance(self.conf, str) else dict(self.conf or {})
            json.dumps(conf)
        except (TypeError, ValueError) as error:
            raise ValueError(f"task {self.task_id!r}: conf must be a dict that JSON can hold: {error}") from error
        return conf

    def _asked(self, ti: Any, run_id: str) -> RunAnswer:
        answer: RunAnswer = ti.find_runs(RunQuery(dag_id=self.trigger_dag_id, run_ids=(run_id,)))
        if answer.problem is RunProblem.NO_DAG:
            raise DagNotFound(answer.message)
        return answer

    def _look(self, ti: Any, run_id: str) -> RunState:
        found = self._asked(ti, run_id).runs
        if not found:
            raise AirflowException(f"run {run_id!r} of DAG {self.trigger_dag_id!r}, which this task started, is gone")
        return found[0].state

    def _wait(self, run_id: str, state: RunState) -> None:
        if state in self.failed_states:
            raise AirflowException(f"run {run_id!r} of DAG {self.trigger_dag_id!r} ended as {state}")
        if state not in self.allowed_states and self.deferrable:
            self._defer(run_id)
        if state not in self.allowed_states:
            self.waits_for = (run_event(self.trigger_dag_id, run_id),)
            raise AirflowRescheduleException(datetime.now(UTC) + timedelta(seconds=self.poke_interval))
        self.log.info("Run %s of DAG %s is %s", run_id, self.trigger_dag_id, state)

    def _defer(self, run_id: str) -> NoReturn:
        states = [*self.allowed_states, *self.failed_states]
        trigger = DagStateTrigger(
            self.trigger_dag_id, states=states, run_ids=[run_id], poll_interval=self.poke_interval
        )
        self.defer(trigger=trigger, method_name="execute_complete")

    def execute_complete(self, context: Mapping[str, Any], event: tuple[str, Mapping[str, Any]]) -> None:
        """Succeed or fail as the run did that the trigger has found ended."""
        _, found = event
        for run_id in found["run_ids"]:
            self._wait(run_id, RunState(found[run_id]))
