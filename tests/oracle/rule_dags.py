"""A DAG file for each trigger rule: tasks with that rule after each pair of end states, as tasks and as instances.

python tests/oracle/rule_dags.py one_failed        prints the one of that rule
"""

import sys

RULES = [
    "all_success",
    "all_failed",
    "all_done",
    "all_done_min_one_success",
    "all_done_setup_success",
    "all_skipped",
    "one_success",
    "one_failed",
    "one_done",
    "none_failed",
    "none_failed_min_one_success",
    "none_skipped",
    "always",
]
STATES = ("success", "failed", "skipped", "upstream_failed")
OWN = STATES[:3]
"""The states that the instance of a mapped task can end in by itself."""

TEXT = '''\
"""Every pair of upstream states before tasks with the rule {rule}."""

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, task, task_group
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

STATES = ("success", "failed", "skipped", "upstream_failed")


@task
def ends(state):
    if state in ("failed", "upstream_failed"):
        raise AirflowFailException(state)
    if state == "skipped":
        raise AirflowSkipException(state)


def source(state, place):
    """A task that ends in `state`, in one of two places."""
    if state != "upstream_failed":
        return ends.override(task_id=f"{{state}}_{{place}}")(state)
    after = EmptyOperator(task_id=f"{{state}}_{{place}}")
    ends.override(task_id=f"before_{{state}}_{{place}}")(state) >> after
    return after


def target(name):
    return EmptyOperator(task_id=name, trigger_rule="{rule}")


with DAG("rule_{rule}"):
    first = {{state: source(state, 1) for state in STATES}}
    second = {{state: source(state, 2) for state in STATES}}
    for one in STATES:
        first[one] >> target(f"after_{{one}}")
        for other in STATES:
            [first[one], second[other]] >> target(f"after_{{one}}_and_{{other}}")
    for one, other in {pairs}:
        mapped = ends.override(task_id=f"mapped_{{one}}_{{other}}").expand(state=[one, other])
        mapped >> target(f"after_mapped_{{one}}_and_{{other}}")
{in_group}'''

IN_GROUP = """
    @task_group
    def group(state):
        early = ends.override(task_id="early")("success")
        [early, ends.override(task_id="own")(state)] >> target("after")

    group.expand(state=list(STATES[:3]))
"""


def sources() -> dict[str, str]:
    """dag_id -> the text of its file."""
    return {f"rule_{rule}": source(rule) for rule in RULES}


def source(rule: str) -> str:
    pairs = [(one, other) for place, one in enumerate(OWN) for other in OWN[place:]]
    return TEXT.format(rule=rule, pairs=pairs, in_group="" if rule == "always" else IN_GROUP)


if __name__ == "__main__":
    print(source(sys.argv[1]))
