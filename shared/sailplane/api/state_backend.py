"""What the REST API asks of the state stores."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

from sailplane.model.state_store import Entry, Owner

if TYPE_CHECKING:
    from sailplane.cloud.wiring import Cloud


class StateBackend(Protocol):
    """State of task instances and assets, as people see and set it."""

    def entries(self, owner: Owner) -> Sequence[Entry]:
        """All that have not expired, by key."""

    def entry(self, owner: Owner, key: str) -> Entry | None: ...

    def put(self, entry: Entry) -> None:
        """Set it, whether it is there or not."""

    def delete(self, owner: Owner, key: str) -> None:
        """Delete it, if it is there."""

    def clear(self, owner: Owner) -> None: ...

    def has_asset(self, asset: int) -> bool:
        """Whether there is an asset with this id."""


class EngineStates:
    """The state stores of a cloud. The engine is imported when it is first needed."""

    def __init__(self, cloud: "Cloud") -> None:
        self._store = cloud.store

    def entries(self, owner: Owner) -> Sequence[Entry]:
        from sailplane.engine import state_store

        return state_store.entries(self._store, owner, datetime.now(UTC))

    def entry(self, owner: Owner, key: str) -> Entry | None:
        from sailplane.engine import state_store

        return state_store.entry(self._store, owner, key, datetime.now(UTC))

    def put(self, entry: Entry) -> None:
        from sailplane.engine import state_store

        state_store.put(self._store, entry)

    def delete(self, owner: Owner, key: str) -> None:
        from sailplane.engine import state_store

        state_store.delete(self._store, owner, key)

    def clear(self, owner: Owner) -> None:
        from sailplane.engine import state_store

        state_store.clear(self._store, owner)

    def has_asset(self, asset: int) -> bool:
        return asset in self._store.assets.get([asset])
