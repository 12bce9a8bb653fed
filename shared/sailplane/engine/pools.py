"""Pools, as people make and change them."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

from sailplane.cloud import slot_codec
from sailplane.cloud.changes import Create, Delete, Replace
from sailplane.cloud.committer import Committed
from sailplane.cloud.wiring import Cloud
from sailplane.engine import turns
from sailplane.engine.draft import nonce
from sailplane.engine.progress import Progress
from sailplane.engine.slots import Slots
from sailplane.model.dags import DEFAULT_POOL, SerializedDag
from sailplane.model.errors import AlreadyExists, NotFound
from sailplane.model.limits import pool_limit
from sailplane.model.pools import DEFAULT, UNLIMITED, InvalidPool, Pool, checked

Clock = Callable[[], datetime]


@dataclass(frozen=True, kw_only=True)
class PoolUse:
    """A pool and what is taken of it: slots, not task instances."""

    pool: Pool
    running: int
    queued: int
    scheduled: int
    """What those would take that wait for slots."""
    deferred: int

    @property
    def occupied(self) -> int:
        return self.running + self.queued + (self.deferred if self.pool.include_deferred else 0)

    @property
    def open(self) -> int:
        """How many are free; `UNLIMITED` where there is no limit."""
        return UNLIMITED if self.pool.slots == UNLIMITED else self.pool.slots - self.occupied


def get(cloud: Cloud, name: str) -> Pool:
    """The pool `name`. Raises `NotFound`."""
    pool = cloud.store.slots.pool(name)
    if pool is None and name == DEFAULT_POOL:
        return DEFAULT
    if pool is None:
        raise NotFound(f"there is no pool {name!r}; `sailplane pools list` shows those that there are")
    return pool


def all_pools(cloud: Cloud) -> list[Pool]:
    """All, by name; the default pool is always one of them."""
    found = {DEFAULT_POOL: DEFAULT} | {pool.name: pool for pool in cloud.store.slots.pools()}
    return [found[name] for name in sorted(found)]


def use(cloud: Cloud, pool: Pool) -> PoolUse:
    """What is taken of `pool`; four reads a thousand task instances."""
    reader, limit = cloud.store.slots, pool_limit(pool.name)
    running = reader.places(limit, running=True)
    return PoolUse(
        pool=pool,
        running=running,
        queued=max(reader.places(limit) - running, 0),
        scheduled=reader.places(limit, waiting=True),
        deferred=reader.deferred_places(pool.name),
    )


def put(cloud: Cloud, pool: Pool, clock: Clock) -> Pool:
    """Make `pool`, or change it to this; what it has room for now is queued. Raises `InvalidPool`."""
    return _written(cloud, checked(pool).name, lambda _: pool, clock)


def create(cloud: Cloud, pool: Pool, clock: Clock) -> Pool:
    """Make `pool`. Raises `InvalidPool` or `AlreadyExists`."""

    def new(there: Pool | None) -> Pool:
        if there is not None:
            raise AlreadyExists(f"there is a pool {pool.name!r} already; change it instead")
        return pool

    return _written(cloud, checked(pool).name, new, clock)


def change(cloud: Cloud, name: str, fields: Mapping[str, Any], clock: Clock) -> Pool:
    """Change `fields` of the pool `name`. Raises `NotFound` or `InvalidPool`."""

    def changed(there: Pool | None) -> Pool:
        return checked(replace(there if there is not None else get(cloud, name), **fields))

    return _written(cloud, name, changed, clock)


def delete(cloud: Cloud, name: str) -> None:
    """Delete the pool `name`; what waits for it waits until there is one again. Raises `NotFound` or `InvalidPool`."""
    if name == DEFAULT_POOL:
        raise InvalidPool(f"{DEFAULT_POOL!r} cannot be deleted; give it {UNLIMITED} slots")
    get(cloud, name)
    cloud.store.commit([Delete(slot_codec.pool_path(name))])


def missing(cloud: Cloud, dags: Iterable[SerializedDag]) -> tuple[str, ...]:
    """What to tell the authors of `dags` whose tasks name pools that there are not; one read for each pool named."""
    first: dict[str, tuple[str, str]] = {}
    for dag in dags:
        for task in dag.tasks:
            if task.pool != DEFAULT_POOL:
                first.setdefault(task.pool, (dag.dag_id, task.task_id))
    there, _ = cloud.store.slots.turns(first, ())
    return tuple(
        f"task {task_id!r} of DAG {dag_id!r} names the pool {name!r}, which does not exist: it waits until "
        f"`sailplane pools set {name} SLOTS` makes it"
        for name, (dag_id, task_id) in first.items()
        if name not in there
    )


def admit(cloud: Cloud, name: str, clock: Clock) -> None:
    """Queue what waits for the pool `name`, as far as it has room."""
    progress = Progress(cloud, clock, on_close=partial(turns.start_waiting, cloud, clock))
    Slots(cloud, clock, progress.publish).admit([pool_limit(name)])


def _written(cloud: Cloud, name: str, decide: Callable[[Pool | None], Pool], clock: Clock) -> Pool:
    while True:
        there = cloud.store.slots.pool(name)
        wanted = replace(decide(there), claim=nonce(), token=there.token if there else "")
        if there is not None and wanted.rate == there.rate:
            wanted = replace(wanted, allowance=there.allowance, counted_at=there.counted_at)
        result = cloud.store.commit([Replace(wanted) if there is not None else Create(wanted)])
        if isinstance(result, Committed):
            cloud.store.slots.forget_default_pool()
            admit(cloud, name, clock)
            return replace(wanted, token=result.tokens[0])
