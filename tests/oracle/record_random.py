"""Record how random DAGs end in Airflow: run under an Airflow installation with a database.

    AIRFLOW_HOME=SCRATCH airflow db migrate
    AIRFLOW_HOME=SCRATCH python tests/oracle/record_random.py FIRST LAST
    AIRFLOW_HOME=SCRATCH python tests/oracle/record_random.py rules

The first writes the rows of these seeds into `random.json`: each DAG of `random_dags.py` is run twice by `dag.test()`,
and a seed for which Airflow has two answers is left out. The second writes `rules.json`: the DAGs of `rule_dags.py`. A
row has the run's state, that of each task instance, how many tries those took that took several, what they returned
(branches apart) and which tasks wait for which.
"""

import hashlib
import importlib.util
import json
import os
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
FOLDER = Path(tempfile.mkdtemp())
os.environ["AIRFLOW__CORE__DAGS_FOLDER"] = str(FOLDER)
os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"
os.environ["AIRFLOW__LOGGING__LOGGING_LEVEL"] = "ERROR"
sys.path.insert(0, str(HERE))

import airflow  # noqa: E402
import random_dags  # noqa: E402
import rule_dags  # noqa: E402
from airflow.models.renderedtifields import RenderedTaskInstanceFields  # noqa: E402
from airflow.models.xcom import XComModel  # noqa: E402
from airflow.sdk import DAG  # noqa: E402
from airflow.utils.session import create_session  # noqa: E402


def dag_of(name, text):
    """The DAG of a file that stands alone in the folder: Airflow reads the whole folder for each run."""
    for old in FOLDER.glob("*.py"):
        old.unlink()
    path = FOLDER / f"{name}.py"
    path.write_text(text)
    found, entered = [], DAG.__enter__
    DAG.__enter__ = lambda dag: found.append(dag) or entered(dag)
    spec = importlib.util.spec_from_file_location(name, path)
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    DAG.__enter__ = entered
    (dag,) = found
    return dag


def name(ti):
    return ti.task_id if ti.map_index < 0 else f"{ti.task_id}[{ti.map_index}]"


def recorded(dag):
    run = dag.test()
    with create_session() as session:
        instances = run.get_task_instances(session=session)
        stored = session.query(XComModel).filter_by(run_id=run.run_id, dag_id=dag.dag_id, key="return_value").all()
        shown = session.query(RenderedTaskInstanceFields).filter_by(run_id=run.run_id, dag_id=dag.dag_id).all()
        labels = {name(each): (each.rendered_fields.get("op_kwargs") or {}).get("label") for each in shown}
        return {
            "run": str(run.state),
            "states": {name(ti): str(ti.state) for ti in instances},
            "tries": {name(ti): ti.try_number for ti in instances if ti.try_number > 1},
            "values": {
                name(each): XComModel.deserialize_value(each)
                for each in stored
                if not random_dags.is_head(each.task_id)
            },
            "labels": {each: label for each, label in labels.items() if label},
            "upstream": {task.task_id: sorted(task.upstream_task_ids) for task in dag.tasks if task.upstream_task_ids},
        }


def row(dag_id, text, runs):
    first, *others = [recorded(dag_of(dag_id, text)) for _ in range(runs)]
    if any(each != first for each in others):
        print(f"TWO ANSWERS {dag_id}", file=sys.stderr, flush=True)
        return None
    print(f"RECORDED {dag_id} {first['run']}", file=sys.stderr, flush=True)
    return {
        "text": hashlib.sha256(text.encode()).hexdigest()[:12],
        **{key: part for key, part in first.items() if part},
    }


def write(path, rows):
    text = ",\n".join(f"  {json.dumps(key)}: {json.dumps(rows[key], sort_keys=True)}" for key in sorted(rows))
    path.write_text(f'{{"airflow": "{airflow.__version__}", "dags": {{\n{text}\n}}}}\n')


def record_random(first, last):
    path = HERE / "random.json"
    rows = json.loads(path.read_text())["dags"] if path.exists() else {}
    for seed in range(first, last + 1):
        dag_id = random_dags.dag_id(seed)
        made = row(dag_id, random_dags.source(seed), 2)
        rows.pop(dag_id, None)
        rows |= {dag_id: made} if made else {}
        write(path, rows)


def record_rules():
    write(HERE / "rules.json", {dag_id: row(dag_id, text, 1) for dag_id, text in rule_dags.sources().items()})


if sys.argv[1] == "rules":
    record_rules()
else:
    record_random(int(sys.argv[1]), int(sys.argv[2]))
