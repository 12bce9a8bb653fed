"""Sailplane: Airflow-style orchestration on Google Cloud with no engine running.

The names below are what DAG files import. Each is imported when first used, so that `import sailplane` costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from sailplane.exports import HOMES

if TYPE_CHECKING:
    from sailplane.authoring.asset_conditions import AssetAll, AssetAny
    from sailplane.authoring.asset_schedules import AssetOrTimeSchedule
    from sailplane.authoring.assets import (
        Asset,
        AssetAccessControl,
        AssetAlias,
        AssetAliasUniqueKey,
        AssetNameRef,
        AssetRef,
        AssetUniqueKey,
        AssetUriRef,
        AssetWatcher,
        Dataset,
        Metadata,
        Model,
    )
    from sailplane.authoring.async_operator import BaseAsyncOperator
    from sailplane.authoring.configuration import Configuration
    from sailplane.authoring.connection import Connection
    from sailplane.authoring.dag import DAG, dag
    from sailplane.authoring.deadlines import (
        AsyncCallback,
        BaseDeadlineReference,
        DeadlineAlert,
        DeadlineReference,
        SyncCallback,
        VariableInterval,
        deadline_reference,
    )
    from sailplane.authoring.dependencies import EdgeModifier, Label, chain, chain_linear, cross_downstream
    from sailplane.authoring.exceptions import (
        AirflowException,
        AirflowFailException,
        AirflowNotFoundException,
        AirflowRescheduleException,
        AirflowSensorTimeout,
        AirflowSkipException,
        AirflowTaskTimeout,
        DuplicateTaskIdFound,
        ParamValidationError,
        TaskDeferralError,
        TaskDeferralTimeout,
        TaskDeferred,
        XComNotFound,
    )
    from sailplane.authoring.literal import literal
    from sailplane.authoring.masking import mask_secret, redact
    from sailplane.authoring.notifier import BaseNotifier
    from sailplane.authoring.operator import BaseOperator
    from sailplane.authoring.operator_links import BaseOperatorLink
    from sailplane.authoring.params import Param, ParamsDict
    from sailplane.authoring.result_cache import task_inputs
    from sailplane.authoring.resumable_job import ResumableJobMixin
    from sailplane.authoring.retry_policy import (
        ExceptionRetryPolicy,
        RetryAction,
        RetryDecision,
        RetryPolicy,
        RetryRule,
    )
    from sailplane.authoring.scopes import get_current_context
    from sailplane.authoring.setup_teardown import context_wrapper, setup, teardown
    from sailplane.authoring.state_store import NEVER_EXPIRE
    from sailplane.authoring.task_instance import TaskInstance
    from sailplane.authoring.taskflow import result, task
    from sailplane.authoring.taskgroup import TaskGroup, task_group
    from sailplane.authoring.timetable_base import DagRunInfo, DataInterval, TimeRestriction, Timetable
    from sailplane.authoring.timetables import (
        ContinuousTimetable,
        CronDataIntervalTimetable,
        CronTriggerTimetable,
        DeltaDataIntervalTimetable,
        DeltaTriggerTimetable,
        EventsTimetable,
        MultipleCronTriggerTimetable,
        NullTimetable,
        OnceTimetable,
    )
    from sailplane.authoring.trigger import (
        BaseEventTrigger,
        BaseTrigger,
        StartTriggerArgs,
        TaskFailedEvent,
        TaskSkippedEvent,
        TaskSuccessEvent,
        TriggerEvent,
    )
    from sailplane.authoring.variable import Variable
    from sailplane.authoring.weekday import WeekDay
    from sailplane.authoring.xcom_arg import XComArg
    from sailplane.hooks.base import BaseHook
    from sailplane.hooks.bigquery import BigQueryHook
    from sailplane.hooks.cloud_run import CloudRunHook
    from sailplane.hooks.filesystem import FSHook
    from sailplane.hooks.functions import CloudFunctionsHook
    from sailplane.hooks.gcs import GCSHook
    from sailplane.hooks.google import GoogleBaseHook
    from sailplane.hooks.http import HttpHook
    from sailplane.hooks.object_storage import ObjectStoragePath
    from sailplane.hooks.pubsub import PubSubHook
    from sailplane.hooks.slack import SlackHook, SlackWebhookHook
    from sailplane.hooks.smtp import SmtpHook, send_email
    from sailplane.hooks.sql import DbApiHook, PostgresHook, SqliteHook
    from sailplane.model.states import TriggerRule
    from sailplane.notifiers.slack import (
        SlackNotifier,
        SlackWebhookNotifier,
        send_slack_notification,
        send_slack_webhook_notification,
    )
    from sailplane.notifiers.smtp import SmtpNotifier, send_smtp_notification
    from sailplane.operators.asset import asset
    from sailplane.operators.bash import BashOperator
    from sailplane.operators.bigquery import BigQueryInsertJobOperator
    from sailplane.operators.bigquery_checks import (
        BigQueryCheckOperator,
        BigQueryColumnCheckOperator,
        BigQueryGetDataOperator,
        BigQueryIntervalCheckOperator,
        BigQueryTableCheckOperator,
        BigQueryValueCheckOperator,
    )
    from sailplane.operators.bigquery_tables import (
        BigQueryCreateEmptyDatasetOperator,
        BigQueryCreateTableOperator,
        BigQueryDeleteDatasetOperator,
        BigQueryDeleteTableOperator,
        BigQueryGetDatasetOperator,
        BigQueryGetDatasetTablesOperator,
        BigQueryUpdateTableOperator,
        BigQueryUpdateTableSchemaOperator,
        BigQueryUpsertTableOperator,
    )
    from sailplane.operators.bigquery_transfers import (
        BigQueryToBigQueryOperator,
        BigQueryToGCSOperator,
        GCSToBigQueryOperator,
    )
    from sailplane.operators.branch import (
        BaseBranchOperator,
        BranchMixIn,
        BranchPythonOperator,
        ShortCircuitOperator,
        SkipMixin,
    )
    from sailplane.operators.cloud_run import CloudRunExecuteJobOperator
    from sailplane.operators.datetime import BranchDateTimeOperator
    from sailplane.operators.docker import DockerOperator
    from sailplane.operators.email import EmailOperator
    from sailplane.operators.empty import EmptyOperator
    from sailplane.operators.functions import CloudFunctionInvokeFunctionOperator
    from sailplane.operators.gcs import (
        GCSCreateBucketOperator,
        GCSDeleteBucketOperator,
        GCSDeleteObjectsOperator,
        GCSFileTransformOperator,
        GCSListObjectsOperator,
    )
    from sailplane.operators.gcs_transfers import (
        GCSSynchronizeBucketsOperator,
        GCSToGCSOperator,
        GCSToLocalFilesystemOperator,
        LocalFilesystemToGCSOperator,
    )
    from sailplane.operators.hitl import ApprovalOperator, HITLBranchOperator, HITLEntryOperator, HITLOperator
    from sailplane.operators.http import HttpOperator
    from sailplane.operators.latest_only import LatestOnlyOperator
    from sailplane.operators.pubsub import (
        PubSubCreateSubscriptionOperator,
        PubSubCreateTopicOperator,
        PubSubDeleteSubscriptionOperator,
        PubSubDeleteTopicOperator,
        PubSubPublishMessageOperator,
        PubSubPullOperator,
    )
    from sailplane.operators.python import PythonOperator
    from sailplane.operators.slack import SlackAPIOperator, SlackAPIPostOperator, SlackWebhookOperator
    from sailplane.operators.smooth import SmoothOperator
    from sailplane.operators.sql import (
        BranchSQLOperator,
        SQLCheckOperator,
        SQLExecuteQueryOperator,
        SQLValueCheckOperator,
    )
    from sailplane.operators.sql_checks import (
        SQLColumnCheckOperator,
        SQLIntervalCheckOperator,
        SQLTableCheckOperator,
        SQLThresholdCheckOperator,
    )
    from sailplane.operators.trigger_dagrun import TriggerDagRunOperator
    from sailplane.operators.virtualenv import (
        BranchExternalPythonOperator,
        BranchPythonVirtualenvOperator,
        ExternalPythonOperator,
        PythonVirtualenvOperator,
    )
    from sailplane.operators.weekday import BranchDayOfWeekOperator
    from sailplane.sensors.base import BaseSensorOperator, PokeReturnValue
    from sailplane.sensors.bash import BashSensor
    from sailplane.sensors.bigquery import BigQueryTableExistenceSensor, BigQueryTablePartitionExistenceSensor
    from sailplane.sensors.external_task import ExternalTaskMarker, ExternalTaskSensor
    from sailplane.sensors.filesystem import FileSensor
    from sailplane.sensors.gcs import (
        GCSObjectExistenceAsyncSensor,
        GCSObjectExistenceSensor,
        GCSObjectsWithPrefixExistenceSensor,
        GCSObjectUpdateSensor,
    )
    from sailplane.sensors.gcs_uploads import GCSUploadSessionCompleteSensor
    from sailplane.sensors.http import HttpSensor
    from sailplane.sensors.pubsub import PubSubPullSensor
    from sailplane.sensors.python import PythonSensor
    from sailplane.sensors.sql import SqlSensor
    from sailplane.sensors.time import (
        DateTimeSensor,
        DateTimeSensorAsync,
        TimeDeltaSensor,
        TimeDeltaSensorAsync,
        TimeSensor,
        TimeSensorAsync,
        WaitSensor,
    )
    from sailplane.sensors.weekday import DayOfWeekSensor
    from sailplane.triggers.external_task import DagStateTrigger, WorkflowTrigger
    from sailplane.triggers.file import DirectoryFileDeleteTrigger, FileDeleteTrigger, FileTrigger
    from sailplane.triggers.gcs import GCSBlobTrigger, GCSCheckBlobUpdateTimeTrigger, GCSPrefixBlobTrigger
    from sailplane.triggers.http import HttpSensorTrigger
    from sailplane.triggers.temporal import DateTimeTrigger, TimeDeltaTrigger

_HOME = {name: module for module, names in HOMES.items() for name in names}

# fmt: off
__all__ = [
    "DAG", "NEVER_EXPIRE", "AirflowException", "AirflowFailException", "AirflowNotFoundException",
    "AirflowRescheduleException", "AirflowSensorTimeout", "AirflowSkipException", "AirflowTaskTimeout",
    "ApprovalOperator", "Asset", "AssetAccessControl", "AssetAlias", "AssetAliasUniqueKey", "AssetAll", "AssetAny",
    "AssetNameRef", "AssetOrTimeSchedule", "AssetRef", "AssetUniqueKey", "AssetUriRef", "AssetWatcher", "AsyncCallback",
    "BaseAsyncOperator", "BaseBranchOperator", "BaseDeadlineReference", "BaseEventTrigger", "BaseHook", "BaseNotifier",
    "BaseOperator", "BaseOperatorLink", "BaseSensorOperator", "BaseTrigger", "BashOperator", "BashSensor",
    "BigQueryCheckOperator", "BigQueryColumnCheckOperator", "BigQueryCreateEmptyDatasetOperator",
    "BigQueryCreateTableOperator", "BigQueryDeleteDatasetOperator", "BigQueryDeleteTableOperator",
    "BigQueryGetDataOperator", "BigQueryGetDatasetOperator", "BigQueryGetDatasetTablesOperator", "BigQueryHook",
    "BigQueryInsertJobOperator", "BigQueryIntervalCheckOperator", "BigQueryTableCheckOperator",
    "BigQueryTableExistenceSensor", "BigQueryTablePartitionExistenceSensor", "BigQueryToBigQueryOperator",
    "BigQueryToGCSOperator", "BigQueryUpdateTableOperator", "BigQueryUpdateTableSchemaOperator",
    "BigQueryUpsertTableOperator", "BigQueryValueCheckOperator", "BranchDateTimeOperator", "BranchDayOfWeekOperator",
    "BranchExternalPythonOperator", "BranchMixIn",
    "BranchPythonOperator", "BranchPythonVirtualenvOperator", "BranchSQLOperator",
    "CloudFunctionInvokeFunctionOperator", "CloudFunctionsHook", "CloudRunExecuteJobOperator", "CloudRunHook",
    "Configuration", "Connection", "ContinuousTimetable", "CronDataIntervalTimetable", "CronTriggerTimetable",
    "DagRunInfo", "DagStateTrigger", "DataInterval", "Dataset", "DateTimeSensor", "DateTimeSensorAsync",
    "DateTimeTrigger", "DayOfWeekSensor", "DbApiHook", "DeadlineAlert", "DeadlineReference",
    "DeltaDataIntervalTimetable", "DeltaTriggerTimetable", "DirectoryFileDeleteTrigger", "DockerOperator",
    "DuplicateTaskIdFound", "EdgeModifier", "EmailOperator", "EmptyOperator", "EventsTimetable", "ExceptionRetryPolicy",
    "ExternalPythonOperator", "ExternalTaskMarker", "ExternalTaskSensor", "FSHook", "FileDeleteTrigger", "FileSensor",
    "FileTrigger", "GCSBlobTrigger", "GCSCheckBlobUpdateTimeTrigger", "GCSCreateBucketOperator",
    "GCSDeleteBucketOperator", "GCSDeleteObjectsOperator", "GCSFileTransformOperator", "GCSHook",
    "GCSListObjectsOperator", "GCSObjectExistenceAsyncSensor", "GCSObjectExistenceSensor", "GCSObjectUpdateSensor",
    "GCSObjectsWithPrefixExistenceSensor", "GCSPrefixBlobTrigger", "GCSSynchronizeBucketsOperator",
    "GCSToBigQueryOperator", "GCSToGCSOperator", "GCSToLocalFilesystemOperator", "GCSUploadSessionCompleteSensor",
    "GoogleBaseHook", "HITLBranchOperator", "HITLEntryOperator", "HITLOperator", "HttpHook", "HttpOperator",
    "HttpSensor", "HttpSensorTrigger", "Label", "LatestOnlyOperator", "LocalFilesystemToGCSOperator", "Metadata",
    "Model", "MultipleCronTriggerTimetable", "NullTimetable", "ObjectStoragePath", "OnceTimetable", "Param",
    "ParamValidationError", "ParamsDict", "PokeReturnValue", "PostgresHook", "PubSubCreateSubscriptionOperator",
    "PubSubCreateTopicOperator", "PubSubDeleteSubscriptionOperator", "PubSubDeleteTopicOperator", "PubSubHook",
    "PubSubPublishMessageOperator", "PubSubPullOperator", "PubSubPullSensor", "PythonOperator", "PythonSensor",
    "PythonVirtualenvOperator", "ResumableJobMixin", "RetryAction", "RetryDecision", "RetryPolicy", "RetryRule",
    "SQLCheckOperator", "SQLColumnCheckOperator", "SQLExecuteQueryOperator", "SQLIntervalCheckOperator",
    "SQLTableCheckOperator", "SQLThresholdCheckOperator", "SQLValueCheckOperator", "ShortCircuitOperator", "SkipMixin",
    "SlackAPIOperator", "SlackAPIPostOperator", "SlackHook", "SlackNotifier", "SlackWebhookHook",
    "SlackWebhookNotifier", "SlackWebhookOperator", "SmoothOperator", "SmtpHook", "SmtpNotifier", "SqlSensor",
    "SqliteHook", "StartTriggerArgs", "SyncCallback", "TaskDeferralError", "TaskDeferralTimeout", "TaskDeferred",
    "TaskFailedEvent", "TaskGroup", "TaskInstance", "TaskSkippedEvent", "TaskSuccessEvent", "TimeDeltaSensor",
    "TimeDeltaSensorAsync", "TimeDeltaTrigger", "TimeRestriction", "TimeSensor", "TimeSensorAsync", "Timetable",
    "TriggerDagRunOperator", "TriggerEvent", "TriggerRule", "Variable", "VariableInterval", "WaitSensor", "WeekDay",
    "WorkflowTrigger", "XComArg", "XComNotFound", "asset", "chain", "chain_linear", "context_wrapper",
    "cross_downstream", "dag", "deadline_reference", "get_current_context", "literal", "mask_secret", "redact",
    "result", "send_email", "send_slack_notification", "send_slack_webhook_notification", "send_smtp_notification",
    "setup", "task", "task_group", "task_inputs", "teardown",
]
# fmt: on


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'sailplane' has no attribute {name!r}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})
