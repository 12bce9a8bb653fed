"""Record how Airflow's own example DAGs end: run under an Airflow installation with a database.

    AIRFLOW_HOME=SCRATCH airflow db migrate
    AIRFLOW_HOME=SCRATCH python tests/oracle/record_airflow_examples.py [DAG_ID...]

It writes `airflow_examples.json`, whole or the rows of the DAGs that are named: by DAG, the state of the run and that
of each task instance, by `task` or `task[index]`. Each DAG is run by `dag.test()` with a time limit; one that does not
end in time, or cannot be run alone, has the reason instead.
"""

import importlib.util
import json
import os
import shutil
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path

os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"

PACKAGE = Path(importlib.util.find_spec("airflow").origin).parent
FOLDERS = ("example_dags", "providers/standard/example_dags")
BUNDLE = Path(os.environ["AIRFLOW_HOME"]) / "recorded"
"""Holds one file at a time, with what lies beside it: others may need plugins."""
os.environ["AIRFLOW__CORE__DAGS_FOLDER"] = str(BUNDLE)

import airflow  # noqa: E402
from airflow.sdk import DAG  # noqa: E402
from airflow.utils.session import create_session  # noqa: E402

SECONDS = 60
LOGICAL_DATE = datetime(2026, 3, 1, 12, tzinfo=UTC)
WRITTEN = Path(__file__).parent / "airflow_examples.json"


class TooSlow(BaseException):
    pass


def ring(_number, _frame):
    raise TooSlow


def copied(path):
    """The file alone in the bundle."""
    shutil.rmtree(BUNDLE, ignore_errors=True)
    others = {each.name for each in path.parent.glob("*.py")} - {path.name}
    shutil.copytree(path.parent, BUNDLE, ignore=lambda folder, _: others if Path(folder) == path.parent else ())
    shutil.rmtree(BUNDLE / "plugins", ignore_errors=True)
    return BUNDLE / path.name


def dags_of(path):
    name = path.stem
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    found = {}
    original = DAG.__enter__

    def entered(dag):
        found[dag.dag_id] = dag
        return original(dag)

    DAG.__enter__ = entered
    try:
        spec.loader.exec_module(module)
    finally:
        DAG.__enter__ = original
    return found | {each.dag_id: each for each in vars(module).values() if isinstance(each, DAG)}


def name(instance):
    return instance.task_id if instance.map_index < 0 else f"{instance.task_id}[{instance.map_index}]"


def recorded(dag):
    signal.alarm(SECONDS)
    try:
        run = dag.test(logical_date=LOGICAL_DATE)
        with create_session() as session:
            states = {name(ti): str(ti.state) for ti in run.get_task_instances(session=session)}
    except (TooSlow, Exception) as error:
        return {"not_run": f"{type(error).__name__}: {error}".splitlines()[0][:200]}
    finally:
        signal.alarm(0)
    return {"run": str(run.state), "states": dict(sorted(states.items()))}


def main(wanted):
    signal.signal(signal.SIGALRM, ring)
    rows = json.loads(WRITTEN.read_text())["dags"] if wanted and WRITTEN.exists() else {}
    for path in (path for folder in FOLDERS for path in sorted((PACKAGE / folder).glob("*.py"))):
        for dag_id, dag in dags_of(copied(path)).items():
            if not wanted or dag_id in wanted:
                rows[dag_id] = {"file": path.name, **recorded(dag)}
                print(f"RECORDED {dag_id} {rows[dag_id].get('run')}", file=sys.stderr, flush=True)
                content = {"airflow": airflow.__version__, "dags": rows}
                WRITTEN.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n")


main(set(sys.argv[1:]))
