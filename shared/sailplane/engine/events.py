"""Events that end waits: what a bucket's notifications and the ends of runs wake."""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial

from sailplane.cloud.wiring import Cloud
from sailplane.engine.alarms import Alarms
from sailplane.model.ids import RunKey
from sailplane.model.other_runs import run_event

FINALIZED = "OBJECT_FINALIZE"
MOST_FOLDERS = 29
"""One query may ask for 30 events: an object's own name and that many folders around it, the outermost first."""


def object_changed(cloud: Cloud, bucket: str, name: str, event_type: str, clock: Callable[[], datetime]) -> int:
    """Wake the sensors that wait for the object; returns how many. They look for themselves whether it suits them."""
    return _wake(cloud, _names(bucket, name), clock) if event_type == FINALIZED else 0


def run_ended(cloud: Cloud, run: RunKey, clock: Callable[[], datetime]) -> int:
    """Wake the task that waits for the end of `run`; returns how many. Their alarms find it too, later."""
    return _wake(cloud, [run_event(run.dag_id, run.run_id)], clock)


def _wake(cloud: Cloud, names: Sequence[str], clock: Callable[[], datetime]) -> int:
    alarms = Alarms(cloud, clock)
    woken = 0
    for run, task in cloud.store.waiting_for(*names):
        instance = cloud.store.task(run, task)
        if instance is not None:
            woken += bool(alarms.guarded(instance, partial(alarms.wake, instance)))
    return woken


def _names(bucket: str, name: str) -> list[str]:
    """What sensors may wait for that this object is: itself, or anything in one of the folders around it."""
    folders = [""] + [name[: place + 1] for place, letter in enumerate(name) if letter == "/"]
    return [f"gs://{bucket}/{name}", *(f"gs://{bucket}/{folder}*" for folder in folders[:MOST_FOLDERS])]
