"""The function `events`: Pub/Sub pushes the bucket's notifications to it."""

import os
from functools import partial

import functions_framework
from cloudevents.http.event import CloudEvent

from sailplane.engine.events import object_changed
from sailplane.engine.journal import set_up as set_up_logging
from sailplane.engine.pushes import pushed_notification
from sailplane.engine.wiring import Once, cloud_from

set_up_logging(os.environ)
_cloud = Once(partial(cloud_from, os.environ))


@functions_framework.cloud_event  # type: ignore[untyped-decorator]
def events(event: CloudEvent) -> None:
    """Wake what waits for the object that changed."""
    about = pushed_notification(event.get_data())
    object_changed(_cloud(), about.bucket, about.name, about.event_type, _cloud().clock)
