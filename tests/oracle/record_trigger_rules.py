"""Record Airflow's trigger rule verdicts: run under an Airflow installation, nothing is started or stored.

    python tests/oracle/record_trigger_rules.py > tests/oracle/trigger_rules.json

Each row says in which states the upstream task instances are and what Airflow's scheduler then does with the task:
`run`, `wait`, `skipped` or `upstream_failed`. `pairs` have two upstream tasks, with every trigger rule (and, for the
rule that asks for setups, with none, one or both of them setups); `shapes` are small DAGs with setups and teardowns,
one row per target task and mix of states.
"""

import itertools
import json
import sys
from types import SimpleNamespace

import airflow
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG
from airflow.serialization.serialized_objects import DagSerialization
from airflow.task.trigger_rule import TriggerRule
from airflow.ti_deps.dep_context import DepContext
from airflow.ti_deps.deps.trigger_rule_dep import TriggerRuleDep

ENDED = ("success", "failed", "skipped", "upstream_failed", "removed")
UNENDED = "none"

SHAPES = {
    "teardown_after_chain": {"s": "setup", "a": ["s"], "b": ["a"], "t": ["b", "s"]},
    "setup_without_teardown": {"s": "setup", "a": ["s"], "b": ["a"]},
    "teardown_after_early_join": {"s": "setup", "a": ["s"], "c": ["s"], "b": ["a", "c"], "t": ["b", "s"]},
    "two_setups": {"r": "setup", "s": "setup", "a": ["r", "s"], "b": ["a"], "t": ["b", "r", "s"]},
    "behind_the_teardown": {"s": "setup", "a": ["s"], "t": ["a", "s"], "b": ["a"], "d": ["t", "b"]},
}


def pair_dag(rule, setups):
    with DAG("pairs", schedule=None) as dag:
        target = EmptyOperator(task_id="target", trigger_rule=rule)
        for name in ("a", "b"):
            upstream = EmptyOperator(task_id=name)
            if name in setups:
                upstream.as_setup()
            upstream >> target
    return serialized(dag)


def shape_dag(name):
    tasks = {}
    with DAG(name, schedule=None) as dag:
        for task_id, upstream in SHAPES[name].items():
            tasks[task_id] = EmptyOperator(task_id=task_id)
            if upstream == "setup":
                tasks[task_id].as_setup()
                continue
            for upstream_id in upstream:
                tasks[upstream_id] >> tasks[task_id]
            if task_id == "t":
                tasks[task_id].as_teardown()
    return serialized(dag)


def serialized(dag):
    return DagSerialization.from_dict(DagSerialization.to_dict(dag))


def verdict(dag, target_id, states):
    """What becomes of the task instance `target_id` when the scheduler looks at it."""
    task = dag.get_task(target_id)
    became = []
    instance = SimpleNamespace(
        task=task,
        task_id=target_id,
        dag_id=dag.dag_id,
        run_id="run",
        map_index=-1,
        get_dagrun=lambda session: None,
        set_state=lambda state, session: became.append(state.value) or True,
    )
    ended = [
        SimpleNamespace(task_id=task_id, map_index=-1, state=state, task=dag.get_task(task_id))
        for task_id, state in states.items()
        if state != UNENDED
    ]
    context = DepContext(flag_upstream_failed=True, finished_tis=ended)
    statuses = list(TriggerRuleDep()._get_dep_statuses(instance, context, session=None))
    if became:
        return became[0]
    return "run" if all(status.passed for status in statuses) else "wait"


def pairs():
    for rule in TriggerRule:
        for setups in ("", "a", "ab") if rule is TriggerRule.ALL_DONE_SETUP_SUCCESS else ("",):
            dag = pair_dag(rule, setups)
            for first, second in itertools.product((*ENDED, UNENDED), repeat=2):
                yield [rule.value, setups, first, second, verdict(dag, "target", {"a": first, "b": second})]


def shapes():
    states = ("success", "failed", "skipped", UNENDED)
    for name, tasks in SHAPES.items():
        dag = shape_dag(name)
        for target in tasks:
            above = [
                task_id for task_id in tasks if task_id in dag.get_task(target).get_flat_relative_ids(upstream=True)
            ]
            for mix in itertools.product(states, repeat=len(above)):
                known = dict(zip(above, mix, strict=True))
                if above:
                    yield [name, target, known, verdict(dag, target, known)]


def main():
    lines = [f'"airflow": {json.dumps(airflow.__version__)}', f'"shapes_of": {json.dumps(shape_records())}']
    lines += [table("pairs", pairs()), table("shapes", shapes())]
    sys.stdout.write("{" + ",\n".join(lines) + "}\n")


def shape_records():
    """Each shape's tasks as [task_id, upstream task_ids, trigger rule, is setup, is teardown], in topological order."""
    return {name: [record(shape_dag(name).get_task(task_id)) for task_id in tasks] for name, tasks in SHAPES.items()}


def record(task):
    return [task.task_id, sorted(task.upstream_task_ids), str(task.trigger_rule), task.is_setup, task.is_teardown]


def table(name, rows):
    return f"{json.dumps(name)}: [\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]"


main()
