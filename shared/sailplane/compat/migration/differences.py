"""What of Airflow's names is here and does something else, or nothing."""

from collections.abc import Mapping

IGNORED = "is accepted and not acted on"
"""Of exactly the arguments that docs/airflow-differences.md lists as such."""

NAMES: Mapping[str, str] = {
    "AirflowPlugin": "is no more than a declaration: plugins are not loaded; import what you need from a module",
    "BaseOperatorLink": "is kept with the task instance and given by the REST API; the pages show no buttons",
    "PriorityWeightStrategy": "is asked when the DAG is pushed, for each try, and knows nothing of the run",
    "conf": "knows only options that the environment has as AIRFLOW__SECTION__KEY: else conf.get returns its fallback",
}
"""By the name in whatever module; each runs, but not as in Airflow."""

DAG_ARGUMENTS: Mapping[str, str] = {
    "access_control": f"{IGNORED}: roles apply to all DAGs",
}
REMOVED_DAG_ARGUMENTS: Mapping[str, str] = {
    "schedule_interval": "it is called schedule since Airflow 3",
    "timetable": "it is called schedule since Airflow 3",
    "concurrency": "it is called max_active_tasks since Airflow 3",
    "default_view": "it was removed in Airflow 3",
    "orientation": "it was removed in Airflow 3",
    "fail_stop": "it is called fail_fast since Airflow 3",
    "sla_miss_callback": "it was removed in Airflow 3",
}
TASK_ARGUMENTS: Mapping[str, str] = dict.fromkeys(
    (
        "run_as_user",
        "resources",
        "executor",
        "executor_config",
    ),
    IGNORED,
)
REMOVED_TASK_ARGUMENTS: Mapping[str, str] = {
    "provide_context": "it was removed in Airflow 2; leave it out, the context is always given",
    "task_concurrency": "it is called max_active_tis_per_dag since Airflow 2.2",
    "sla": "it was removed in Airflow 3; use execution_timeout",
}

_INTERVAL = "Airflow 3 removed it; use data_interval_start or data_interval_end"
REMOVED_CONTEXT: Mapping[str, str] = {
    "execution_date": "it is called logical_date since Airflow 3",
    **dict.fromkeys(
        (
            "next_execution_date",
            "next_ds",
            "next_ds_nodash",
            "prev_execution_date",
            "prev_execution_date_success",
            "prev_ds",
            "prev_ds_nodash",
        ),
        _INTERVAL,
    ),
    **dict.fromkeys(
        ("yesterday_ds", "yesterday_ds_nodash", "tomorrow_ds", "tomorrow_ds_nodash"),
        "Airflow 3 removed it; use macros.ds_add(ds, 1)",
    ),
    "triggering_dataset_events": "it is called triggering_asset_events since Airflow 3",
}

TASK_KINDS = frozenset(
    {
        "bash",
        "branch",
        "branch_external_python",
        "branch_virtualenv",
        "docker",
        "external_python",
        "python",
        "run_if",
        "sensor",
        "short_circuit",
        "skip_if",
        "virtualenv",
    }
)
"""What `@task.` may be followed by."""
MISSING_KINDS: Mapping[str, str] = {
    "kubernetes": "give the task a queue served by Cloud Run jobs, which run any image",
    "kubernetes_cmd": "give the task a queue served by Cloud Run jobs, which run any image",
    "pyspark": "do it in a @task",
    "stub": "do it in a @task",
}
