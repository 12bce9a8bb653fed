"""Sailplane: Airflow-style orchestration on Google Cloud with no engine running.

The names below are what DAG files import. Each is imported when first used, so that `import sailplane` costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sailplane.authoring.connection import Connection
    from sailplane.authoring.context import Configuration
    from sailplane.authoring.dag import DAG, dag
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
        XComNotFound,
    )
    from sailplane.authoring.literal import literal
    from sailplane.authoring.masking import mask_secret, redact
    from sailplane.authoring.notifier import BaseNotifier
    from sailplane.authoring.operator import BaseOperator
    from sailplane.authoring.params import Param, ParamsDict
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
    from sailplane.authoring.taskflow import task
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
    from sailplane.authoring.trigger import BaseEventTrigger, BaseTrigger, StartTriggerArgs, TriggerEvent
    from sailplane.authoring.variable import Variable
    from sailplane.authoring.weekday import WeekDay
    from sailplane.authoring.xcom_arg import XComArg
    from sailplane.hooks.base import BaseHook
    from sailplane.hooks.filesystem import FSHook
    from sailplane.hooks.gcs import GCSHook
    from sailplane.hooks.http import HttpHook
    from sailplane.hooks.slack import SlackWebhookHook
    from sailplane.hooks.smtp import SmtpHook, send_email
    from sailplane.hooks.sql import DbApiHook, PostgresHook, SqliteHook
    from sailplane.model.states import TriggerRule
    from sailplane.notifiers.slack import SlackWebhookNotifier, send_slack_webhook_notification
    from sailplane.notifiers.smtp import SmtpNotifier, send_smtp_notification
    from sailplane.operators.bash import BashOperator
    from sailplane.operators.branch import BaseBranchOperator, BranchPythonOperator, ShortCircuitOperator, SkipMixin
    from sailplane.operators.datetime import BranchDateTimeOperator
    from sailplane.operators.email import EmailOperator
    from sailplane.operators.empty import EmptyOperator
    from sailplane.operators.gcs import (
        GCSCreateBucketOperator,
        GCSDeleteBucketOperator,
        GCSDeleteObjectsOperator,
        GCSFileTransformOperator,
        GCSListObjectsOperator,
    )
    from sailplane.operators.gcs_transfers import (
        GCSToGCSOperator,
        GCSToLocalFilesystemOperator,
        LocalFilesystemToGCSOperator,
    )
    from sailplane.operators.hitl import ApprovalOperator, HITLBranchOperator, HITLEntryOperator, HITLOperator
    from sailplane.operators.http import HttpOperator
    from sailplane.operators.latest_only import LatestOnlyOperator
    from sailplane.operators.python import PythonOperator
    from sailplane.operators.slack import SlackWebhookOperator
    from sailplane.operators.smooth import SmoothOperator
    from sailplane.operators.sql import BranchSQLOperator, SQLCheckOperator, SQLExecuteQueryOperator
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
    from sailplane.sensors.external_task import ExternalTaskMarker, ExternalTaskSensor
    from sailplane.sensors.filesystem import FileSensor
    from sailplane.sensors.gcs import (
        GCSObjectExistenceAsyncSensor,
        GCSObjectExistenceSensor,
        GCSObjectsWithPrefixExistenceSensor,
        GCSObjectUpdateSensor,
    )
    from sailplane.sensors.http import HttpSensor
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

_HOMES = {
    "sailplane.authoring.context": ("Configuration",),
    "sailplane.authoring.connection": ("Connection",),
    "sailplane.authoring.dag": ("DAG", "dag"),
    "sailplane.authoring.dependencies": (
        "EdgeModifier",
        "Label",
        "chain",
        "chain_linear",
        "cross_downstream",
    ),
    "sailplane.authoring.exceptions": (
        "AirflowException",
        "AirflowFailException",
        "AirflowNotFoundException",
        "AirflowRescheduleException",
        "AirflowSensorTimeout",
        "AirflowSkipException",
        "AirflowTaskTimeout",
        "DuplicateTaskIdFound",
        "ParamValidationError",
        "XComNotFound",
    ),
    "sailplane.authoring.literal": ("literal",),
    "sailplane.authoring.masking": ("mask_secret", "redact"),
    "sailplane.authoring.notifier": ("BaseNotifier",),
    "sailplane.authoring.operator": ("BaseOperator",),
    "sailplane.authoring.params": ("Param", "ParamsDict"),
    "sailplane.authoring.resumable_job": ("ResumableJobMixin",),
    "sailplane.authoring.retry_policy": (
        "ExceptionRetryPolicy",
        "RetryAction",
        "RetryDecision",
        "RetryPolicy",
        "RetryRule",
    ),
    "sailplane.authoring.scopes": ("get_current_context",),
    "sailplane.authoring.setup_teardown": ("context_wrapper", "setup", "teardown"),
    "sailplane.authoring.state_store": ("NEVER_EXPIRE",),
    "sailplane.authoring.task_instance": ("TaskInstance",),
    "sailplane.authoring.taskflow": ("task",),
    "sailplane.authoring.taskgroup": ("TaskGroup", "task_group"),
    "sailplane.authoring.timetable_base": ("DagRunInfo", "DataInterval", "TimeRestriction", "Timetable"),
    "sailplane.authoring.timetables": (
        "ContinuousTimetable",
        "CronDataIntervalTimetable",
        "CronTriggerTimetable",
        "DeltaDataIntervalTimetable",
        "DeltaTriggerTimetable",
        "EventsTimetable",
        "MultipleCronTriggerTimetable",
        "NullTimetable",
        "OnceTimetable",
    ),
    "sailplane.authoring.weekday": ("WeekDay",),
    "sailplane.authoring.trigger": ("BaseEventTrigger", "BaseTrigger", "StartTriggerArgs", "TriggerEvent"),
    "sailplane.authoring.variable": ("Variable",),
    "sailplane.authoring.xcom_arg": ("XComArg",),
    "sailplane.hooks.base": ("BaseHook",),
    "sailplane.hooks.filesystem": ("FSHook",),
    "sailplane.hooks.gcs": ("GCSHook",),
    "sailplane.hooks.http": ("HttpHook",),
    "sailplane.hooks.slack": ("SlackWebhookHook",),
    "sailplane.hooks.smtp": ("SmtpHook", "send_email"),
    "sailplane.hooks.sql": ("DbApiHook", "PostgresHook", "SqliteHook"),
    "sailplane.model.states": ("TriggerRule",),
    "sailplane.notifiers.slack": ("SlackWebhookNotifier", "send_slack_webhook_notification"),
    "sailplane.notifiers.smtp": ("SmtpNotifier", "send_smtp_notification"),
    "sailplane.operators.bash": ("BashOperator",),
    "sailplane.operators.branch": (
        "BaseBranchOperator",
        "BranchPythonOperator",
        "ShortCircuitOperator",
        "SkipMixin",
    ),
    "sailplane.operators.datetime": ("BranchDateTimeOperator",),
    "sailplane.operators.email": ("EmailOperator",),
    "sailplane.operators.empty": ("EmptyOperator",),
    "sailplane.operators.gcs": (
        "GCSCreateBucketOperator",
        "GCSDeleteBucketOperator",
        "GCSDeleteObjectsOperator",
        "GCSFileTransformOperator",
        "GCSListObjectsOperator",
    ),
    "sailplane.operators.gcs_transfers": (
        "GCSToGCSOperator",
        "GCSToLocalFilesystemOperator",
        "LocalFilesystemToGCSOperator",
    ),
    "sailplane.operators.hitl": ("ApprovalOperator", "HITLBranchOperator", "HITLEntryOperator", "HITLOperator"),
    "sailplane.operators.http": ("HttpOperator",),
    "sailplane.operators.latest_only": ("LatestOnlyOperator",),
    "sailplane.operators.python": ("PythonOperator",),
    "sailplane.operators.slack": ("SlackWebhookOperator",),
    "sailplane.operators.smooth": ("SmoothOperator",),
    "sailplane.operators.sql": ("BranchSQLOperator", "SQLCheckOperator", "SQLExecuteQueryOperator"),
    "sailplane.operators.trigger_dagrun": ("TriggerDagRunOperator",),
    "sailplane.operators.virtualenv": (
        "BranchExternalPythonOperator",
        "BranchPythonVirtualenvOperator",
        "ExternalPythonOperator",
        "PythonVirtualenvOperator",
    ),
    "sailplane.operators.weekday": ("BranchDayOfWeekOperator",),
    "sailplane.sensors.base": ("BaseSensorOperator", "PokeReturnValue"),
    "sailplane.sensors.bash": ("BashSensor",),
    "sailplane.sensors.external_task": ("ExternalTaskMarker", "ExternalTaskSensor"),
    "sailplane.sensors.filesystem": ("FileSensor",),
    "sailplane.sensors.gcs": (
        "GCSObjectExistenceAsyncSensor",
        "GCSObjectExistenceSensor",
        "GCSObjectUpdateSensor",
        "GCSObjectsWithPrefixExistenceSensor",
    ),
    "sailplane.sensors.http": ("HttpSensor",),
    "sailplane.sensors.python": ("PythonSensor",),
    "sailplane.sensors.sql": ("SqlSensor",),
    "sailplane.sensors.time": (
        "DateTimeSensor",
        "DateTimeSensorAsync",
        "TimeDeltaSensor",
        "TimeDeltaSensorAsync",
        "TimeSensor",
        "TimeSensorAsync",
        "WaitSensor",
    ),
    "sailplane.sensors.weekday": ("DayOfWeekSensor",),
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "DAG",
    "NEVER_EXPIRE",
    "AirflowException",
    "AirflowFailException",
    "AirflowNotFoundException",
    "AirflowRescheduleException",
    "AirflowSensorTimeout",
    "AirflowSkipException",
    "AirflowTaskTimeout",
    "ApprovalOperator",
    "BaseBranchOperator",
    "BaseEventTrigger",
    "BaseHook",
    "BaseNotifier",
    "BaseOperator",
    "BaseSensorOperator",
    "BaseTrigger",
    "BashOperator",
    "BashSensor",
    "BranchDateTimeOperator",
    "BranchDayOfWeekOperator",
    "BranchExternalPythonOperator",
    "BranchPythonOperator",
    "BranchPythonVirtualenvOperator",
    "BranchSQLOperator",
    "Configuration",
    "Connection",
    "ContinuousTimetable",
    "CronDataIntervalTimetable",
    "CronTriggerTimetable",
    "DagRunInfo",
    "DataInterval",
    "DateTimeSensor",
    "DateTimeSensorAsync",
    "DayOfWeekSensor",
    "DbApiHook",
    "DeltaDataIntervalTimetable",
    "DeltaTriggerTimetable",
    "DuplicateTaskIdFound",
    "EdgeModifier",
    "EmailOperator",
    "EmptyOperator",
    "EventsTimetable",
    "ExceptionRetryPolicy",
    "ExternalPythonOperator",
    "ExternalTaskMarker",
    "ExternalTaskSensor",
    "FSHook",
    "FileSensor",
    "GCSCreateBucketOperator",
    "GCSDeleteBucketOperator",
    "GCSDeleteObjectsOperator",
    "GCSFileTransformOperator",
    "GCSHook",
    "GCSListObjectsOperator",
    "GCSObjectExistenceAsyncSensor",
    "GCSObjectExistenceSensor",
    "GCSObjectUpdateSensor",
    "GCSObjectsWithPrefixExistenceSensor",
    "GCSToGCSOperator",
    "GCSToLocalFilesystemOperator",
    "HITLBranchOperator",
    "HITLEntryOperator",
    "HITLOperator",
    "HttpHook",
    "HttpOperator",
    "HttpSensor",
    "Label",
    "LatestOnlyOperator",
    "LocalFilesystemToGCSOperator",
    "MultipleCronTriggerTimetable",
    "NullTimetable",
    "OnceTimetable",
    "Param",
    "ParamValidationError",
    "ParamsDict",
    "PokeReturnValue",
    "PostgresHook",
    "PythonOperator",
    "PythonSensor",
    "PythonVirtualenvOperator",
    "ResumableJobMixin",
    "RetryAction",
    "RetryDecision",
    "RetryPolicy",
    "RetryRule",
    "SQLCheckOperator",
    "SQLExecuteQueryOperator",
    "ShortCircuitOperator",
    "SkipMixin",
    "SlackWebhookHook",
    "SlackWebhookNotifier",
    "SlackWebhookOperator",
    "SmoothOperator",
    "SmtpHook",
    "SmtpNotifier",
    "SqlSensor",
    "SqliteHook",
    "StartTriggerArgs",
    "TaskGroup",
    "TaskInstance",
    "TimeDeltaSensor",
    "TimeDeltaSensorAsync",
    "TimeRestriction",
    "TimeSensor",
    "TimeSensorAsync",
    "Timetable",
    "TriggerDagRunOperator",
    "TriggerEvent",
    "TriggerRule",
    "Variable",
    "WaitSensor",
    "WeekDay",
    "XComArg",
    "XComNotFound",
    "chain",
    "chain_linear",
    "context_wrapper",
    "cross_downstream",
    "dag",
    "get_current_context",
    "literal",
    "mask_secret",
    "redact",
    "send_email",
    "send_slack_webhook_notification",
    "send_smtp_notification",
    "setup",
    "task",
    "task_group",
    "teardown",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'sailplane' has no attribute {name!r}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})
