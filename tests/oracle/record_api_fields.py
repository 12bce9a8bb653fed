"""Record the field names of Airflow's REST API v2 answers and bodies: run under an Airflow installation.

python tests/oracle/record_api_fields.py > tests/oracle/api_fields.json
"""

import importlib
import json
import os
import sys

os.environ.setdefault("AIRFLOW__CORE__UNIT_TEST_MODE", "False")

MODELS = {
    "dags": ("DAGResponse", "DAGDetailsResponse", "DAGCollectionResponse", "DAGPatchBody"),
    "dag_tags": ("DagTagResponse",),
    "dag_versions": ("DagVersionResponse",),
    "dag_run": (
        "DAGRunResponse",
        "DAGRunCollectionResponse",
        "TriggerDAGRunPostBody",
        "DAGRunClearBody",
        "DAGRunPatchBody",
    ),
    "task_instances": (
        "TaskInstanceResponse",
        "TaskInstanceCollectionResponse",
        "ClearTaskInstancesBody",
        "PatchTaskInstanceBody",
        "NewTaskResponse",
        "ClearTaskInstanceCollectionResponse",
    ),
    "task_instance_history": ("TaskInstanceHistoryResponse", "TaskInstanceHistoryCollectionResponse"),
    "tasks": ("TaskResponse", "TaskCollectionResponse"),
    "assets": (
        "AssetAliasCollectionResponse",
        "AssetAliasResponse",
        "AssetCollectionResponse",
        "AssetEventCollectionResponse",
        "AssetEventResponse",
        "AssetResponse",
        "CreateAssetEventsBody",
        "DagRunAssetReference",
        "LastAssetEventResponse",
        "QueuedEventCollectionResponse",
        "QueuedEventResponse",
        "TaskOutletAssetReference",
    ),
    "xcom": ("XComResponse", "XComResponseNative", "XComResponseString", "XComCollectionResponse"),
    "import_error": ("ImportErrorResponse", "ImportErrorCollectionResponse"),
    "hitl": (
        "HITLDetail",
        "HITLDetailHistory",
        "HITLDetailCollection",
        "HITLDetailResponse",
        "UpdateHITLDetailPayload",
    ),
    "log": ("TaskInstancesLogResponse",),
    "dag_sources": ("DAGSourceResponse",),
    "monitor": ("HealthInfoResponse",),
    "version": ("VersionInfo",),
    "pools": ("PoolResponse", "PoolCollectionResponse", "PoolBody", "PoolPatchBody"),
    "task_state_store": (
        "TaskStateStoreBody",
        "TaskStateStoreCollectionResponse",
        "TaskStateStoreResponse",
    ),
    "asset_state_store": (
        "AssetStateStoreCollectionResponse",
        "AssetStateStoreLastUpdatedBy",
        "AssetStateStoreResponse",
    ),
    "variables": ("VariableResponse", "VariableCollectionResponse", "VariableBody"),
    "connections": (
        "ConnectionResponse",
        "ConnectionCollectionResponse",
        "ConnectionBody",
        "ConnectionTestResponse",
    ),
}


def fields_of(model: type) -> list[str]:
    mode = "validation" if model.__name__.endswith("Body") else "serialization"
    schema = model.model_json_schema(mode=mode, by_alias=True)
    return sorted(schema["properties"])


def main() -> None:
    import airflow

    recorded = {}
    for module_name, names in MODELS.items():
        module = importlib.import_module(f"airflow.api_fastapi.core_api.datamodels.{module_name}")
        for name in names:
            recorded[name] = fields_of(getattr(module, name))
    document = {"airflow": airflow.__version__, "fields": recorded}
    json.dump(document, sys.stdout, indent=1, sort_keys=True)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
