"""What is made of a `sailplane.toml` on one machine, and the tickets that executions get."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sailplane.cloud import jobs
from sailplane.deploy.config import QueueKind
from sailplane.engine.jobs import launch_alarm, launchable
from sailplane.engine.single_task import renewed, ticket_of
from sailplane.model.errors import CorruptRecord, SettingsError
from sailplane.model.ids import RunKey
from sailplane.model.messages import Message, TaskTicket, TaskWave
from sailplane.model.runs import DagRun, RunContext, TaskInstance
from sailplane.model.states import RunState, RunType, TaskState
from sailplane.standalone.home import Home
from sailplane.standalone.queues import job_spec, pull_command, pull_environment, read_config, served_queues

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
TOML = """
[queues.gpu]
kind = "job"
timeout = 7200
env = { MODEL = "large" }
[queues.vm]
kind = "pull"
concurrency = 3
"""


def context(**fields: object) -> RunContext:
    known = {
        "dag_id": "flight",
        "run_id": "one",
        "version": 1,
        "bundle": "b",
        "file": "f.py",
        "run_type": RunType.MANUAL,
        "logical_date": None,
        "data_interval_start": None,
        "data_interval_end": None,
        "run_after": NOON,
        "started_at": None,
    }
    return RunContext(**{**known, **fields})  # type: ignore[arg-type]


def wave(*tickets: TaskTicket) -> TaskWave:
    return TaskWave(run=context(), run_token="1.0", tickets=tickets, queue="gpu")


def queued(**fields: object) -> TaskInstance:
    known = {"run": RunKey("flight", "one"), "task_id": "heavy", "state": TaskState.QUEUED, "token": "5.0"}
    return TaskInstance(**{**known, **fields})  # type: ignore[arg-type]


TICKET = TaskTicket(task_id="heavy", token="5.0")


def test_the_file_beside_the_dags_is_read_unless_another_is_named(tmp_path: Path) -> None:
    assert list(read_config(tmp_path, None).queues) == ["default"]
    (tmp_path / "sailplane.toml").write_text(TOML)
    assert list(read_config(tmp_path, None).queues) == ["default", "gpu", "vm"]
    other = tmp_path / "other.toml"
    other.write_text("[queues.swift]")
    assert list(read_config(tmp_path, other).queues) == ["default", "swift"]


def test_a_file_that_is_named_and_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"none\.toml"):
        read_config(tmp_path, tmp_path / "none.toml")


def test_a_job_and_a_pull_worker_know_queue_limit_and_variables(tmp_path: Path) -> None:
    (tmp_path / "sailplane.toml").write_text(TOML)
    home = Home(tmp_path)
    _default, gpu, vm = served_queues(read_config(tmp_path, None), tmp_path, home, print)
    spec = job_spec(gpu, "sailplane-gpu", home, {"BASE": "yes"})
    assert spec.command[1:] == ("-m", "sailplane.cli", "run-task")
    assert spec.timeout == timedelta(hours=2)
    assert spec.env == {
        "BASE": "yes",
        "MODEL": "large",
        "SAILPLANE_QUEUE": "gpu",
        "SAILPLANE_REQUEST_LIMIT": "7200",
    }
    assert vm.kind is QueueKind.PULL
    assert pull_command(vm)[1:] == ("-m", "sailplane.cli", "worker", "--queue", "vm")
    assert pull_environment(vm, {})["SAILPLANE_WORKER_CONCURRENCY"] == "3"


def test_a_ticket_survives_its_way_through_a_variable() -> None:
    message = Message(wave=wave(TICKET))
    assert jobs.decode(jobs.encode(message)) == message


@pytest.mark.parametrize("text", ["", "?", "bm8="])
def test_what_is_no_ticket_is_refused(text: str) -> None:
    with pytest.raises(CorruptRecord):
        jobs.decode(text)


def test_an_execution_takes_exactly_one_ticket() -> None:
    with pytest.raises(CorruptRecord):
        ticket_of(Message(wave=wave(TICKET, TICKET)))
    with pytest.raises(CorruptRecord):
        ticket_of(Message())


@pytest.mark.parametrize(
    ("stored", "is_due"),
    [
        pytest.param(queued(), True, id="never launched"),
        pytest.param(queued(token="9.0"), True, id="not launched, written since: a failed launch was taken back"),
        pytest.param(queued(token="9.0", worker="job gpu"), False, id="launched already"),
        pytest.param(queued(token="5.0", worker="job gpu"), True, id="launched in vain, its alarm published it again"),
        pytest.param(queued(try_number=2), False, id="a later try"),
        pytest.param(queued(state=TaskState.RUNNING), False, id="running"),
        pytest.param(queued(state=TaskState.SUCCESS), False, id="ended"),
    ],
)
def test_an_execution_is_started_for_what_is_queued_and_has_none(stored: TaskInstance, is_due: bool) -> None:
    assert launchable([stored], [TICKET]) == ([stored] if is_due else [])


def test_the_wait_for_an_execution_doubles_up_to_a_limit() -> None:
    minutes = [launch_alarm(alarms).total_seconds() / 60 for alarms in (0, 1, 2, 3, 4, 100)]
    assert minutes == [5, 10, 20, 40, 40, 40]


def test_an_execution_claims_the_task_as_it_stands_now() -> None:
    run = DagRun(context=context(conf={"long": "x"}), state=RunState.RUNNING, queued_at=NOON, token="3.0")
    now = renewed(wave(TICKET), TICKET, run, queued(token="9.0"))
    assert now.wave is not None
    assert now.wave.tickets[0].token == "9.0"
    assert (now.wave.run.conf, now.wave.run_token) == ({"long": "x"}, "3.0")
    later = renewed(wave(TICKET), TICKET, run, queued(token="9.0", try_number=2))
    assert later.wave is not None
    assert later.wave.tickets[0].token == "5.0"
