"""Record what Airflow makes of the DAGs in `mapping_dags/`: run under an Airflow installation with a database.

    AIRFLOW_HOME=SCRATCH airflow db migrate
    AIRFLOW_HOME=SCRATCH python tests/oracle/record_mapping.py [DAG_ID...]

It writes `mapping.json`, whole or the rows of the DAGs that are named. Each DAG is run by `dag.test()`. A row has the
run's state, the state of each task instance by `task` or `task[index]`, what each returned, and what instances call
themselves.
"""

import importlib.util
import json
import os
import sys
from pathlib import Path

FOLDER = Path(__file__).parent / "mapping_dags"
os.environ["AIRFLOW__CORE__DAGS_FOLDER"] = str(FOLDER)
os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"

import airflow  # noqa: E402
from airflow.models.xcom import XComModel  # noqa: E402
from airflow.sdk import DAG  # noqa: E402
from airflow.utils.session import create_session  # noqa: E402


def dags_of(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    found = []
    original = DAG.__enter__

    def entered(dag):
        found.append(dag)
        return original(dag)

    DAG.__enter__ = entered
    try:
        spec.loader.exec_module(module)
    finally:
        DAG.__enter__ = original
    return found


def name(instance):
    return instance.task_id if instance.map_index < 0 else f"{instance.task_id}[{instance.map_index}]"


def recorded(dag):
    run = dag.test()
    with create_session() as session:
        instances = {ti.id: ti for ti in run.get_task_instances(session=session)}
        stored = session.query(XComModel).filter_by(run_id=run.run_id, dag_id=dag.dag_id, key="return_value").all()
        values = {name(each): XComModel.deserialize_value(each) for each in stored}
        names = {name(ti): ti.rendered_map_index for ti in instances.values()}
        return {
            "run": str(run.state),
            "states": dict(sorted((name(ti), str(ti.state)) for ti in instances.values())),
            "values": dict(sorted(values.items())),
            "names": {each: given for each, given in names.items() if given and f"[{given}]" not in each},
        }


def main(wanted):
    written = FOLDER.parent / "mapping.json"
    rows = json.loads(written.read_text())["dags"] if wanted else {}
    for path in sorted(FOLDER.glob("*.py")):
        for dag in dags_of(path):
            if not wanted or dag.dag_id in wanted:
                rows[dag.dag_id] = {"file": path.name, **recorded(dag)}
                print(f"RECORDED {dag.dag_id} {rows[dag.dag_id]['run']}", file=sys.stderr, flush=True)
    written.write_text(json.dumps({"airflow": airflow.__version__, "dags": rows}, indent=1, sort_keys=True) + "\n")


main(set(sys.argv[1:]))
