"""Sailplane: Airflow-style orchestration on Google Cloud with no engine running.

The names below are what DAG files import. Each is imported when first used, so that `import sailplane` costs nothing.
"""

from importlib import import_module
from typing import Any

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
    "sailplane.authoring.operator": ("BaseOperator",),
    "sailplane.authoring.params": ("Param", "ParamsDict"),
    "sailplane.authoring.scopes": ("get_current_context",),
    "sailplane.authoring.task_instance": ("TaskInstance",),
    "sailplane.authoring.taskflow": ("task",),
    "sailplane.authoring.taskgroup": ("TaskGroup", "task_group"),
    "sailplane.authoring.timetables": (
        "CronDataIntervalTimetable",
        "CronTriggerTimetable",
        "DeltaDataIntervalTimetable",
        "DeltaTriggerTimetable",
    ),
    "sailplane.authoring.xcom_arg": ("XComArg",),
    "sailplane.hooks.gcs": ("GCSHook",),
    "sailplane.model.states": ("TriggerRule",),
    "sailplane.operators.bash": ("BashOperator",),
    "sailplane.operators.branch": ("BranchPythonOperator", "ShortCircuitOperator"),
    "sailplane.operators.empty": ("EmptyOperator",),
    "sailplane.operators.python": ("PythonOperator",),
    "sailplane.sensors.base": ("BaseSensorOperator", "PokeReturnValue"),
    "sailplane.sensors.gcs": ("GCSObjectExistenceSensor",),
    "sailplane.sensors.python": ("PythonSensor",),
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}

__all__ = list(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'sailplane' has no attribute {name!r}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})
