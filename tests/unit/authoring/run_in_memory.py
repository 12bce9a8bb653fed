"""Whole runs in this process, as `sailplane.testing` makes them, in an order that a seed decides."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from authored_bundle import run_context

from sailplane.authoring.dag import DAG
from sailplane.authoring.serialization import serialize
from sailplane.engine.memory import RunMemory
from sailplane.model import xcom
from sailplane.model.ids import TaskKey
from sailplane.model.runs import TaskInstance
from sailplane.model.states import RunState
from sailplane.testing.clock import SkippingClock
from sailplane.testing.given import Given
from sailplane.testing.logbook import LogBook
from sailplane.testing.loop import RunLoop

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
RETURN_VALUE = "return_value"


@dataclass(frozen=True)
class MemoryRun:
    """One run: what it was when it ended."""

    run: RunState
    instances: dict[TaskKey, TaskInstance]

    @property
    def states(self) -> dict[str, str]:
        return {str(key): str(instance.state) for key, instance in sorted(self.instances.items())}

    @property
    def values(self) -> dict[str, Any]:
        return {
            str(key): xcom.loads(instance.xcoms[RETURN_VALUE])
            for key, instance in sorted(self.instances.items())
            if RETURN_VALUE in instance.xcoms
        }

    @property
    def map_names(self) -> dict[str, str]:
        return {str(key): each.map_name for key, each in sorted(self.instances.items()) if each.map_name}

    def errors(self) -> dict[str, str]:
        return {str(key): each.error.message for key, each in self.instances.items() if each.error}


def run_in_memory(dag: DAG, seed: int = 0, **fields: Any) -> MemoryRun:
    """Run `dag` to its end, one try after the other, in an order that follows from `seed`."""
    order = random.Random(seed)

    def choose(queued: Sequence[TaskInstance]) -> Sequence[TaskInstance]:
        return [order.choice(sorted(queued, key=lambda each: each.key))] if queued else ()

    memory = RunMemory(run_context(dag, **fields), "", serialize(dag, "flow.py"))
    book = LogBook(keeps_output=False)
    loop = RunLoop(dag, memory, Given(), book, SkippingClock(lambda: NOW), choose=choose)
    loop.run()
    return MemoryRun(loop.state, {each.key: each for each in loop.instances})
