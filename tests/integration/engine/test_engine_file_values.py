"""Variables and Connections at the top level of DAG files: when they are pushed, and when a worker imports them."""

import os
import textwrap
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from engine_flights import Flight
from engine_stage import Stage

from sailplane.engine import registry, runs, stored_values
from sailplane.model.dags import ParsedBundle
from sailplane.model.errors import Unavailable
from sailplane.model.execution import ReadingServices
from sailplane.model.ids import RunKey
from sailplane.model.values import Connection, Variable
from sailplane.standalone.registration import parse_folder

TABLES = """
    from sailplane import DAG, Connection, Variable, task

    tables = Variable.get("tables", deserialize_json=True)
    warehouse = Connection.get("warehouse")
    key = Variable.get("api_key", "none")

    with DAG("flight"):
        for table in tables:
            @task(task_id=f"load_{table}")
            def load(table):
                print(f"loading {table} from {warehouse.host} with {warehouse.password} and {key}")
                return table

            load(table)
    """
WAREHOUSE = Connection(conn_id="warehouse", conn_type="postgres", host="db.example.org", password="hunter22-p@ss")


class Told:
    """Answers from dicts, or as a test says."""

    def __init__(self, variables: dict[str, str] | None = None) -> None:
        self.variables = variables or {}
        self.asked: list[str] = []

    def variable(self, key: str) -> str | None:
        self.asked.append(key)
        return self.variables.get(key)

    def connection(self, conn_id: str) -> str | None:
        return None

    def looked_in(self) -> str:
        return "the test's dict"


def write(folder: Path, **files: str) -> None:
    for name, text in files.items():
        (folder / f"{name}.py").write_text(textwrap.dedent(text))


def parse(folder: Path, values: ReadingServices, seconds: float = 30) -> ParsedBundle:
    return parse_folder({**os.environ, "SAILPLANE_IMPORT_TIMEOUT": str(seconds)}, folder, values)


def fly(stage: Stage, flight: Flight, text: str) -> RunKey:
    write(stage.bundle, dags=text)
    parsed = parse(stage.bundle, flight.values)
    assert not parsed.errors, parsed.errors
    registry.push(stage.cloud, stage.bundle, parsed, stage.clock())
    key = runs.trigger(stage.cloud, "flight", now=stage.clock(), run_id="only").key
    while taken := stage.bus.take():
        for data in taken:
            flight.worker.handle(data)
    return key


def test_tasks_are_made_of_what_the_store_says(stage: Stage, flight: Flight) -> None:
    stored_values.put(stage.cloud.store, [Variable(key="tables", value='["a", "b"]'), WAREHOUSE])
    key = fly(stage, flight, TABLES)
    assert stage.states(key) == {"load_a": "success", "load_b": "success"}
    assert "loading a from db.example.org" in flight.log(stage.instance(key, "load_a"))


def test_secrets_that_a_file_has_read_are_masked_in_the_logs_of_its_tasks(stage: Stage, flight: Flight) -> None:
    secret = Variable(key="api_key", value="k3y-of-variable")
    stored_values.put(stage.cloud.store, [Variable(key="tables", value='["a", "b"]'), WAREHOUSE, secret])
    key = fly(stage, flight, TABLES)
    for task_id in ("load_a", "load_b"):
        log = flight.log(stage.instance(key, task_id))
        assert "from db.example.org with *** and ***" in log
        assert "hunter22" not in log
        assert "k3y" not in log


def test_a_variable_that_is_not_set_is_the_files_error(stage: Stage, flight: Flight) -> None:
    write(stage.bundle, dags=TABLES)
    (error,) = parse(stage.bundle, flight.values).errors
    assert "line 4: VariableNotFound: the Variable 'tables' is not set; looked in the environment" in error.message
    assert "then the store" in error.message


@pytest.mark.localcloud
def test_who_reads_nothing_pays_nothing(stage: Stage, flight: Flight) -> None:
    write(stage.bundle, dags="from sailplane import DAG, EmptyOperator\nwith DAG('d'): EmptyOperator(task_id='t')\n")
    before = stage.count()
    assert not parse(stage.bundle, flight.values).errors
    assert stage.since(before) == {}


GOOD = """
    from sailplane import DAG, EmptyOperator, Variable
    with DAG(Variable.get("{0}")):
        EmptyOperator(task_id="t")
    """


def test_one_who_does_not_answer_costs_that_file_alone(tmp_path: Path) -> None:
    class Broken(Told):
        def variable(self, key: str) -> str | None:
            if key == "broken":
                raise Unavailable("Firestore did not answer")
            return super().variable(key)

    write(tmp_path, a=GOOD.format("one"), b=GOOD.format("broken"), c=GOOD.format("two"))
    parsed = parse(tmp_path, Broken({"one": "dag_one", "two": "dag_two"}))
    assert sorted(dag.dag_id for dag in parsed.dags) == ["dag_one", "dag_two"]
    (error,) = parsed.errors
    assert (error.file, "Firestore did not answer" in error.message) == ("b.py", True)


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


@pytest.mark.parametrize("stubborn", ["", "import signal; signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM])"])
def test_an_answer_that_comes_too_late_is_nobodys(tmp_path: Path, gate: threading.Event, stubborn: str) -> None:
    class Slow(Told):
        def variable(self, key: str) -> str | None:
            if key == "slow":
                gate.wait(6)
            return super().variable(key)

    slow = f"{stubborn}\n{textwrap.dedent(GOOD.format('slow'))}"
    write(tmp_path, a=slow, b=GOOD.format("quick"))
    threading.Timer(1.5, gate.set).start()
    parsed = parse(tmp_path, Slow({"slow": "dag_slow", "quick": "dag_quick"}), seconds=1 if not stubborn else 0.2)
    assert [dag.dag_id for dag in parsed.dags if dag.dag_id != "dag_slow"] == ["dag_quick"]


def test_programs_that_a_file_leaves_behind_keep_nobody_waiting(tmp_path: Path) -> None:
    text = """
        import subprocess
        from sailplane import DAG, EmptyOperator, Variable
        subprocess.Popen(["sleep", "30"], start_new_session=True, close_fds=False)
        with DAG(Variable.get("name")):
            EmptyOperator(task_id="t")
        """
    write(tmp_path, a=text)
    told = Told({"name": "made"})
    assert [dag.dag_id for dag in parse(tmp_path, told).dags] == ["made"]
    assert told.asked == ["name"]


def test_threads_and_forks_of_a_file_have_the_environment_alone(tmp_path: Path) -> None:
    text = """
        import threading
        from sailplane import DAG, EmptyOperator, Variable
        found = []
        thread = threading.Thread(target=lambda: found.append(Variable.get("name", "absent")))
        thread.start()
        thread.join()
        with DAG(f"{found[0]}_{Variable.get('name')}"):
            EmptyOperator(task_id="t")
        """
    write(tmp_path, a=text)
    assert [dag.dag_id for dag in parse(tmp_path, Told({"name": "made"})).dags] == ["absent_made"]
