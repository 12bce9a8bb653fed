"""DAGs whose tasks ask a person; `ANSWERS` has what is answered. Airflow and Sailplane run them as they are."""

from datetime import timedelta

import pendulum
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.providers.standard.operators.hitl import (
    ApprovalOperator,
    HITLBranchOperator,
    HITLEntryOperator,
    HITLOperator,
)
from airflow.sdk import DAG, Param, TaskGroup, task

START = pendulum.datetime(2026, 1, 1, tz="UTC")
SOON = timedelta(seconds=1)
ANSWERS = {
    "approve": {"ask": "Approve"},
    "reject": {"ask": "Reject"},
    "reject_far": {"ask": "Reject"},
    "reject_fails": {"ask": "Reject"},
    "reject_spares_teardowns": {"ask": "Reject"},
    "reject_at_the_end": {"ask": "Reject"},
    "in_time": {"ask": "Approve"},
    "one_option": {"ask": "b"},
    "several_options": {"ask": ["c", "a"]},
    "form": {"ask": {"chosen_options": ["OK"], "params_input": {"n": 7, "text": "x"}}},
    "form_left_empty": {"ask": {"chosen_options": ["OK"], "params_input": {}}},
    "form_that_does_not_fit": {"ask": {"chosen_options": ["OK"], "params_input": {"n": "seven", "text": "x"}}},
    "form_with_a_field_left_out": {"ask": {"chosen_options": ["OK"], "params_input": {"n": 7}}},
    "branch": {"ask": "left"},
    "branch_by_name": {"ask": "To the right"},
    "branch_to_both": {"ask": ["left", "right"]},
    "branch_to_a_group": {"ask": "group"},
    "branch_nowhere": {"ask": "nowhere"},
    "mapped": {"ask": "a"},
    "templated": {"ask": "a"},
}


def dag(dag_id):
    return DAG(dag_id, start_date=START, schedule=None)


def approval(dag_id, **arguments):
    with dag(dag_id):
        ask = ApprovalOperator(task_id="ask", subject="?", **arguments)
        near = EmptyOperator(task_id="near")
        ask >> near >> EmptyOperator(task_id="far", trigger_rule="all_done")


approval("approve")
approval("reject")
approval("reject_far", ignore_downstream_trigger_rules=True)
approval("reject_fails", fail_on_reject=True)
approval("in_time", defaults="Reject", response_timeout=timedelta(hours=1))
approval("default_approves", defaults="Approve", response_timeout=SOON)
approval("default_rejects", defaults=["Reject"], response_timeout=SOON)
approval("default_rejects_and_fails", defaults="Reject", response_timeout=SOON, fail_on_reject=True)
approval("nobody_answers", response_timeout=SOON)

with dag("reject_spares_teardowns"):
    clean = EmptyOperator(task_id="clean").as_teardown()
    ask = ApprovalOperator(task_id="ask", subject="?", ignore_downstream_trigger_rules=True)
    ask >> EmptyOperator(task_id="work") >> clean
    ask >> clean

with dag("reject_at_the_end"):
    EmptyOperator(task_id="before") >> ApprovalOperator(task_id="ask", subject="?")

with dag("one_option"):
    HITLOperator(task_id="ask", subject="?", options=["a", "b"])

with dag("several_options"):
    HITLOperator(task_id="ask", subject="?", options=["a", "b", "c"], multiple=True)

with dag("several_defaults"):
    HITLOperator(
        task_id="ask", subject="?", options=["a", "b"], multiple=True, defaults=["a", "b"], response_timeout=SOON
    )


def form():
    return {"n": Param(3, type="integer"), "text": Param("hello", type="string")}


for dag_id in ("form", "form_left_empty", "form_that_does_not_fit", "form_with_a_field_left_out"):
    with dag(dag_id):
        entry = HITLEntryOperator(task_id="ask", subject="?", params=form())
        entry >> EmptyOperator(task_id="after")

with dag("form_by_default"):
    HITLEntryOperator(task_id="ask", subject="?", params=form(), response_timeout=SOON)

for dag_id, more in (
    ("branch", {"options": ["left", "right"]}),
    ("branch_by_name", {"options": ["left", "To the right"], "options_mapping": {"To the right": "right"}}),
    ("branch_to_both", {"options": ["left", "right"], "multiple": True}),
    ("branch_to_a_group", {"options": ["left", "group"]}),
    ("branch_nowhere", {"options": ["left", "nowhere"]}),
    ("branch_by_default", {"options": ["left", "right"], "defaults": "right", "response_timeout": SOON}),
):
    with dag(dag_id):
        ask = HITLBranchOperator(task_id="ask", subject="?", **more)
        ends = [EmptyOperator(task_id=name) for name in ("left", "right")]
        with TaskGroup("group") as group:
            EmptyOperator(task_id="first") >> EmptyOperator(task_id="second")
        ask >> [*ends, group]
        [*ends, group] >> EmptyOperator(task_id="join", trigger_rule="none_failed_min_one_success")

with dag("mapped"):
    HITLOperator.partial(task_id="ask", options=["a", "b"]).expand(subject=["first", "second"])

with dag("templated"):
    HITLOperator(task_id="ask", subject="{{ dag.dag_id }} {{ 1 + 1 }}", body="{{ task.task_id }}", options=["a"])

with dag("failing_before"):

    @task
    def fails():
        raise ValueError("no")

    fails() >> ApprovalOperator(task_id="ask", subject="?")
