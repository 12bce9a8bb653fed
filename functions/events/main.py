"""The function `events`: Pub/Sub pushes the bucket's notifications to it."""

import os
from functools import partial

from cloudevents.http.event import CloudEvent

from sailplane.engine.events import object_changed
from sailplane.engine.runs import utc_now
from sailplane.engine.wiring import Once, cloud_from

_cloud = Once(partial(cloud_from, os.environ))


def events(event: CloudEvent) -> None:
    """Wake what waits for the object that changed."""
    about = event.get_data()["message"]["attributes"]
    object_changed(_cloud(), about["bucketId"], about["objectId"], about["eventType"], utc_now)
