"""Record how the DAGs in `human_dags/` end in Airflow: run under an Airflow installation with a database.

    AIRFLOW_HOME=SCRATCH airflow db migrate
    AIRFLOW_HOME=SCRATCH python tests/oracle/record_human_steps.py [DAG_ID...]

It writes `human_steps.json`, whole or the rows of the DAGs that are named. Each DAG is run by `dag.test()`, while a
thread answers as the API does, and times out as the scheduler does. A row has the run's state, that of each task
instance, what was asked, and the results.
"""

import importlib.util
import json
import os
import sys
import threading
from pathlib import Path

FOLDER = Path(__file__).parent / "human_dags"
os.environ["AIRFLOW__CORE__DAGS_FOLDER"] = str(FOLDER)
os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"

import airflow  # noqa: E402
from airflow._shared.timezones import timezone  # noqa: E402
from airflow.jobs.job import Job  # noqa: E402
from airflow.jobs.scheduler_job_runner import SchedulerJobRunner  # noqa: E402
from airflow.models.hitl import HITLDetail  # noqa: E402
from airflow.models.taskinstance import TaskInstance  # noqa: E402
from airflow.models.trigger import handle_event_submit  # noqa: E402
from airflow.models.xcom import XComModel  # noqa: E402
from airflow.sdk import DAG  # noqa: E402
from airflow.triggers.base import TriggerEvent  # noqa: E402
from airflow.utils.session import create_session  # noqa: E402
from sqlalchemy import select  # noqa: E402

WAITS = TaskInstance.state == "awaiting_input"


def loaded(path):
    found, entered = [], DAG.__enter__
    DAG.__enter__ = lambda dag: found.append(dag) or entered(dag)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = sys.modules[path.stem] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    DAG.__enter__ = entered
    return found, module.ANSWERS


def answer(answers, over):
    runner = SchedulerJobRunner(job=Job())
    while not over.wait(0.3):
        with create_session() as session:
            for instance in session.scalars(select(TaskInstance).where(WAITS)).all():
                if instance.task_id in answers:
                    give(instance, answers[instance.task_id], session)
        runner.check_awaiting_input_timeouts()


def give(instance, given, session):
    said = given if isinstance(given, dict) else {"chosen_options": [given] if isinstance(given, str) else given}
    detail = session.get(HITLDetail, instance.id)
    detail.responded_by = {"id": "test", "name": "test"}
    detail.responded_at = timezone.utcnow()
    detail.chosen_options = said["chosen_options"]
    detail.params_input = said.get("params_input", {key: each["value"] for key, each in detail.params.items()})
    handle_event_submit(TriggerEvent(detail.as_resume_event_payload()), task_instance=instance, session=session)


def name(task_id, map_index):
    return task_id if map_index < 0 else f"{task_id}[{map_index}]"


def recorded(dag, answers):
    over = threading.Event()
    thread = threading.Thread(target=answer, args=(answers, over))
    thread.start()
    run = dag.test()
    over.set()
    thread.join()
    with create_session() as session:
        instances = run.get_task_instances(session=session)
        details = session.scalars(select(HITLDetail)).all()
        ids = {ti.id: ti for ti in instances}
        asked = {name(ids[d.ti_id].task_id, ids[d.ti_id].map_index): question(d) for d in details if d.ti_id in ids}
        of_run = (XComModel.run_id == run.run_id, XComModel.dag_id == run.dag_id, XComModel.key == "return_value")
        values = {
            name(row.task_id, row.map_index): without_time(XComModel.deserialize_value(row))
            for row in session.scalars(select(XComModel).where(*of_run)).all()
        }
        states = {name(ti.task_id, ti.map_index): str(ti.state) for ti in instances}
    return {"run": str(run.state), "states": states, "asked": asked, "values": values}


def question(detail):
    fields = ("subject", "body", "options", "defaults", "multiple", "params")
    return {field: getattr(detail, field) for field in fields}


def without_time(value):
    return {key: each for key, each in value.items() if key != "responded_at"} if isinstance(value, dict) else value


def main(wanted):
    written = FOLDER.parent / "human_steps.json"
    rows = json.loads(written.read_text())["dags"] if wanted else {}
    dags, answers = loaded(FOLDER / "questions.py")
    for dag in dags:
        if wanted and dag.dag_id not in wanted:
            continue
        rows[dag.dag_id] = recorded(dag, answers.get(dag.dag_id, {}))
        print(f"RECORDED {dag.dag_id} {rows[dag.dag_id]['run']}", file=sys.stderr, flush=True)
    text = ",\n".join(
        f"  {json.dumps(dag_id)}: {json.dumps(row, sort_keys=True)}" for dag_id, row in sorted(rows.items())
    )
    written.write_text(f'{{"airflow": "{airflow.__version__}", "dags": {{\n{text}\n}}}}\n')


main(set(sys.argv[1:]))
