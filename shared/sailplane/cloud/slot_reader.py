"""Reading who waits for slots, and how many are taken."""

import threading
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sailplane.cloud import codec, slot_codec
from sailplane.cloud.firestore import Firestore, RunAggregationQueryRequest
from sailplane.cloud.reader import AND, OPERATORS, Reader, select
from sailplane.cloud.together import Together
from sailplane.model.dags import DEFAULT_POOL
from sailplane.model.limits import deferred, pool_limit
from sailplane.model.pools import UNLIMITED, Pool, Turn
from sailplane.model.runs import TaskInstance
from sailplane.model.states import TaskState

_KNOWN_SECONDS = 30.0
MOST_LIMITS = 30
"""Values that Firestore allows in one question for any of them."""


class SlotReader(Reader):
    """Pools, and the task instances that hold or want places in limits."""

    def __init__(self, firestore: Firestore) -> None:
        super().__init__(firestore)
        self.together = Together()
        """What this process decides about limits at the same moment."""
        self._freed: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._default: tuple[float, bool] | None = None

    def note_freed(self, places: Mapping[str, int]) -> None:
        """Places of limits became free in this process: whoever decides next for all gives away so many."""
        with self._lock:
            self._freed.update(places)

    def take_freed(self, limits: Iterable[str]) -> Counter[str]:
        """How many places of `limits` became free since the last decision about them."""
        with self._lock:
            return Counter({name: self._freed.pop(name, 0) for name in limits})

    def pool(self, name: str) -> Pool | None:
        found = self._get([slot_codec.pool_path(name)])
        return slot_codec.read_pool(found[0]) if found else None

    def is_default_pool_limited(self) -> bool:
        """Whether somebody gave the default pool a number of slots or a rate, as of the last half minute."""
        now = time.monotonic()
        if self._default is None or now - self._default[0] > _KNOWN_SECONDS:
            pool = self.pool(DEFAULT_POOL)
            self._default = now, pool is not None and (pool.slots != UNLIMITED or bool(pool.rate))
        return self._default[1]

    def forget_default_pool(self) -> None:
        """Have it read again: it was changed here."""
        self._default = None

    def pools(self) -> list[Pool]:
        """All that have a document, by name; one read each."""
        return [slot_codec.read_pool(document) for document in self._list("", "pools")]

    def turns(self, pools: Iterable[str], limits: Iterable[str]) -> tuple[dict[str, Pool], dict[str, Turn]]:
        """The pools and the turns of limits that have a document, by name, in one call; one read each."""
        pool_paths = [slot_codec.pool_path(name) for name in pools]
        found = self._get([*pool_paths, *(slot_codec.turn_path(name) for name in limits)])
        root = len(self._firestore.root) + 1
        read_pools = [slot_codec.read_pool(each) for each in found if each.name[root:] in pool_paths]
        read_turns = [slot_codec.read_turn(each) for each in found if each.name[root:] not in pool_paths]
        return {pool.name: pool for pool in read_pools}, {turn.limit: turn for turn in read_turns}

    def waiting(self, limits: Sequence[str], *, limit: int, after: str = "") -> list[TaskInstance]:
        """The first task instances, by rank, that wait for any of `limits`; those behind the rank `after`."""
        query = select("tasks", all_descendants=True)
        field_filter = query.where.field_filter
        field_filter.field.field_path = "wants"
        field_filter.op = OPERATORS.Value("ARRAY_CONTAINS_ANY")
        for name in limits[:MOST_LIMITS]:
            field_filter.value.array_value.values.add().string_value = name
        query.order_by.add().field.field_path = "rank"
        if after:
            query.start_at.values.add().string_value = after
            query.start_at.before = False
        query.limit.value = limit
        return [codec.read_task(document) for document in self._run("", query)]

    def places(self, limit: str, *, running: bool = False, waiting: bool = False) -> int:
        """How many places task instances take in a limit, or want; one read a thousand of them."""
        query = select("tasks", all_descendants=True)
        query.where.composite_filter.op = AND
        _contains(query.where.composite_filter.filters.add(), "wants" if waiting else "holds", limit)
        if running:
            state = query.where.composite_filter.filters.add().field_filter
            state.field.field_path = "state"
            state.op = OPERATORS.Value("EQUAL")
            state.value.string_value = TaskState.RUNNING
        return self._sum(query, "pool_slots")

    def deferred_places(self, pool: str) -> int:
        """How many slots of a pool the deferred task instances would take."""
        return self.places(deferred(pool_limit(pool)))

    def count_holding(self, limit: str) -> int:
        """How many task instances have a place in a limit; one read a thousand."""
        query = select("tasks", all_descendants=True)
        _contains(query.where, "holds", limit)
        return self._count("", query)

    def _sum(self, query: Any, field: str) -> int:
        request = RunAggregationQueryRequest(parent=self._parent(""))
        aggregation = request.structured_aggregation_query
        aggregation.structured_query.CopyFrom(query)
        summed = aggregation.aggregations.add()
        summed.alias = "n"
        summed.sum.field.field_path = field
        return self._firestore.count(request)


def _contains(target: Any, field: str, value: str) -> None:
    target.field_filter.field.field_path = field
    target.field_filter.op = OPERATORS.Value("ARRAY_CONTAINS")
    target.field_filter.value.string_value = value
