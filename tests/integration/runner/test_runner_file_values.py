"""What DAG files read when a template imports them: the supervisor answers, late or not at all."""

import json
import os
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from runner_bench import HERE, PLAIN, Bench, job

from sailplane.runner.config import RunnerConfig
from sailplane.runner.pool import Runner


class Values:
    """Answers that come when the test lets them."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.gate.set()
        self.told: dict[str, str] = {}
        self.pauses: list[float] = []
        """Seconds before the next answers."""

    def variable(self, key: str) -> str | None:
        self.gate.wait(5)
        time.sleep(self.pauses.pop(0) if self.pauses else 0)
        if key == "broken":
            raise ConnectionError("no Firestore")
        return self.told.get(key)

    def connection(self, conn_id: str) -> str | None:
        return f"http://me:s3cret@{conn_id}"

    def looked_in(self) -> str:
        return "the test"


@pytest.fixture
def values() -> Iterator[Values]:
    made = Values()
    yield made
    made.gate.set()


@pytest.fixture
def make(tmp_path: Path, values: Values) -> Iterator[Callable[..., Bench]]:
    """A bench over a bundle whose only file has the text given."""
    benches: list[Bench] = []

    def start(text: str, **settings: Any) -> Bench:
        bundle = tmp_path / "bundle"
        bundle.mkdir()
        (bundle / "bad_days.py").write_text(textwrap.dedent(text))
        env = {**os.environ, "PYTHONPATH": str(HERE)}
        runner = Runner(RunnerConfig(env=env, entry_points=PLAIN, kill_grace=timedelta(seconds=5), **settings), values)
        benches.append(Bench(runner, tmp_path / "spools", bundle))
        return benches[-1]

    yield start
    for bench in benches:
        bench.runner.close()
        bench.threads.shutdown()


FILE = """
    from sailplane import Variable
    VALUE = Variable.get("name")
    DAGS = {"days": {"tell": lambda services, job: VALUE}}
    """


def test_a_file_gets_what_the_supervisor_knows(make: Callable[..., Bench], values: Values) -> None:
    values.told["name"] = "known"
    bench = make(FILE)
    assert json.loads(bench.run("tell").xcoms["return_value"]) == "known"


def test_an_answer_that_comes_after_the_import_was_given_up_is_nobodys(
    make: Callable[..., Bench], values: Values
) -> None:
    bench = make(FILE, import_timeout=timedelta(seconds=0.5))
    values.told["name"] = "late"
    values.pauses.append(1.0)
    error = bench.run("tell").error
    assert error is not None
    assert error.kind == "DagImportTimeout"
    values.told["name"] = "in time"
    assert json.loads(bench.run("tell").xcoms["return_value"]) == "in time"


def test_a_file_hears_that_there_is_no_answer(make: Callable[..., Bench]) -> None:
    error = make(FILE.replace('"name"', '"broken"')).run("tell").error
    assert error is not None
    assert (error.kind, error.file, error.line) == ("Unavailable", "bad_days.py", 3)
    assert "ConnectionError: no Firestore" in error.message


def test_what_is_not_set_is_told_with_the_places(make: Callable[..., Bench]) -> None:
    error = make(FILE).run("tell").error
    assert error is not None
    assert error.kind == "VariableNotFound"
    assert "looked in the test" in error.message


def test_tasks_that_end_while_a_file_asks_are_collected(
    make: Callable[..., Bench], values: Values, tmp_path: Path
) -> None:
    bench = make("DAGS = {'days': {'tell': lambda services, job: 1}}", fresh_process=True)
    (tmp_path / "bundle" / "other.py").write_text(textwrap.dedent(FILE))
    values.told["name"] = "known"
    values.gate.clear()
    first = [bench.start("tell") for _ in range(3)]
    second = bench.start(job("tell", file="other.py"))
    assert [each.result(10).xcoms["return_value"] for each in first] == ["1"] * 3
    values.gate.set()
    assert json.loads(second.result(10).xcoms["return_value"]) == "known"
    assert bench.run("tell").xcoms["return_value"] == "1"


def test_secrets_of_a_file_are_masked_in_its_tasks(make: Callable[..., Bench]) -> None:
    bench = make("""
        from sailplane import Connection
        PASSWORD = Connection.get("warehouse").password
        DAGS = {"days": {"tell": lambda services, job: print("it is", PASSWORD)}}
        """)
    bench.run("tell")
    assert bench.events() == ["it is ***"]
