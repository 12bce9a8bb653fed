"""The function `worker`: Pub/Sub pushes task waves to it."""

import base64
import os
from functools import partial

from cloudevents.http.event import CloudEvent

from sailplane.engine.wiring import Once, worker_from

_worker = Once(partial(worker_from, os.environ))


def worker(event: CloudEvent) -> None:
    """Work off one message. An exception answers 500, and Pub/Sub brings the message again."""
    _worker().handle(base64.b64decode(event.get_data()["message"]["data"]))
