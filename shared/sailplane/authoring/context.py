"""The context of a running task: Airflow's names and what they stand for."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sailplane.authoring import macros
from sailplane.authoring.accessors import ConnectionAccessor, VariableAccessor
from sailplane.authoring.asset_events import InletEventsAccessors, TriggeringAssetEvents
from sailplane.authoring.asset_outlets import OutletEventAccessors
from sailplane.authoring.asset_state_store import AssetStateStoreAccessors, has_assets
from sailplane.authoring.configuration import Configuration
from sailplane.authoring.lazy_value import Context
from sailplane.authoring.params import run_params
from sailplane.authoring.run_questions import DagRunView, facts_of_previous_success
from sailplane.authoring.state_store import TaskStateStoreAccessor
from sailplane.authoring.task_instance import TaskInstance, run_view
from sailplane.model.execution import ChildServices, TaskJob

if TYPE_CHECKING:
    from sailplane.authoring.dag import DAG
    from sailplane.authoring.operator import BaseOperator


def build_context(dag: "DAG", task: "BaseOperator", job: TaskJob, services: ChildServices) -> dict[str, Any]:
    """The context of one try. Raises `ParamValidationError` when the run's conf does not fit the params."""
    run = run_view(job, dag.schedule, services)
    ti = TaskInstance(task, job, run, services)
    context: dict[str, Any] = {
        "conf": Configuration(),
        "conn": ConnectionAccessor(services),
        "dag": dag,
        "dag_run": run,
        "inlet_events": InletEventsAccessors(task.inlets, services),
        "inlets": task.inlets,
        "macros": macros,
        "map_index_template": task.map_index_template,
        "outlet_events": OutletEventAccessors(services),
        "outlets": task.outlets,
        "params": run_params(dag.params, task.params, job.run.conf),
        "run_id": run.run_id,
        "task": task,
        "task_instance": ti,
        "task_state_store": TaskStateStoreAccessor(services, job),
        "task_instance_key_str": f"{dag.dag_id}__{task.task_id}__{_day(run) or run.run_id}",
        "task_reschedule_count": 0 if job.rescheduled_since is None else 1,
        "test_mode": False,
        "ti": ti,
        "triggering_asset_events": TriggeringAssetEvents(services),
        "try_number": job.try_number,
        "var": VariableAccessor(services),
        **_UNKNOWN,
        **_dates(run),
        **facts_of_previous_success(ti),
    }
    if (task.inlets or task.outlets) and has_assets(task.inlets, task.outlets):
        context["asset_state_store"] = AssetStateStoreAccessors(task.inlets, task.outlets, job, services)
    ti._context = Context(context)
    return ti._context


_UNKNOWN: Mapping[str, Any] = {
    "templates_dict": None,
    "exception": None,
    "reason": None,
    "partition_key": None,
    "partition_date": None,
    "prev_data_interval_start_success": None,
    "prev_data_interval_end_success": None,
}
"""Names that always resolve, to nothing as long as it is not known."""


def _day(run: DagRunView) -> str | None:
    return run.logical_date.strftime("%Y%m%d") if run.logical_date else None


def _dates(run: DagRunView) -> dict[str, Any]:
    """The names that exist only in a run with a logical date, as in Airflow."""
    moment = run.logical_date
    if moment is None:
        return {}
    ds, ts = moment.strftime("%Y-%m-%d"), moment.isoformat()
    return {
        "logical_date": moment,
        "data_interval_start": run.data_interval_start,
        "data_interval_end": run.data_interval_end,
        "ds": ds,
        "ds_nodash": ds.replace("-", ""),
        "ts": ts,
        "ts_nodash": moment.strftime("%Y%m%dT%H%M%S"),
        "ts_nodash_with_tz": ts.replace("-", "").replace(":", ""),
    }


CONTEXT_VARIABLES = frozenset(
    f"AIRFLOW_CTX_{name}" for name in ("DAG_OWNER", "DAG_ID", "TASK_ID", "LOGICAL_DATE", "TRY_NUMBER", "DAG_RUN_ID")
)


def context_variables(context: Mapping[str, Any]) -> dict[str, str]:
    """Airflow's environment variables, by which subprocesses know whose they are."""
    ti: TaskInstance = context["ti"]
    values = {
        "AIRFLOW_CTX_DAG_OWNER": context["task"].owner,
        "AIRFLOW_CTX_DAG_ID": ti.dag_id,
        "AIRFLOW_CTX_TASK_ID": ti.task_id,
        "AIRFLOW_CTX_TRY_NUMBER": str(ti.try_number),
        "AIRFLOW_CTX_DAG_RUN_ID": ti.run_id,
    }
    if ti.logical_date:
        values["AIRFLOW_CTX_LOGICAL_DATE"] = ti.logical_date.isoformat()
    return values
