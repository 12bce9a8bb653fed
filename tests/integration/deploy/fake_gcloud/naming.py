"""Short names and full ones."""

from typing import Any

from fake_gcloud.cloud import Cloud
from fake_gcloud.errors import GcloudError


def short(name: str) -> str:
    """The last part of a name such as `projects/p/topics/t`."""
    return name.rsplit("/", 1)[-1]


def topic_path(cloud: Cloud, topic: str) -> str:
    return topic if topic.startswith("projects/") else f"projects/{cloud.project}/topics/{topic}"


def whole_seconds(length: Any) -> str:
    """A duration as the APIs write it."""
    return f"{int(length)}s" if float(length).is_integer() else f"{length}s"


def need_project(cloud: Cloud, named: str) -> None:
    """Raises unless it is this project, by id or number, that is named."""
    if named not in (cloud.project, cloud.number):
        raise GcloudError(
            f"[tester@example.com] does not have permission to access projects instance [{named}] (or it may not "
            "exist): The caller does not have permission. This command is authenticated as tester@example.com."
        )
