"""Events from outside: what a bucket's notifications wake."""

from collections.abc import Callable
from datetime import datetime
from functools import partial

from sailplane.cloud.wiring import Cloud
from sailplane.engine.alarms import Alarms

FINALIZED = "OBJECT_FINALIZE"


def object_changed(cloud: Cloud, bucket: str, name: str, event_type: str, clock: Callable[[], datetime]) -> int:
    """Wake the sensors that wait for the object; returns how many. They look for themselves whether it suits them."""
    if event_type != FINALIZED:
        return 0
    alarms = Alarms(cloud, clock)
    woken = 0
    for run, task in cloud.store.waiting_for(f"gs://{bucket}/{name}"):
        instance = cloud.store.task(run, task)
        if instance is not None:
            woken += bool(alarms.guarded(instance, partial(alarms.wake, instance)))
    return woken
