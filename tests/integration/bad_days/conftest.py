"""Standalones to do bad things to."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from bad_day import DAGS, Standalone


@pytest.fixture(scope="session")
def shared_standalone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standalone]:
    folder = tmp_path_factory.mktemp("bad_days")
    running = Standalone(folder / "home", DAGS, "--no-tick")
    yield running.wait_until_ready()
    running.clean_up()


@pytest.fixture
def standalone(shared_standalone: Standalone) -> Iterator[Standalone]:
    """One for all tests that leave it running, without faults and with a clock that tests turn."""
    shared_standalone.clear_faults()
    yield shared_standalone
    shared_standalone.clear_faults()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Standalone]]:
    """Starts standalones on one home, with a copy of the DAG files; none outlives the test."""
    dags = tmp_path / "dags"
    shutil.copytree(DAGS, dags, ignore=shutil.ignore_patterns("__pycache__"))
    started: list[Standalone] = []

    def start_one(*options: str, **variables: str) -> Standalone:
        running = Standalone(tmp_path / "home", dags, *options, **variables)
        started.append(running)
        return running.wait_until_ready()

    yield start_one
    for running in started:
        running.clean_up()
