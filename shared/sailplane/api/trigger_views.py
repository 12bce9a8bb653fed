"""Triggers as the REST API shows them: what a deferred task instance waits for."""

from typing import Any
from uuid import NAMESPACE_URL, uuid5

import msgspec

from sailplane.model.runs import TaskInstance
from sailplane.model.states import TaskState
from sailplane.model.xcom_codecs import TYPE

_MOST = 2**31
HIDDEN = "***"


def trigger_view(instance: TaskInstance) -> dict[str, Any] | None:
    """The trigger of a deferred task instance; None of any other. Its arguments by name alone: they may be secrets."""
    resumption = instance.resumption
    if instance.state is not TaskState.DEFERRED or resumption is None or resumption.trigger is None:
        return None
    pending = resumption.trigger
    return {
        # Airflow's clients want a number, and there is none.
        "id": uuid5(NAMESPACE_URL, f"{instance.run}/{instance.key.document_id}").int % _MOST,
        "classpath": pending.classpath,
        "kwargs": str(dict.fromkeys(_names(pending.kwargs), HIDDEN)),
        "created_date": pending.asleep_since,
        "queue": None,
        "triggerer_id": None,
    }


def _names(kwargs: str) -> list[str]:
    """Of arguments in their envelope; none of those that stand in the bucket."""
    decoded = msgspec.json.decode(kwargs, type=dict[str, Any]) if kwargs else {}
    return [] if TYPE in decoded else list(decoded)
