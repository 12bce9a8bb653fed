"""What to use instead of those of Airflow's names that Sailplane does not have."""

from collections.abc import Mapping

_PAGE = "see docs/airflow-differences.md"

_PARTITIONS = "it has no partitioned schedules; give the DAG a cron line, and work out the partition in the task"
_TRIGGERS = "it does not have this trigger; write it as a BaseTrigger in the bundle"
_TIMETABLES = "it has no such timetable; use a cron line, a timedelta, or one of its timetables"
_DATABASE = "tasks and DAG files reach no metadata database here; ask the REST API under /api/v2"
_TASK = "do it in a @task"

BY_NAME: Mapping[str, str] = {
    **dict.fromkeys(
        ("CronPartitionTimetable", "PartitionedAssetTimetable", "PartitionedAtRuntime", "Window"), _PARTITIONS
    ),
    "DagBag": "it has no DagBag; `sailplane dags test` runs a DAG on this machine",
    "XCom": "use ti.xcom_pull and ti.xcom_push of the context",
    "hookimpl": "it has no listeners; use callbacks of the DAG and its tasks",
    "poke_mode_only": "sensors have both modes; leave it out",
}

BY_MODULE: Mapping[str, str] = {
    "airflow.cli": "its command line is `sailplane`",
    "airflow.contrib": "Airflow 2 removed it; import from the module that Airflow's release notes name",
    "airflow.example_dags": "Airflow's example DAGs come with Airflow; copy what you need into the bundle",
    "airflow.executors": "there are no executors; a task names the queue that serves it",
    "airflow.jobs": "there is no scheduler process",
    "airflow.kubernetes": "give the task a queue served by Cloud Run jobs, which run any image",
    "airflow.listeners": "it has no listeners; use callbacks of the DAG and its tasks",
    "airflow.operators.subdag": "Airflow 3 removed it; use a TaskGroup",
    "airflow.partition_mappers": _PARTITIONS,
    "airflow.plugins_manager": "it loads no plugins; put the code into a module of the bundle and import that",
    "airflow.providers.amazon": f"use boto3: {_TASK}",
    "airflow.providers.cncf.kubernetes": "give the task a queue served by Cloud Run jobs, which run any image",
    "airflow.providers.docker": "give the task a queue served by Cloud Run jobs, which run any image",
    "airflow.providers.google": f"use the service's google-cloud client with GoogleBaseHook, or gcloud: {_TASK}",
    "airflow.providers.http": "use HttpOperator, HttpSensor or HttpHook",
    "airflow.providers.microsoft": f"use the service's azure client: {_TASK}",
    "airflow.providers.postgres": "use SQLExecuteQueryOperator or PostgresHook",
    "airflow.providers.sqlite": "use SQLExecuteQueryOperator or SqliteHook",
    "airflow.providers.slack": "use SlackHook or SlackWebhookHook in a @task",
    "airflow.providers.smtp": f"use SmtpHook: {_TASK}",
    "airflow.providers.ssh": f"use the ssh command, or paramiko: {_TASK}",
    "airflow.providers.standard.triggers": _TRIGGERS,
    "airflow.providers": f"use the client library of what it reaches: {_TASK}",
    "airflow.sdk.definitions.partition_mappers": _PARTITIONS,
    "airflow.secrets": "there are no backends of secrets to import; Variables and Connections come from the deployment",
    "airflow.settings": _DATABASE,
    "airflow.timetables": _TIMETABLES,
    "airflow.triggers": _TRIGGERS,
    "airflow.utils.db": _DATABASE,
    "airflow.utils.session": _DATABASE,
    "airflow.www": "its REST API is under /api/v2",
}


def for_path(path: str) -> str:
    """What to use instead of `path`, a module or a name in one."""
    name = path.rpartition(".")[2]
    found = BY_NAME.get(name) or next((BY_MODULE[module] for module in _upward(path) if module in BY_MODULE), None)
    return f"{found}; {_PAGE}" if found else f"write it in the bundle, or do without it; {_PAGE}"


def _upward(path: str) -> list[str]:
    parts = path.split(".")
    return [".".join(parts[:length]) for length in range(len(parts), 1, -1)]
