"""Executions that are killed, told to stop, started twice, refused, or not there."""

import base64
import os
import signal
import subprocess
import sys

import pytest
from bad_day import Standalone, assert_gone, eventually
from queue_world import command_of, executions, family_of, instances, quiet_executions

from localcloud.faults import FaultKind
from sailplane.cloud import jobs
from sailplane.model.ids import RunKey
from sailplane.model.messages import Message, TaskTicket, TaskWave


@pytest.mark.slow
def test_an_execution_killed_with_its_task_loses_nothing(standalone: Standalone) -> None:
    run_id = standalone.trigger("patient_heavy")
    execution = command_of(standalone.notes.pid(run_id, "long"), "run-task")
    family = family_of(execution)
    execution.kill()
    assert_gone(family)
    standalone.notes.release(run_id, "long")
    with standalone.ticking():
        assert standalone.wait_for_end("patient_heavy", run_id) == "success"
    assert standalone.notes.tries(run_id) == [("after", 1), ("long", 1), ("long", 2)]
    newest, killed = quiet_executions(standalone, "heavy")[:2]
    assert (newest["succeededCount"], killed["failedCount"]) == (1, 1)


def test_an_execution_that_is_told_to_stop_hands_its_task_back_at_no_cost(standalone: Standalone) -> None:
    run_id = standalone.trigger("patient_heavy")
    execution = command_of(standalone.notes.pid(run_id, "long"), "run-task")
    family = family_of(execution)
    execution.send_signal(signal.SIGTERM)
    assert_gone(family)
    standalone.notes.pid(run_id, "long", 2)  # No tick was needed for that, and no lease ran out.
    standalone.notes.release(run_id, "long")
    assert standalone.wait_for_end("patient_heavy", run_id) == "success"
    assert standalone.notes.tries(run_id) == [("after", 1), ("long", 1), ("long", 2)]
    assert instances(standalone, "patient_heavy", run_id)["long"].max_tries == 4 + 1


def test_a_message_that_comes_twice_starts_one_execution(standalone: Standalone) -> None:
    before = len(executions(standalone, "heavy"))
    standalone.inject("pubsub.push", FaultKind.DUPLICATE, times=6)
    run_id = standalone.trigger("patient_heavy")
    standalone.notes.pid(run_id, "long")
    eventually(lambda: not standalone.pending_faults() or len(executions(standalone, "heavy")) > before, "duplicated")
    standalone.notes.release(run_id, "long")
    assert standalone.wait_for_end("patient_heavy", run_id) == "success"
    assert len(quiet_executions(standalone, "heavy")) == before + 1
    assert standalone.notes.repeated(run_id) == {}


def test_an_execution_that_cannot_be_started_now_is_started_later(standalone: Standalone) -> None:
    before = len(executions(standalone, "heavy"))
    standalone.inject("cloudrun.jobs.run", FaultKind.ERROR, times=2, status="503")
    run_id = standalone.trigger("patient_heavy")
    standalone.notes.pid(run_id, "long")
    standalone.notes.release(run_id, "long")
    assert standalone.wait_for_end("patient_heavy", run_id) == "success"
    assert len(quiet_executions(standalone, "heavy")) == before + 1


def test_a_start_whose_answer_was_lost_runs_the_task_once(standalone: Standalone) -> None:
    """Another is made unless the first execution is quicker; the one that comes second ends with code 0."""
    before = len(executions(standalone, "heavy"))
    standalone.inject("cloudrun.jobs.run", FaultKind.LOST_ANSWER)
    run_id = standalone.trigger("patient_heavy")
    standalone.notes.pid(run_id, "long")
    eventually(lambda: not standalone.pending_faults(), "the answer was lost")
    standalone.notes.release(run_id, "long")
    assert standalone.wait_for_end("patient_heavy", run_id) == "success"
    assert standalone.notes.repeated(run_id) == {}
    made = len(quiet_executions(standalone, "heavy")) - before
    assert made in (1, 2)
    assert [one.get("succeededCount") for one in quiet_executions(standalone, "heavy")[:made]] == [1] * made


def run_task(standalone: Standalone, ticket: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "sailplane.cli", "run-task", "--ticket", ticket],
        env={**os.environ, **standalone.environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def ticket_for(standalone: Standalone, dag_id: str, run_id: str, task_id: str, run_id_told: str = "") -> str:
    run = standalone.cloud.store.run(RunKey(dag_id, run_id))
    assert run is not None
    context = run.context
    if run_id_told:
        context = type(context)(**{**context.__dict__, "run_id": run_id_told})
    ticket = TaskTicket(task_id=task_id, token="1.000000000")
    return jobs.encode(Message(wave=TaskWave(run=context, run_token=run.token, tickets=(ticket,), queue="heavy")))


def test_a_ticket_for_a_task_that_has_ended_changes_nothing(standalone: Standalone) -> None:
    run_id = standalone.trigger("mixed")
    assert standalone.wait_for_end("mixed", run_id) == "success"
    before = instances(standalone, "mixed", run_id)
    done = run_task(standalone, ticket_for(standalone, "mixed", run_id, "job"))
    assert done.returncode == 0, done.stderr
    assert instances(standalone, "mixed", run_id) == before


def test_a_ticket_for_a_run_that_is_gone_is_nothing_to_do(standalone: Standalone) -> None:
    run_id = standalone.trigger("mixed")
    done = run_task(standalone, ticket_for(standalone, "mixed", run_id, "job", run_id_told="another"))
    assert done.returncode == 0
    assert "Nothing to do: there is no task instance job" in done.stderr
    standalone.wait_for_end("mixed", run_id)


@pytest.mark.parametrize("ticket", ["no base64!", base64.b64encode(b"no message").decode()])
def test_what_is_no_ticket_is_an_error(standalone: Standalone, ticket: str) -> None:
    done = run_task(standalone, ticket)
    assert done.returncode == 2
    assert done.stderr.startswith("Error: not a ")
    assert "SAILPLANE_TICKET" in done.stderr
    assert "Traceback" not in done.stderr
