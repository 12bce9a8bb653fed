"""Records what Airflow makes of the DAGs in `airflow_structures.json`, in that file.

Run it with the Python of an environment that has Airflow 3.3 with its standard provider. Tests compare with the record.
"""

import json
from pathlib import Path
from typing import Any

RECORD = Path(__file__).with_name("airflow_structures.json")

AIRFLOW = """
from datetime import datetime, timedelta
from airflow.sdk import DAG, Label, TaskGroup, chain, chain_linear, cross_downstream, task, task_group
from airflow.providers.standard.operators.bash import BashOperator
from airflow.providers.standard.operators.empty import EmptyOperator as E
from airflow.providers.standard.operators.python import PythonOperator
"""

SAILPLANE = """
from datetime import datetime, timedelta
from sailplane import DAG, Label, TaskGroup, chain, chain_linear, cross_downstream, task, task_group
from sailplane import BashOperator, EmptyOperator as E, PythonOperator
"""


def structure(header: str, source: list[str]) -> object:
    """The DAG's tasks by id, or the name of the error that its declaration ends in."""
    body = "\n".join(f"    {line}" for line in source)
    names: dict[str, Any] = {}
    try:
        exec(f"{header}\nwith DAG('x', default_args={{'retries': 2}}) as dag:\n{body}\n", names)
    except Exception as error:
        return type(error).__name__
    return {task.task_id: _facts(task) for task in sorted(names["dag"].tasks, key=lambda task: task.task_id)}


def _facts(task: Any) -> dict[str, object]:
    group = task.task_group
    facts = {
        "upstream": sorted(task.upstream_task_ids),
        "group": group.group_id if group else None,
        "owner": task.owner,
        "retries": task.retries,
        "retry_delay": task.retry_delay.total_seconds(),
        "depends_on_past": task.depends_on_past,
        "multiple_outputs": task.multiple_outputs,
        "doc_md": task.doc_md,
    }
    usual = {"group": None, "owner": "airflow", "retries": 2, "retry_delay": 300.0, "doc_md": None}
    return {name: value for name, value in facts.items() if value != usual.get(name, False)}


def main() -> None:
    cases = json.loads(RECORD.read_text())
    recorded = [{**case, "airflow": structure(AIRFLOW, case["source"])} for case in cases]
    lines = ",\n".join(json.dumps(case) for case in recorded)
    RECORD.write_text(f"[\n{lines}\n]\n")


if __name__ == "__main__":
    main()
