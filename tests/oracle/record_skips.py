"""Record how the DAGs in `skip_dags/` end in Airflow: run under an Airflow installation with a database.

    AIRFLOW_HOME=SCRATCH airflow db migrate
    AIRFLOW_HOME=SCRATCH python tests/oracle/record_skips.py [DAG_ID...]

It writes `skips.json`, whole or the rows of the DAGs that are named. Each DAG is run by `dag.test()`. A row has the
run's state, that of each task instance, how many tries those took that took several, and which tasks are linked to
which.
"""

import importlib.util
import json
import os
import sys
from pathlib import Path

FOLDER = Path(__file__).parent / "skip_dags"
os.environ["AIRFLOW__CORE__DAGS_FOLDER"] = str(FOLDER)
os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"
os.environ["AIRFLOW_CONN_FS_DEFAULT"] = '{"conn_type": "fs", "extra": {"path": "/"}}'

import airflow  # noqa: E402
from airflow.sdk import DAG  # noqa: E402
from airflow.utils.session import create_session  # noqa: E402


def dags_of(path):
    found, entered = [], DAG.__enter__
    DAG.__enter__ = lambda dag: found.append(dag) or entered(dag)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = sys.modules[path.stem] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    DAG.__enter__ = entered
    return found


def name(ti):
    return ti.task_id if ti.map_index < 0 else f"{ti.task_id}[{ti.map_index}]"


def recorded(dag):
    run = dag.test()
    with create_session() as session:
        instances = run.get_task_instances(session=session)
        states = {name(ti): str(ti.state) for ti in instances}
        tries = {name(ti): ti.try_number for ti in instances if ti.try_number > 1}
    return {
        "run": str(run.state),
        "states": dict(sorted(states.items())),
        **({"tries": dict(sorted(tries.items()))} if tries else {}),
        "upstream": {task.task_id: sorted(task.upstream_task_ids) for task in dag.tasks},
    }


def main(wanted):
    written = FOLDER.parent / "skips.json"
    rows = json.loads(written.read_text())["dags"] if wanted else {}
    for path in sorted(FOLDER.glob("*.py")):
        for dag in dags_of(path):
            if not wanted or dag.dag_id in wanted:
                rows[dag.dag_id] = {"file": path.name, **recorded(dag)}
                print(f"RECORDED {dag.dag_id} {rows[dag.dag_id]['run']}", file=sys.stderr, flush=True)
    text = ",\n".join(
        f"  {json.dumps(dag_id)}: {json.dumps(row, sort_keys=True)}" for dag_id, row in sorted(rows.items())
    )
    written.write_text(f'{{"airflow": "{airflow.__version__}", "dags": {{\n{text}\n}}}}\n')


main(set(sys.argv[1:]))
