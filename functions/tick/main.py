"""The function `tick`: Cloud Scheduler calls it every minute."""

import os
import threading
from dataclasses import asdict
from functools import partial
from typing import Any

import flask

from sailplane.engine.journal import set_up as set_up_logging
from sailplane.engine.serving import on_sigterm
from sailplane.engine.tick import tick as run_tick
from sailplane.engine.wiring import Once, cloud_from

set_up_logging(os.environ)
_cloud = Once(partial(cloud_from, os.environ))
_told_to_stop = threading.Event()
on_sigterm(_told_to_stop.set)


def tick(request: flask.Request) -> dict[str, Any]:
    """Start what is due and answer what is overdue; the answer tells how much that was."""
    return asdict(run_tick(_cloud(), _cloud().clock, sleep=_told_to_stop.wait))
