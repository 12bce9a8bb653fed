"""A run for each night: cron, catchup, templates, params and shell commands.

It comes paused. `sailplane dags unpause nightly_backup` makes up for the nights since `start_date`, one after another.
"""

from datetime import UTC, datetime

from sailplane import DAG, BashOperator, Param

with DAG(
    "nightly_backup",
    description="Packs a folder each night, and checks the archive",
    schedule="30 2 * * *",  # Minute, hour, day, month, day of the week; in the time zone of `start_date`.
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    end_date=datetime(2026, 1, 8, tzinfo=UTC),  # Only for the example: seven nights are enough to see.
    catchup=True,  # Runs for all nights since `start_date`. False, the default: only for the latest.
    max_active_runs=1,  # One night at a time, oldest first.
    is_paused_upon_creation=True,
    tags=["example"],
    # What a run may be given: `sailplane dags trigger nightly_backup --conf '{"rows": 10}'`. Checked when it is given.
    params={"rows": Param(1000, type="integer", minimum=1, description="Rows of the made-up table")},
    doc_md=__doc__,
):
    # Commands are Jinja templates with Airflow's names: `ds` is the run's logical date. Each runs in an empty folder
    # that is gone afterwards, and the last line that it prints is the task's XCom.
    pack = BashOperator(
        task_id="pack",
        bash_command="""
            set -eu
            mkdir shop && seq {{ params.rows }} > shop/orders.csv
            tar -czf shop-{{ ds_nodash }}.tar.gz shop
            tar -tzf shop-{{ ds_nodash }}.tar.gz
            wc -l < shop/orders.csv
        """,
    )

    # `env` adds nothing to a log and needs no quoting: the right way for values from outside.
    check = BashOperator(
        task_id="check",
        bash_command='[ "$PACKED" -eq "$WANTED" ] && echo "backup of {{ ds }}: $PACKED rows"',
        env={"PACKED": "{{ ti.xcom_pull(task_ids='pack') }}", "WANTED": "{{ params.rows }}"},
        append_env=True,
    )

    pack >> check
