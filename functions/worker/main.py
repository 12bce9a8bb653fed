"""The function `worker`: Pub/Sub pushes task waves to it."""

import os
from functools import partial

import functions_framework
from cloudevents.http.event import CloudEvent

from sailplane.engine.journal import set_up as set_up_logging
from sailplane.engine.pushes import pushed_data
from sailplane.engine.serving import TIME_TO_LEAVE, on_sigterm
from sailplane.engine.wiring import Once, leave, worker_from

set_up_logging(os.environ)
_worker = Once(partial(worker_from, os.environ))
on_sigterm(partial(leave, _worker, TIME_TO_LEAVE))


@functions_framework.cloud_event  # type: ignore[untyped-decorator]
def worker(event: CloudEvent) -> None:
    """Work off one message. An exception answers 500, and Pub/Sub brings the message again."""
    _worker().handle(pushed_data(event.get_data()))
