"""A standalone with a queue of each kind."""

import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

BAD_DAYS = Path(__file__).parents[1] / "bad_days"
sys.path.append(str(BAD_DAYS))  # Its standalone, to which bad things can be done.

from bad_day import Standalone  # noqa: E402

DAGS = Path(__file__).parent / "dags"


@pytest.fixture(scope="session")
def dags(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("queues") / "dags"
    shutil.copytree(DAGS, folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(BAD_DAYS / "dags" / "noted.py", folder)
    return folder


@pytest.fixture(scope="session")
def shared_standalone(dags: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standalone]:
    running = Standalone(tmp_path_factory.mktemp("shared") / "home", dags, "--no-tick")
    yield running.wait_until_ready()
    running.clean_up()


@pytest.fixture
def standalone(shared_standalone: Standalone) -> Iterator[Standalone]:
    """One for all tests that leave it running, without faults and with a clock that tests turn."""
    shared_standalone.clear_faults()
    yield shared_standalone
    shared_standalone.clear_faults()


@pytest.fixture
def start(dags: Path, tmp_path: Path) -> Iterator[Callable[..., Standalone]]:
    """Starts standalones on one home; none outlives the test."""
    started: list[Standalone] = []

    def start_one(*options: str, **variables: str) -> Standalone:
        started.append(Standalone(tmp_path / "home", dags, *options, **variables))
        return started[-1].wait_until_ready()

    yield start_one
    for running in started:
        running.clean_up()
