"""`task_state_store` and `asset_state_store` of the context, under Airflow's names."""

import json
import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from sailplane.model.execution import ChildServices, TaskJob
from sailplane.model.state_store import (
    LARGE_VALUE,
    RETENTION,
    StateOwner,
    StateRequest,
    StateVerb,
    check_key,
    encode_value,
)

NEVER_EXPIRE: timedelta = timedelta.max
"""As `retention`: the entry is kept for ever."""
_log = logging.getLogger("task")


async def in_thread(call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """What `call` returns, without holding up the event loop."""
    import asyncio  # Late: few tasks need it, and it takes longer to import than all of this.

    return await asyncio.to_thread(call, *args, **kwargs)


class StateAccessor:
    """Entries of one owner. Each method asks the store; those that begin with `a` can be awaited."""

    def __init__(self, services: ChildServices, job: TaskJob) -> None:
        self._services = services
        self._job = job

    def _request(self, verb: StateVerb, **fields: Any) -> StateRequest:
        raise NotImplementedError

    def get(self, key: str, default: Any = None) -> Any:
        """The value under `key`; `default` when there is none."""
        check_key(key)
        text = self._ask(StateVerb.GET, key=key)
        return default if text is None else json.loads(text)

    def delete(self, key: str) -> None:
        """Delete the entry, if it is there."""
        check_key(key)
        self._ask(StateVerb.DELETE, key=key)

    def clear(self) -> None:
        """Delete all entries."""
        self._ask(StateVerb.CLEAR)

    async def aget(self, key: str, default: Any = None) -> Any:
        """`get`, without holding up the event loop."""
        return await in_thread(self.get, key, default)

    async def adelete(self, key: str) -> None:
        """`delete`, without holding up the event loop."""
        await in_thread(self.delete, key)

    async def aclear(self) -> None:
        """`clear`, without holding up the event loop."""
        await in_thread(self.clear)

    def _set(self, key: str, value: Any, expires_at: datetime | None = None) -> None:
        text = encode_value(key, value)
        if len(text) > LARGE_VALUE:
            _log.warning(
                "The value under %r is %d bytes; over %d it is better put into the bucket, and its name here",
                key,
                len(text),
                LARGE_VALUE,
            )
        self._ask(StateVerb.SET, key=key, value=text, expires_at=expires_at)

    def _ask(self, verb: StateVerb, **fields: Any) -> str | None:
        return self._services.state(self._request(verb, **fields))


class TaskStateStoreAccessor(StateAccessor):
    """`task_state_store`: what a task instance keeps over its tries, and after its end."""

    def __repr__(self) -> str:
        return f"<TaskStateStoreAccessor {self._job.key}>"

    def set(self, key: str, value: Any, *, retention: timedelta | None = None) -> None:
        """Keep `value`, anything that JSON knows but None, for `retention`: 30 days, or `NEVER_EXPIRE`.

        Raises `InvalidEntry`, a ValueError, for what cannot be stored.
        """
        self._set(key, value, _expiry(retention))

    async def aset(self, key: str, value: Any, *, retention: timedelta | None = None) -> None:
        """`set`, without holding up the event loop."""
        await in_thread(self.set, key, value, retention=retention)

    def _request(self, verb: StateVerb, **fields: Any) -> StateRequest:
        return StateRequest(
            verb=verb, owner=StateOwner.TASK, task_id=self._job.task_id, map_index=self._job.map_index, **fields
        )


def _expiry(retention: timedelta | None) -> datetime | None:
    if retention == NEVER_EXPIRE:
        return None
    return datetime.now(UTC) + (RETENTION if retention is None else retention)
