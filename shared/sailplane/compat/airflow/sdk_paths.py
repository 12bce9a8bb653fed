"""Names of Airflow's Task SDK, and where Sailplane has them.

Keys: modules of Airflow's. Values: names in them; a bare name is exported by `sailplane` under that name as soon as
Sailplane has it; `name=other` is the export `other`; `name=module:attribute` an object elsewhere (`()`: called).
"""

from collections.abc import Mapping

_EXCEPTIONS = """
    AirflowException AirflowFailException AirflowNotFoundException AirflowRescheduleException AirflowSensorTimeout
    AirflowSkipException AirflowTaskTimeout DuplicateTaskIdFound ParamValidationError XComNotFound
    AirflowTaskTerminated=sailplane.authoring.exceptions:AirflowTaskTerminated
    AirflowDagCycleException=sailplane.authoring.exceptions:AirflowDagCycleException
    AirflowTimetableInvalid=sailplane.authoring.exceptions:AirflowTimetableInvalid
    DownstreamTasksSkipped=sailplane.authoring.exceptions:DownstreamTasksSkipped
    TaskNotFound=sailplane.authoring.exceptions:TaskNotFound
    UnmappableXComTypePushed=sailplane.authoring.exceptions:UnmappableXComTypePushed
    UnmappableXComLengthPushed=sailplane.authoring.exceptions:UnmappableXComLengthPushed
    XComForMappingNotPushed=sailplane.authoring.exceptions:XComForMappingNotPushed
    AirflowOptionalProviderFeatureException=sailplane.authoring.exceptions:AirflowException
    AirflowConfigException=sailplane.authoring.exceptions:AirflowException
    RemovedInAirflow4Warning=sailplane.compat.airflow.warnings:RemovedInAirflow4Warning
    AirflowProviderDeprecationWarning=sailplane.compat.airflow.warnings:AirflowProviderDeprecationWarning
    TaskDeferred TaskDeferralError TaskDeferralTimeout DagRunTriggerException
    TaskAwaitingInput=sailplane.authoring.exceptions:TaskAwaitingInput
    NodeNotFound=sailplane.authoring.exceptions:TaskNotFound
    TaskAlreadyInTaskGroup FailFastDagInvalidTriggerRule TaskAlreadyRunningError
    AirflowInactiveAssetInInletOrOutletException DagRunAlreadyExists
    DagNotFound=sailplane.authoring.exceptions:AirflowNotFoundException
    DagRunNotFound=sailplane.authoring.exceptions:AirflowNotFoundException
    PoolNotFound=sailplane.authoring.exceptions:AirflowNotFoundException
    TaskInstanceNotFound=sailplane.authoring.exceptions:AirflowNotFoundException
"""
_TIMEZONE = " ".join(
    f"{name}=sailplane.compat.airflow.timezone:{name}"
    for name in (
        "coerce_datetime",
        "convert_to_utc",
        "datetime",
        "from_timestamp",
        "is_localized",
        "is_naive",
        "make_aware",
        "make_naive",
        "parse",
        "parse_timezone",
        "utc",
        "utc_epoch",
        "utcnow",
    )
)
_STATES = """
    DagRunState=sailplane.model.states:RunState
    TaskInstanceState=sailplane.model.states:TaskState
    IntermediateTIState=sailplane.model.states:TaskState
    TerminalTIState=sailplane.model.states:TaskState
    State=sailplane.compat.airflow.states:State
"""
_WEIGHT_RULE = "WeightRule=sailplane.authoring.priorities:WeightRule"
CONTEXT = "Context=sailplane.compat.airflow.context:Context"
_CONFIGURATION = "conf=sailplane:Configuration()"
XCOM_KEY = "XCOM_RETURN_KEY=sailplane.authoring.xcom_arg:XCOM_RETURN_KEY"
ASSETS = """
    Asset AssetAlias AssetAll AssetAny AssetWatcher AssetAccessControl AssetRef AssetNameRef AssetUriRef
    AssetUniqueKey AssetAliasUniqueKey Metadata asset
"""
TIMETABLES = """
    AssetOrTimeSchedule CronDataIntervalTimetable CronPartitionTimetable CronTriggerTimetable
    DeltaDataIntervalTimetable DeltaTriggerTimetable EventsTimetable MultipleCronTriggerTimetable
    PartitionedAssetTimetable PartitionedAtRuntime
"""
_PARTITIONS = """
    AllowedKeyMapper ChainMapper DayWindow FanOutMapper FixedKeyMapper HourWindow IdentityMapper MinimumCount
    MonthWindow PartitionMapper ProductMapper QuarterWindow RollupMapper SegmentWindow StartOfDayMapper
    StartOfHourMapper StartOfMonthMapper StartOfQuarterMapper StartOfWeekMapper StartOfYearMapper WaitForAll
    WeekWindow Window YearWindow
"""
_RETRY_POLICIES = "ChainRetryPolicy ExceptionRetryPolicy RetryAction RetryDecision RetryPolicy RetryRule"
DECORATED = """
    DecoratedOperator=sailplane.authoring.taskflow:DecoratedOperator
    TaskDecorator=sailplane.authoring.taskflow:TaskFactory
    task_decorator_factory
    get_unique_task_id
"""
OPERATOR = "BaseOperator BaseAsyncOperator chain chain_linear cross_downstream"
_CURRENT_CONTEXT = "get_current_context"
LINKS = "BaseOperatorLink=sailplane.authoring.operator_links:BaseOperatorLink"
_VERSIONS = " ".join(
    f"AIRFLOW_V_3_{minor}_PLUS=sailplane.compat.airflow.versions:AIRFLOW_V_3_{minor}_PLUS" for minor in range(4)
)
_PARSING = "get_parsing_context=sailplane.compat.airflow.parsing:get_parsing_context"
_LOGGING = "LoggingMixin=sailplane.compat.airflow.log:LoggingMixin"
_NOTSET = """
    NOTSET=sailplane.authoring.arguments:NOTSET
    ArgNotSet=sailplane.authoring.arguments:ArgNotSet
    is_arg_set=sailplane.authoring.arguments:is_arg_set
"""
_MACROS = " ".join(
    f"{name}=sailplane.authoring.macros:{name}"
    for name in (
        "datetime",
        "datetime_diff_for_humans",
        "ds_add",
        "ds_format",
        "json",
        "random",
        "time",
        "timedelta",
        "uuid",
    )
)
_PUBLIC = f"""
    {OPERATOR} {ASSETS} {TIMETABLES} {_PARTITIONS} {_RETRY_POLICIES} {_WEIGHT_RULE} {CONTEXT} {_CONFIGURATION}
    {LINKS}
    AsyncCallback BaseBranchOperator BaseDeadlineReference BaseHook BaseNotifier BaseSensorOperator BaseXCom
    BranchMixIn Connection DAG DeadlineAlert DeadlineReference EdgeModifier Label NEVER_EXPIRE ObjectStoragePath Param
    ParamsDict PokeReturnValue ResumableJobMixin SkipMixin SyncCallback TaskGroup TaskInstance TriggerRule Variable
    XComArg dag deadline_reference get_current_context literal lineage result setup task
    task_group teardown
    DagRunState=sailplane.model.states:RunState
    TaskInstanceState=sailplane.model.states:TaskState
    macros=sailplane.authoring.macros:
    {_PARSING}
"""

PATHS: Mapping[str, str] = {
    "airflow.sdk": _PUBLIC,
    "airflow.providers.common.compat.sdk": f"""
        {_PUBLIC} {_EXCEPTIONS} {DECORATED} {XCOM_KEY} Stats XCom hookimpl
        MappedOperator=sailplane.authoring.mapped:MappedOperator
        AirflowPlugin=sailplane.compat.airflow.plugins:AirflowPlugin
        mask_secret redact poke_mode_only TaskInstanceKey context_merge context_to_airflow_vars determine_kwargs
        timezone=sailplane.compat.airflow.timezone:
    """,
    "airflow.providers.common.compat.standard.operators": """
        PythonOperator ShortCircuitOperator BranchPythonOperator PythonVirtualenvOperator ExternalPythonOperator
        BashOperator EmptyOperator
    """,
    "airflow.providers.common.compat.assets airflow.sdk.definitions.asset airflow.sdk.definitions.asset.decorators "
    "airflow.sdk.definitions.asset.metadata": f"{ASSETS} Dataset Model",
    "airflow.sdk.exceptions airflow.sdk.bases.exceptions airflow.exceptions": _EXCEPTIONS,
    "airflow.sdk.timezone airflow.utils.timezone airflow._shared.timezones.timezone": _TIMEZONE,
    "airflow.utils.state": _STATES,
    "airflow.sdk.api.datamodels._generated": f"{_STATES} {_WEIGHT_RULE} TriggerRule",
    "airflow.sdk.bases.operator": OPERATOR,
    "airflow.sdk.bases.branch": "BaseBranchOperator BranchMixIn",
    "airflow.sdk.bases.decorator": DECORATED,
    "airflow.sdk.bases.hook": "BaseHook",
    "airflow.sdk.bases.notifier": "BaseNotifier",
    "airflow.sdk.bases.operatorlink": LINKS,
    "airflow.sdk.bases.resumablejobmixin": "ResumableJobMixin",
    "airflow.sdk.bases.sensor": "BaseSensorOperator PokeReturnValue poke_mode_only",
    "airflow.sdk.bases.skipmixin": "SkipMixin",
    "airflow.sdk.bases.timetable": "Timetable",
    "airflow.sdk.bases.xcom": f"BaseXCom {XCOM_KEY}",
    "airflow.sdk.configuration airflow.configuration": _CONFIGURATION,
    "airflow.sdk.definitions.connection": "Connection",
    "airflow.sdk.definitions.context": f"{CONTEXT} {_CURRENT_CONTEXT} {_PARSING} context_merge",
    "airflow.sdk.definitions.dag": "DAG dag",
    "airflow.sdk.definitions.deadline": (
        "DeadlineAlert DeadlineReference BaseDeadlineReference VariableInterval deadline_reference"
    ),
    "airflow.sdk.definitions.callback": "AsyncCallback SyncCallback",
    "airflow.sdk.definitions.decorators": "dag task task_group setup teardown",
    "airflow.sdk.definitions.edges": "EdgeModifier Label",
    "airflow.sdk.definitions.mappedoperator": "MappedOperator=sailplane.authoring.mapped:MappedOperator",
    "airflow.sdk.definitions.param": "Param ParamsDict DagParam=sailplane.authoring.params:DagParam",
    "airflow.sdk.definitions.partition_mappers airflow.partition_mappers.base airflow.partition_mappers.window": (
        _PARTITIONS
    ),
    "airflow.sdk.definitions.retry_policy": _RETRY_POLICIES,
    "airflow.sdk.definitions.taskgroup": "TaskGroup",
    "airflow.sdk.definitions.template airflow.sdk.definitions._internal.templater": (
        "literal LiteralValue=sailplane.authoring.literal:LiteralValue"
    ),
    "airflow.sdk.definitions.timetables airflow.sdk.definitions.timetables.interval "
    "airflow.sdk.definitions.timetables.trigger airflow.sdk.definitions.timetables.events "
    "airflow.sdk.definitions.timetables.assets": TIMETABLES,
    "airflow.sdk.definitions.variable": "Variable",
    "airflow.sdk.definitions.xcom_arg": "XComArg",
    "airflow.sdk.definitions._internal.types": _NOTSET,
    "airflow.sdk.execution_time.hitl": """
        HITLUser=sailplane.authoring.human_steps:HITLUser
        upsert_hitl_detail=sailplane.authoring.human_steps:upsert_hitl_detail
    """,
    "airflow.sdk.execution_time.context": f"{_CURRENT_CONTEXT} NEVER_EXPIRE context_to_airflow_vars",
    "airflow.sdk.execution_time.task_runner": "RuntimeTaskInstance=TaskInstance",
    "airflow.sdk.execution_time.xcom": "XCom",
    "airflow.sdk.execution_time.secrets_masker airflow.sdk.log": "mask_secret redact",
    "airflow.sdk.io airflow.sdk.io.path": "ObjectStoragePath",
    "airflow.sdk.types": f"{_NOTSET} TaskInstanceKey RuntimeTaskInstanceProtocol=TaskInstance",
    "airflow.macros": _MACROS,
    "airflow.version": "version=sailplane.compat.airflow.versions:AIRFLOW",
    "airflow.providers.common.compat.version_compat airflow.providers.standard.version_compat": _VERSIONS,
    "airflow.utils.log.logging_mixin": _LOGGING,
    "airflow.utils.types": f"{_NOTSET} DagRunType=sailplane.model.states:RunType",
}
