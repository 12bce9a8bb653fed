"""A stage of its own for each test: on any emulators, or on the local cloud where the test needs what only that has."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from engine_flights import Flight
from engine_stage import Stage


@pytest.fixture
def stage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stage]:
    if request.node.get_closest_marker("localcloud"):
        own = request.getfixturevalue("own_cloud")
        own.cloud.faults.clear()
        made = Stage(own.environment(), request.getfixturevalue("own_bucket_name"), tmp_path, own=own)
    else:
        own = None
        made = Stage(request.getfixturevalue("emulators"), request.getfixturevalue("bucket_name"), tmp_path)
    yield made
    if own is not None:
        own.cloud.faults.clear()
    made.close()


@pytest.fixture
def flight(stage: Stage) -> Iterator[Flight]:
    made = Flight(stage)
    yield made
    made.worker.close()
    made.runner.close()
