"""The function `worker`: Pub/Sub pushes task waves to it."""

import os
from functools import partial

import functions_framework
from cloudevents.http.event import CloudEvent

from sailplane.engine import journal, serving
from sailplane.engine.pushes import pushed_data
from sailplane.engine.wiring import Once, leave, worker_from

journal.set_up(os.environ)
_worker = Once(partial(worker_from, os.environ))
serving.on_sigterm(partial(leave, _worker, serving.TIME_TO_LEAVE))


@functions_framework.cloud_event  # type: ignore[untyped-decorator]
def worker(event: CloudEvent) -> None:
    """Work off one message. An exception answers 500, and Pub/Sub brings the message again."""
    _worker().handle(pushed_data(event.get_data()))
