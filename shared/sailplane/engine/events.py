"""Events from outside: what a bucket's notifications wake."""

from collections.abc import Callable
from datetime import datetime
from functools import partial

from sailplane.cloud.wiring import Cloud
from sailplane.engine.alarms import Alarms

FINALIZED = "OBJECT_FINALIZE"
MOST_FOLDERS = 29
"""One query may ask for 30 events: an object's own name and that many folders around it, the outermost first."""


def object_changed(cloud: Cloud, bucket: str, name: str, event_type: str, clock: Callable[[], datetime]) -> int:
    """Wake the sensors that wait for the object; returns how many. They look for themselves whether it suits them."""
    if event_type != FINALIZED:
        return 0
    alarms = Alarms(cloud, clock)
    woken = 0
    for run, task in cloud.store.waiting_for(*_names(bucket, name)):
        instance = cloud.store.task(run, task)
        if instance is not None:
            woken += bool(alarms.guarded(instance, partial(alarms.wake, instance)))
    return woken


def _names(bucket: str, name: str) -> list[str]:
    """What sensors may wait for that this object is: itself, or anything in one of the folders around it."""
    folders = [""] + [name[: place + 1] for place, letter in enumerate(name) if letter == "/"]
    return [f"gs://{bucket}/{name}", *(f"gs://{bucket}/{folder}*" for folder in folders[:MOST_FOLDERS])]
