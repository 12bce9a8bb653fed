"""Names of Airflow's providers, and where Sailplane has them. For the form see `sdk_paths`."""

from collections.abc import Mapping

_PYTHON = """
    PythonOperator BranchPythonOperator ShortCircuitOperator PythonVirtualenvOperator ExternalPythonOperator
    BranchExternalPythonOperator BranchPythonVirtualenvOperator get_current_context
"""
_SUBPROCESS = """
    SubprocessHook=sailplane.hooks.subprocess:SubprocessHook
    SubprocessResult=sailplane.hooks.subprocess:CommandResult
"""
_STANDARD = "airflow.providers.standard"
_GOOGLE = "airflow.providers.google.cloud"

PATHS: Mapping[str, str] = {
    f"{_STANDARD}.operators.bash airflow.operators.bash airflow.operators.bash_operator": "BashOperator",
    f"{_STANDARD}.operators.branch airflow.operators.branch airflow.operators.branch_operator": (
        "BaseBranchOperator BranchMixIn"
    ),
    f"{_STANDARD}.operators.datetime airflow.operators.datetime": "BranchDateTimeOperator",
    f"{_STANDARD}.operators.empty airflow.operators.empty": "EmptyOperator",
    "airflow.operators.dummy airflow.operators.dummy_operator": "EmptyOperator DummyOperator=EmptyOperator",
    f"{_STANDARD}.operators.hitl": "ApprovalOperator HITLBranchOperator HITLEntryOperator HITLOperator",
    f"{_STANDARD}.operators.latest_only airflow.operators.latest_only airflow.operators.latest_only_operator": (
        "LatestOnlyOperator"
    ),
    f"{_STANDARD}.operators.python airflow.operators.python airflow.operators.python_operator": _PYTHON,
    f"{_STANDARD}.operators.smooth airflow.operators.smooth": "SmoothOperator",
    f"{_STANDARD}.operators.trigger_dagrun airflow.operators.trigger_dagrun airflow.operators.dagrun_operator": (
        "TriggerDagRunOperator"
    ),
    f"{_STANDARD}.operators.weekday airflow.operators.weekday": "BranchDayOfWeekOperator",
    f"{_STANDARD}.sensors.bash airflow.sensors.bash": "BashSensor",
    f"{_STANDARD}.sensors.date_time airflow.sensors.date_time airflow.sensors.date_time_sensor": (
        "DateTimeSensor DateTimeSensorAsync"
    ),
    f"{_STANDARD}.sensors.external_task airflow.sensors.external_task airflow.sensors.external_task_sensor": (
        "ExternalTaskSensor ExternalTaskMarker"
    ),
    f"{_STANDARD}.sensors.filesystem airflow.sensors.filesystem": "FileSensor",
    f"{_STANDARD}.sensors.python airflow.sensors.python": "PythonSensor",
    f"{_STANDARD}.sensors.time airflow.sensors.time_sensor": "TimeSensor TimeSensorAsync",
    f"{_STANDARD}.sensors.time_delta airflow.sensors.time_delta": "TimeDeltaSensor TimeDeltaSensorAsync WaitSensor",
    f"{_STANDARD}.sensors.weekday airflow.sensors.weekday": "DayOfWeekSensor",
    f"{_STANDARD}.hooks.subprocess airflow.hooks.subprocess": _SUBPROCESS,
    f"{_STANDARD}.hooks.filesystem airflow.hooks.filesystem": "FSHook",
    f"{_STANDARD}.triggers.temporal airflow.triggers.temporal": "DateTimeTrigger TimeDeltaTrigger",
    f"{_STANDARD}.triggers.file airflow.triggers.file": "FileTrigger FileDeleteTrigger DirectoryFileDeleteTrigger",
    f"{_STANDARD}.triggers.external_task": "DagStateTrigger WorkflowTrigger",
    f"{_STANDARD}.utils.weekday airflow.utils.weekday": "WeekDay",
    f"{_STANDARD}.utils.skipmixin": "SkipMixin",
    f"{_STANDARD}.exceptions": """
        HITLRejectException=sailplane.authoring.exceptions:HITLRejectException
        HITLTimeoutError=sailplane.authoring.exceptions:HITLTimeoutError
        HITLTriggerEventError=sailplane.authoring.exceptions:HITLTriggerEventError
    """,
    f"{_GOOGLE}.hooks.gcs": "GCSHook",
    f"{_GOOGLE}.hooks.bigquery": "BigQueryHook",
    f"{_GOOGLE}.hooks.cloud_run": "CloudRunHook",
    f"{_GOOGLE}.hooks.functions": "CloudFunctionsHook",
    f"{_GOOGLE}.hooks.pubsub": "PubSubHook PubSubException=sailplane.hooks.pubsub:PubSubException",
    "airflow.providers.google.common.hooks.base_google": "GoogleBaseHook",
    f"{_GOOGLE}.sensors.gcs": """
        GCSObjectExistenceSensor GCSObjectExistenceAsyncSensor GCSObjectUpdateSensor
        GCSObjectsWithPrefixExistenceSensor GCSUploadSessionCompleteSensor
    """,
    f"{_GOOGLE}.sensors.bigquery": "BigQueryTableExistenceSensor BigQueryTablePartitionExistenceSensor",
    f"{_GOOGLE}.sensors.pubsub": "PubSubPullSensor",
    f"{_GOOGLE}.triggers.bigquery": """
        BigQueryInsertJobTrigger=sailplane.triggers.bigquery:BigQueryInsertJobTrigger
        BigQueryTableExistenceTrigger=sailplane.triggers.bigquery:BigQueryTableExistenceTrigger
    """,
    f"{_GOOGLE}.triggers.pubsub": "PubsubPullTrigger=sailplane.triggers.pubsub:PubsubPullTrigger",
    f"{_GOOGLE}.operators.gcs": """
        GCSCreateBucketOperator GCSDeleteBucketOperator GCSDeleteObjectsOperator GCSFileTransformOperator
        GCSListObjectsOperator GCSSynchronizeBucketsOperator
    """,
    f"{_GOOGLE}.operators.bigquery": """
        BigQueryCheckOperator BigQueryCreateEmptyDatasetOperator BigQueryCreateTableOperator
        BigQueryDeleteDatasetOperator BigQueryGetDatasetTablesOperator BigQueryUpdateTableOperator
        BigQueryColumnCheckOperator BigQueryIntervalCheckOperator BigQueryTableCheckOperator
        BigQueryGetDatasetOperator BigQueryUpdateTableSchemaOperator BigQueryUpsertTableOperator
        IfExistAction=sailplane.operators.bigquery_tables:IfExistAction
        BigQueryDeleteTableOperator BigQueryGetDataOperator BigQueryInsertJobOperator BigQueryValueCheckOperator
    """,
    f"{_GOOGLE}.operators.pubsub": """
        PubSubCreateSubscriptionOperator PubSubCreateTopicOperator PubSubDeleteSubscriptionOperator
        PubSubDeleteTopicOperator PubSubPublishMessageOperator PubSubPullOperator
    """,
    f"{_GOOGLE}.operators.cloud_run": "CloudRunExecuteJobOperator",
    f"{_GOOGLE}.operators.functions": "CloudFunctionInvokeFunctionOperator",
    f"{_GOOGLE}.transfers.gcs_to_bigquery": "GCSToBigQueryOperator",
    f"{_GOOGLE}.transfers.bigquery_to_bigquery": "BigQueryToBigQueryOperator",
    f"{_GOOGLE}.transfers.bigquery_to_gcs": "BigQueryToGCSOperator",
    f"{_GOOGLE}.transfers.gcs_to_gcs": "GCSToGCSOperator",
    f"{_GOOGLE}.transfers.gcs_to_local": "GCSToLocalFilesystemOperator",
    f"{_GOOGLE}.transfers.local_to_gcs": "LocalFilesystemToGCSOperator",
    "airflow.providers.docker.operators.docker": "DockerOperator",
    "airflow.providers.docker.hooks.docker": "DockerHook=sailplane.hooks.docker:DockerHook",
    "airflow.providers.docker.exceptions": (
        "DockerContainerFailedException=sailplane.operators.docker:DockerContainerFailedException"
    ),
    "airflow.providers.http.operators.http": "HttpOperator SimpleHttpOperator=HttpOperator",
    "airflow.providers.http.sensors.http": "HttpSensor",
    "airflow.providers.http.hooks.http": "HttpHook",
    "airflow.providers.http.triggers.http": "HttpSensorTrigger",
    f"{_GOOGLE}.triggers.gcs": "GCSBlobTrigger GCSCheckBlobUpdateTimeTrigger GCSPrefixBlobTrigger",
    "airflow.providers.common.sql.operators.sql": (
        "SQLExecuteQueryOperator SQLCheckOperator SQLValueCheckOperator SQLThresholdCheckOperator "
        "SQLIntervalCheckOperator SQLColumnCheckOperator SQLTableCheckOperator BranchSQLOperator"
    ),
    "airflow.providers.common.sql.sensors.sql": "SqlSensor",
    "airflow.providers.common.sql.hooks.sql": "DbApiHook",
    "airflow.providers.common.sql.hooks.handlers": """
        fetch_all_handler=sailplane.hooks.sql:fetch_all_handler
        fetch_one_handler=sailplane.hooks.sql:fetch_one_handler
    """,
    "airflow.providers.postgres.hooks.postgres": "PostgresHook",
    "airflow.providers.sqlite.hooks.sqlite": "SqliteHook",
    "airflow.providers.slack.hooks.slack": "SlackHook",
    "airflow.providers.slack.operators.slack": "SlackAPIOperator SlackAPIPostOperator",
    "airflow.providers.slack.notifications.slack": "SlackNotifier send_slack_notification",
    "airflow.providers.slack.hooks.slack_webhook": "SlackWebhookHook",
    "airflow.providers.slack.operators.slack_webhook": "SlackWebhookOperator",
    "airflow.providers.slack.notifications.slack_webhook": "SlackWebhookNotifier send_slack_webhook_notification",
    "airflow.providers.smtp.operators.smtp airflow.operators.email": "EmailOperator",
    "airflow.providers.smtp.hooks.smtp": "SmtpHook",
    "airflow.providers.smtp.utils.emailer": "send_email",
    "airflow.providers.smtp.notifications.smtp": "SmtpNotifier send_smtp_notification",
}
