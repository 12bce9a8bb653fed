"""Resource names: `projects/P/topics/T` and their rules."""

import re
from enum import StrEnum

from localcloud.pubsub.errors import InvalidArgumentError

DELETED_TOPIC = "_deleted-topic_"
"""The topic that a subscription shows once its own was deleted."""

_PROJECT = re.compile(r"projects/([^/]+)")
_RESOURCE_ID = re.compile(r"(?!goog)[A-Za-z][A-Za-z0-9\-._~+%]{2,254}")


class Kind(StrEnum):
    """The three kinds of resources that hold messages."""

    TOPIC = "topics"
    SUBSCRIPTION = "subscriptions"
    SNAPSHOT = "snapshots"


def check_name(kind: Kind, name: str) -> None:
    """Raise InvalidArgumentError unless `name` is a full and well-formed name of that kind.

    Rules: https://cloud.google.com/pubsub/docs/pubsub-basics#resource_names
    """
    parts = name.split("/")
    well_formed = (
        len(parts) == 4
        and parts[0] == "projects"
        and parts[1] != ""
        and parts[2] == kind.value
        and _RESOURCE_ID.fullmatch(parts[3]) is not None
    )
    if not well_formed:
        raise InvalidArgumentError(
            f"Invalid [{kind.value}] name: (name={name}). Expected projects/PROJECT/{kind.value}/ID, where ID starts "
            "with a letter, has 3 to 255 letters, digits or any of -._~+% and does not start with goog."
        )


def check_project(name: str) -> None:
    """Raise InvalidArgumentError unless `name` is `projects/P`."""
    if _PROJECT.fullmatch(name) is None:
        raise InvalidArgumentError(f"Invalid project name: (name={name}). Expected projects/PROJECT.")


def project_of(name: str) -> str:
    """The project id in a full resource name."""
    return name.split("/")[1]
