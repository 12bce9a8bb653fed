"""Record how the DAGs in `deferral_dags/` end in Airflow: run under an Airflow installation with a database.

    AIRFLOW_HOME=SCRATCH airflow db migrate
    AIRFLOW_HOME=SCRATCH python tests/oracle/record_deferrals.py [DAG_ID...]

It writes `deferrals.json`, whole or the rows of the DAGs that are named. Each DAG is run by `dag.test()`, which knows
too little of triggers (it drops the arguments of the method, and fails the task when a trigger does): between the parts
of a try, what Airflow's triggerer and scheduler do to the task instance is done here, by their own functions. A row has
the run's state, and of each task instance its state, how many tries it had when it had several, and what it returned.
"""

import asyncio
import importlib
import json
import os
import sys
from pathlib import Path
from traceback import format_exception
from uuid import UUID

FOLDER = Path(__file__).parent / "deferral_dags"
os.environ["AIRFLOW__CORE__DAGS_FOLDER"] = str(FOLDER)
os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"
os.environ["AIRFLOW_CONN_FS_DEFAULT"] = '{"conn_type": "fs", "extra": {"path": "/"}}'
sys.path.insert(0, str(FOLDER))
sys.dont_write_bytecode = True

import airflow  # noqa: E402
from airflow.models.trigger import TriggerFailureReason, handle_event_submit  # noqa: E402
from airflow.models.xcom import XComModel  # noqa: E402
from airflow.sdk import DAG  # noqa: E402
from airflow.sdk._shared.module_loading import import_string  # noqa: E402
from airflow.sdk.api.datamodels._generated import TaskInstance as RunnableInstance  # noqa: E402
from airflow.sdk.definitions import dag as sdk_dag  # noqa: E402
from airflow.sdk.execution_time.comms import DeferTask  # noqa: E402
from airflow.sdk.execution_time.supervisor import run_task_in_process  # noqa: E402
from airflow.sdk.serde import deserialize  # noqa: E402
from airflow.serialization.serialized_objects import create_scheduler_operator  # noqa: E402
from airflow.utils.session import create_session  # noqa: E402
from airflow.utils.state import TaskInstanceState  # noqa: E402
from sqlalchemy import select  # noqa: E402


def run_task(*, ti, task, run_triggerer=False):
    """All parts of one try; in place of the function of `dag.test()`."""
    while True:
        ti.set_state(TaskInstanceState.QUEUED)
        result = run_task_in_process(ti=runnable(ti), task=task)
        ti.set_state(result.ti.state)
        ti.task = create_scheduler_operator(result.ti.task)
        if ti.state != TaskInstanceState.DEFERRED or not isinstance(result.msg, DeferTask):
            return result
        if not awaited(ti, result.msg):
            return None


def runnable(ti):
    names = ("task_id", "dag_id", "run_id", "try_number", "map_index")
    ids = {"id": UUID(str(ti.id)), "dag_version_id": UUID(str(ti.dag_version_id))}
    return RunnableInstance(**ids, **{name: getattr(ti, name) for name in names})


def awaited(ti, deferral):
    """Do with the task instance what its trigger comes to; False when that has ended it."""
    trigger = import_string(deferral.classpath)(**deserialize(deferral.trigger_kwargs))
    ti.next_method, ti.next_kwargs = deferral.next_method, deferral.next_kwargs
    try:
        event = asyncio.run(first_event(trigger, deferral.trigger_timeout))
    except TimeoutError:
        failed(ti, {"error": TriggerFailureReason.TRIGGER_TIMEOUT})
        return True
    except Exception as error:
        trace = format_exception(type(error), error, error.__traceback__)
        failed(ti, {"error": TriggerFailureReason.TRIGGER_FAILURE, "traceback": trace})
        return True
    if event is None:
        failed(ti, {"error": TriggerFailureReason.TRIGGER_FAILURE, "traceback": None})
        return True
    with create_session() as session:
        ti = session.merge(ti)
        handle_event_submit(event, task_instance=ti, session=session)
        return ti.state == TaskInstanceState.SCHEDULED


def failed(ti, arguments):
    ti.next_method, ti.next_kwargs = "__fail__", arguments
    with create_session() as session:
        ti.state = TaskInstanceState.SCHEDULED
        session.merge(ti)


async def first_event(trigger, timeout):
    return await asyncio.wait_for(anext(trigger.run(), None), timeout.total_seconds() if timeout else None)


def name(ti):
    return ti.task_id if ti.map_index < 0 else f"{ti.task_id}[{ti.map_index}]"


def recorded(dag):
    run = dag.test()
    with create_session() as session:
        instances = {name(ti): ti for ti in run.get_task_instances(session=session)}
        query = select(XComModel).where(
            XComModel.dag_id == dag.dag_id, XComModel.run_id == run.run_id, XComModel.key == "return_value"
        )
        values = {name(each): XComModel.deserialize_value(each) for each in session.scalars(query)}
        return {
            "run": str(run.state),
            "states": {key: str(ti.state) for key, ti in sorted(instances.items())},
            "tries": {key: ti.try_number for key, ti in sorted(instances.items()) if ti.try_number > 1},
            "values": dict(sorted(values.items())),
        }


def main(wanted):
    sdk_dag._run_task = run_task
    written = FOLDER.parent / "deferrals.json"
    rows = json.loads(written.read_text())["dags"] if wanted else {}
    for dag in [each for each in vars(importlib.import_module("deferrals")).values() if isinstance(each, DAG)]:
        if not wanted or dag.dag_id in wanted:
            rows[dag.dag_id] = recorded(dag)
            print(f"RECORDED {dag.dag_id} {rows[dag.dag_id]['run']}", file=sys.stderr, flush=True)
    text = ",\n".join(f"  {json.dumps(key)}: {json.dumps(row, sort_keys=True)}" for key, row in sorted(rows.items()))
    written.write_text(f'{{"airflow": "{airflow.__version__}", "dags": {{\n{text}\n}}}}\n')


main(set(sys.argv[1:]))
