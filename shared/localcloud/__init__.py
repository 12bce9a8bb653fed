"""Google Cloud's serverless parts on one machine: Firestore, Pub/Sub, Cloud Storage, Scheduler and a small Cloud Run.

Every part speaks the wire protocol of the real one, so any Google client in any language works on it unchanged.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from localcloud.cloudrun.jobs_spec import JobSpec
    from localcloud.cloudrun.spec import FunctionSpec, SignatureType, Spawn
    from localcloud.cloudrun.zygote import ForkedZygote, fork_zygote
    from localcloud.config import Endpoints, External, LocalCloudConfig
    from localcloud.faults import Fault, FaultKind
    from localcloud.scheduler import RetryConfig, SchedulerJob
    from localcloud.server import LocalCloud
    from localcloud.storage.notifications import BucketNotification, EventType
    from localcloud.thread import LocalCloudThread

__all__ = [
    "BucketNotification",
    "Endpoints",
    "EventType",
    "External",
    "Fault",
    "FaultKind",
    "ForkedZygote",
    "FunctionSpec",
    "JobSpec",
    "LocalCloud",
    "LocalCloudConfig",
    "LocalCloudThread",
    "RetryConfig",
    "SchedulerJob",
    "SignatureType",
    "Spawn",
    "fork_zygote",
]
_HOMES = {
    "BucketNotification": "localcloud.storage.notifications",
    "Endpoints": "localcloud.config",
    "EventType": "localcloud.storage.notifications",
    "External": "localcloud.config",
    "Fault": "localcloud.faults",
    "FaultKind": "localcloud.faults",
    "ForkedZygote": "localcloud.cloudrun.zygote",
    "FunctionSpec": "localcloud.cloudrun.spec",
    "JobSpec": "localcloud.cloudrun.jobs_spec",
    "LocalCloud": "localcloud.server",
    "LocalCloudConfig": "localcloud.config",
    "LocalCloudThread": "localcloud.thread",
    "RetryConfig": "localcloud.scheduler",
    "SchedulerJob": "localcloud.scheduler",
    "SignatureType": "localcloud.cloudrun.spec",
    "Spawn": "localcloud.cloudrun.spec",
    "fork_zygote": "localcloud.cloudrun.zygote",
}


def __getattr__(name: str) -> Any:
    """Import on demand: the processes inside instances use this package too, and must stay small."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
