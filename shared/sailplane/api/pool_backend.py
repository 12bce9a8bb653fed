"""What the faces ask of pools."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

from sailplane.model.pools import Pool

if TYPE_CHECKING:
    from sailplane.cloud.wiring import Cloud
    from sailplane.engine.pools import PoolUse


class PoolBackend(Protocol):
    """Pools, as people see and set them."""

    def all(self) -> Sequence[Pool]:
        """By name; the default pool is always there."""

    def use(self, pool: Pool) -> "PoolUse":
        """What is taken of it now."""

    def create(self, pool: Pool) -> Pool:
        """Raises `AlreadyExists` or `InvalidPool`."""

    def put(self, pool: Pool) -> Pool:
        """Make it, or change it to this. Raises `InvalidPool`."""

    def change(self, name: str, fields: Mapping[str, Any]) -> Pool:
        """Raises `NotFound` or `InvalidPool`."""

    def delete(self, name: str) -> None:
        """Raises `NotFound` or `InvalidPool`."""


class EnginePools:
    """The pools of a cloud. The engine is imported when it is first needed."""

    def __init__(self, cloud: "Cloud") -> None:
        self._cloud = cloud

    def all(self) -> Sequence[Pool]:
        from sailplane.engine import pools

        return pools.all_pools(self._cloud)

    def use(self, pool: Pool) -> "PoolUse":
        from sailplane.engine import pools

        return pools.use(self._cloud, pool)

    def create(self, pool: Pool) -> Pool:
        from sailplane.engine import pools

        return pools.create(self._cloud, pool, _now)

    def put(self, pool: Pool) -> Pool:
        from sailplane.engine import pools

        return pools.put(self._cloud, pool, _now)

    def change(self, name: str, fields: Mapping[str, Any]) -> Pool:
        from sailplane.engine import pools

        return pools.change(self._cloud, name, fields, _now)

    def delete(self, name: str) -> None:
        from sailplane.engine import pools

        pools.delete(self._cloud, name)


def _now() -> datetime:
    return datetime.now(UTC)
