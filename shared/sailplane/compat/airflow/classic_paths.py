"""Modules of Airflow 2 and 3 outside the Task SDK, and where Sailplane has their names. Form: see `sdk_paths`."""

from collections.abc import Mapping

from sailplane.compat.airflow.sdk_paths import ASSETS, CONTEXT, DECORATED, LINKS, OPERATOR, TIMETABLES, XCOM_KEY

_DATASETS = "Dataset=Asset DatasetAlias=AssetAlias DatasetAll=AssetAll DatasetAny=AssetAny Metadata"

PATHS: Mapping[str, str] = {
    "airflow": """
        DAG XComArg Asset Dataset=Asset
        AirflowException=sailplane.authoring.exceptions:AirflowException
    """,
    "airflow.decorators": "dag task task_group setup teardown",
    "airflow.decorators.base": DECORATED,
    "airflow.datasets airflow.datasets.metadata airflow.assets airflow.models.asset airflow.models.dataset": (
        f"{ASSETS} {_DATASETS}"
    ),
    "airflow.models": f"""
        {LINKS} BaseOperator Connection DAG Param SkipMixin TaskInstance Variable XCom XComArg
        MappedOperator=sailplane.authoring.mapped:MappedOperator
        DagRun=sailplane.authoring.task_instance:DagRunView
    """,
    "airflow.models.baseoperator": OPERATOR,
    "airflow.models.baseoperatorlink": LINKS,
    "airflow.models.connection": "Connection",
    "airflow.models.dag": "DAG dag",
    "airflow.models.dagrun": "DagRun=sailplane.authoring.task_instance:DagRunView "
    "DagRunState=sailplane.model.states:RunState DagRunType=sailplane.model.states:RunType",
    "airflow.models.mappedoperator": "MappedOperator=sailplane.authoring.mapped:MappedOperator",
    "airflow.models.operator": "BaseOperator Operator=BaseOperator",
    "airflow.models.param": "Param ParamsDict DagParam=sailplane.authoring.params:DagParam",
    "airflow.models.skipmixin": "SkipMixin",
    "airflow.models.taskinstance": f"TaskInstance {CONTEXT} get_current_context",
    "airflow.models.variable": "Variable",
    "airflow.models.xcom": f"{XCOM_KEY} XCom BaseXCom",
    "airflow.models.xcom_arg": "XComArg",
    "airflow.hooks.base airflow.hooks.base_hook": "BaseHook",
    "airflow.notifications.basenotifier": "BaseNotifier",
    "airflow.sensors.base airflow.sensors.base_sensor_operator": "BaseSensorOperator PokeReturnValue poke_mode_only",
    "airflow.triggers.base": """
        BaseEventTrigger BaseTrigger StartTriggerArgs TaskFailedEvent TaskSkippedEvent TaskSuccessEvent TriggerEvent
    """,
    "airflow.timetables.assets airflow.timetables.datasets": (
        "AssetOrTimeSchedule DatasetOrTimeSchedule=sailplane.authoring.asset_schedules:DatasetOrTimeSchedule"
    ),
    "airflow.timetables.base": "Timetable DagRunInfo DataInterval TimeRestriction",
    "airflow.timetables.events": "EventsTimetable",
    "airflow.timetables.interval airflow.timetables.trigger": TIMETABLES,
    "airflow.timetables.simple": "NullTimetable OnceTimetable ContinuousTimetable",
    "airflow.io airflow.io.path": "ObjectStoragePath",
    "airflow.io.store": "ObjectStore",
    "airflow.task.priority_strategy": ("PriorityWeightStrategy=sailplane.authoring.priorities:PriorityWeightStrategy"),
    "airflow.plugins_manager airflow.sdk.plugins_manager": (
        "AirflowPlugin=sailplane.compat.airflow.plugins:AirflowPlugin"
    ),
    "airflow.task.trigger_rule": "TriggerRule",
    "airflow.task.weight_rule": "WeightRule=sailplane.authoring.priorities:WeightRule",
    "airflow.utils.context": CONTEXT,
    "airflow.utils.dag_parsing_context": ("get_parsing_context=sailplane.compat.airflow.parsing:get_parsing_context"),
    "airflow.utils.dates": """
        days_ago=sailplane.compat.airflow.dates:days_ago
        cron_presets=sailplane.compat.airflow.dates:cron_presets
    """,
    "airflow.utils.decorators": "apply_defaults=sailplane.compat.airflow.modules:unchanged",
    "airflow.utils.edgemodifier": "EdgeModifier Label",
    "airflow.utils.email": "send_email",
    "airflow.utils.helpers": "chain cross_downstream",
    "airflow.utils.module_loading": "import_string=sailplane.compat.airflow.modules:import_string",
    "airflow.utils.task_group": "TaskGroup",
    "airflow.utils.template": "literal",
    "airflow.utils.trigger_rule": "TriggerRule",
    "airflow.utils.weight_rule": "WeightRule=sailplane.authoring.priorities:WeightRule",
}
