"""Tasks that misbehave: each fails with a clear reason, and the runner lives on and leaks nothing."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import msgspec
import psutil
import pytest
from runner_bench import HERE, Bench, is_running, job, wait_for

from sailplane.model.execution import Outcome, OutcomeKind
from sailplane.runner.pool import Cancellation

BROKEN_FILES = {
    "broken.py": "'Cannot be imported.'\n\nprint('on the way')\n1 / 0\n",
    "unreadable.py": "def f(:\n    pass\n",
    "slow.py": "import time\n\ntry:\n    time.sleep(30)\nexcept Exception:\n    pass\n",
    "crashing.py": "import os\n\nos._exit(7)\n",
    "deaf.py": "import signal, time\n\nsignal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM])\ntime.sleep(30)\n",
    "surrogate.py": "raise ValueError('no \\udcff')\n",
    "rude.py": (
        "import os, stat\n\n"
        "for fd in map(int, os.listdir('/proc/self/fd')):\n"
        "    try:\n"
        "        fd > 2 and stat.S_ISSOCK(os.fstat(fd).st_mode) and os.write(fd, b'rubbish')\n"
        "    except OSError:\n"
        "        pass\n"
    ),
    "good.py": "import os\n\nDAGS = {'good': {'pid': lambda services, job: os.getpid()}}\n",
}


@pytest.fixture
def broken_bundle(tmp_path: Path) -> Path:
    folder = tmp_path / "broken"
    folder.mkdir()
    for name, text in BROKEN_FILES.items():
        (folder / name).write_text(text)
    return folder


def good_pid(bench: Bench, bundle: Path) -> int:
    return value(bench.run(job("pid", file="good.py", dag_id="good"), bundle=bundle))


def value(outcome: Outcome):
    assert outcome.kind is OutcomeKind.SUCCESS, outcome
    return msgspec.json.decode(outcome.xcoms["return_value"])


@pytest.mark.parametrize(
    ("task", "kind", "words"),
    [
        ("exit_now", "TaskProcessExited", "exit status 3"),
        ("exit_zero", "TaskProcessExited", "exit status 0"),
        ("segfault", "TaskProcessKilled", "signal 11 (SIGSEGV)"),
        ("kill_self", "TaskProcessKilled", "signal 9 (SIGKILL)"),
        ("close_all", "TaskProcessDisconnected", "closed its connection"),
        ("write_rubbish", "TaskProcessGarbled", "no message"),
        ("flood_control", "TaskProcessGarbled", "no message"),
        ("no_memory", "MemoryError", "too much"),
        ("system_exit", "SystemExit", "4"),
        ("raise_what_utf_8_cannot_hold", "ValueError", "no \\udcff"),
        ("end_self", "TaskProcessKilled", "signal 15 (SIGTERM)"),
        ("unknown", "KeyError", "unknown"),
    ],
)
def test_a_task_that_breaks_its_process_fails_with_the_reason(bench: Bench, task: str, kind: str, words: str) -> None:
    outcome = bench.run(task)
    assert outcome.kind is OutcomeKind.FAILED
    assert outcome.error is not None
    assert outcome.error.kind == kind
    assert words in outcome.error.message
    assert value(bench.run("pid")) > 0


@pytest.mark.parametrize("task", ["no_memory", "leave_thread", "close_output", "limit_files"])
def test_a_spoilt_process_runs_no_other_task(bench: Bench, task: str) -> None:
    before = value(bench.run("pid"))
    bench.run(task)
    assert value(bench.run("pid")) != before
    wait_for(lambda: not is_running(before))


def test_closing_file_descriptors_and_then_ending_fails_with_the_reason(bench: Bench) -> None:
    outcome = bench.run("close_all_and_end")
    assert outcome.kind is OutcomeKind.FAILED


def test_a_forked_copy_that_comes_back_too_does_not_answer(bench: Bench) -> None:
    for _ in range(5):
        assert value(bench.run("fork_and_return")) == "original"


def test_a_forked_copy_cannot_ask_and_does_not_disturb(bench: Bench) -> None:
    assert value(bench.run("fork_and_ask")) == ["InternalError", "Seattle"]


@pytest.mark.parametrize("task", ["leave_process", "leave_daemon"])
def test_processes_that_a_task_leaves_behind_are_killed_and_its_own_is_reused(bench: Bench, task: str) -> None:
    before = value(bench.run("pid"))
    left = value(bench.run(task))
    assert not is_running(left)
    assert value(bench.run("pid")) == before


@pytest.mark.parametrize("task", ["leave_process_and_crash", "leave_daemon_and_crash"])
def test_processes_of_a_task_that_crashed_are_killed(bench: Bench, task: str) -> None:
    assert bench.run(task).kind is OutcomeKind.FAILED
    left = int(bench.events()[0])
    wait_for(lambda: not is_running(left))


@pytest.mark.parametrize("task", ["sleep", "sleep_with_process", "ignore_signals"])
def test_a_cancelled_task_is_killed_with_its_processes(bench: Bench, task: str) -> None:
    cancellation = Cancellation()
    running = bench.start(task, cancellation=cancellation)
    wait_for(lambda: bench.last_spool.exists() and bench.log())
    pid = int(bench.events()[0].split()[1])
    cancellation.cancel("marked failed by somebody")
    cancellation.cancel("again")
    outcome = running.result(5)
    assert outcome.kind is OutcomeKind.KILLED
    assert outcome.error is not None
    assert outcome.error.message == "marked failed by somebody"
    wait_for(lambda: not is_running(pid))
    assert value(bench.run("pid")) > 0


def test_a_task_that_was_cancelled_before_it_began_does_not_begin(bench: Bench) -> None:
    cancellation = Cancellation()
    cancellation.cancel("too late")
    assert bench.run("sleep", cancellation=cancellation).kind is OutcomeKind.KILLED
    assert not bench.last_spool.exists()


def test_a_task_that_waits_for_a_slot_can_be_cancelled(make_bench: Callable[..., Bench]) -> None:
    bench = make_bench(slots=1)
    first = Cancellation()
    running = bench.start("sleep", cancellation=first)
    bench.await_log("sleeping")
    second = Cancellation()
    waiting = bench.start("pid", cancellation=second)
    wait_for(bench.runner._roster.waiting_bundles)
    second.cancel("not needed any more")
    assert waiting.result(5).kind is OutcomeKind.KILLED
    first.cancel("enough")
    assert running.result(5).kind is OutcomeKind.KILLED


def test_an_execution_timeout_is_noticed_by_the_task_itself(bench: Bench) -> None:
    before = time.monotonic()
    outcome = bench.run(job("sleep", execution_timeout=timedelta(seconds=0.2)))
    assert time.monotonic() - before < 5
    assert outcome.kind is OutcomeKind.FAILED
    assert outcome.error is not None
    assert outcome.error.kind == "AirflowTaskTimeout"
    assert outcome.error.message == "too slow"


def test_a_task_that_ignores_its_execution_timeout_is_killed(bench: Bench) -> None:
    outcome = bench.run(job("ignore_signals", execution_timeout=timedelta(seconds=0.1)))
    assert outcome.kind is OutcomeKind.FAILED
    assert outcome.error is not None
    assert outcome.error.kind == "AirflowTaskTimeout"
    assert "did not react" in outcome.error.message
    pid = int(bench.events()[0].split()[1])
    wait_for(lambda: not is_running(pid))


def test_a_task_that_runs_longer_than_its_queue_allows_fails_with_advice(bench: Bench) -> None:
    outcome = bench.run(job("sleep", time_limit=timedelta(seconds=4)))  # Enough for a process to be forked first.
    assert outcome.kind is OutcomeKind.FAILED
    assert outcome.error is not None
    assert "longer than this queue allows; give it a queue of kind job or pull" in outcome.error.message


@pytest.mark.parametrize(
    ("file", "kind", "line", "words"),
    [
        ("broken.py", "ZeroDivisionError", 4, "division by zero"),
        ("unreadable.py", "SyntaxError", 1, "invalid syntax"),
        ("surrogate.py", "ValueError", 1, "no \\udcff"),
        ("missing.py", "FileNotFoundError", None, "No such file"),
        ("slow.py", "DagImportTimeout", 4, "not imported within 0.5 s"),
    ],
)
def test_a_file_that_cannot_be_imported_fails_its_tasks_with_file_and_line(
    make_bench: Callable[..., Bench], broken_bundle: Path, file: str, kind: str, line: int | None, words: str
) -> None:
    bench = make_bench(import_timeout=timedelta(seconds=0.5), kill_grace=timedelta(seconds=5))
    outcome = bench.run(job("any", file=file), bundle=broken_bundle)
    assert outcome.kind is OutcomeKind.FAILED
    assert outcome.error is not None
    assert (outcome.error.kind, outcome.error.file, outcome.error.line) == (kind, file, line)
    assert words in outcome.error.message
    assert words in bench.events()[-1]
    assert good_pid(bench, broken_bundle) > 0


def test_a_dag_that_its_file_does_not_have_fails_the_task(bench: Bench) -> None:
    outcome = bench.run(job("pid", dag_id="other"))
    assert outcome.error is not None
    assert outcome.error.kind == "DagNotFound"


def test_a_file_that_ends_the_interpreter_fails_its_tasks_only(bench: Bench, broken_bundle: Path) -> None:
    outcome = bench.run(job("any", file="crashing.py"), bundle=broken_bundle)
    assert outcome.kind is OutcomeKind.FAILED
    assert outcome.error is not None
    assert "ended with exit status 7 while it imported crashing.py" in outcome.error.message
    assert good_pid(bench, broken_bundle) > 0


def test_a_file_that_writes_to_our_socket_fails_its_tasks_only(bench: Bench, broken_bundle: Path) -> None:
    outcome = bench.run(job("any", file="rude.py"), bundle=broken_bundle)
    assert outcome.kind is OutcomeKind.FAILED
    assert outcome.error is not None
    assert outcome.error.kind == "TemplateProcessEnded"
    assert good_pid(bench, broken_bundle) > 0


def test_an_import_that_cannot_be_interrupted_is_given_up(
    make_bench: Callable[..., Bench], broken_bundle: Path
) -> None:
    bench = make_bench(import_timeout=timedelta(seconds=1))
    outcome = bench.run(job("any", file="deaf.py"), bundle=broken_bundle)
    assert outcome.error is not None
    assert outcome.error.kind == "DagImportTimeout"
    assert good_pid(bench, broken_bundle) > 0


def test_a_template_that_dies_takes_its_running_task_with_it_and_is_replaced(bench: Bench) -> None:
    outcome = bench.run("kill_template")
    assert outcome.kind is OutcomeKind.FAILED
    assert outcome.error is not None
    assert outcome.error.kind == "TemplateProcessEnded"
    assert value(bench.run("pid")) > 0


def test_a_template_that_died_while_idle_is_replaced_unnoticed(bench: Bench) -> None:
    child = value(bench.run("pid"))
    template = psutil.Process(child).parent()
    assert template is not None
    template.kill()
    wait_for(lambda: not is_running(child))
    assert value(bench.run("pid")) != child


def test_idle_children_that_died_are_replaced_unnoticed(bench: Bench) -> None:
    for _ in range(5):
        os.kill(value(bench.run("pid")), signal.SIGKILL)
    assert value(bench.run("pid")) > 0


def test_closing_the_runner_ends_running_and_waiting_tasks(make_bench: Callable[..., Bench]) -> None:
    bench = make_bench(slots=1)
    running = bench.start("ignore_signals")
    bench.await_log("deaf")
    waiting = bench.start("pid")
    wait_for(bench.runner._roster.waiting_bundles)
    bench.runner.close()
    assert running.result(5).kind is OutcomeKind.KILLED
    assert waiting.result(5).kind is OutcomeKind.KILLED
    assert bench.run("pid").kind is OutcomeKind.KILLED
    bench.runner.prepare(bench.bundle, "good.py")


def test_a_daemon_thread_that_outlives_its_task_cannot_ask_in_the_name_of_the_next(
    make_bench: Callable[..., Bench],
) -> None:
    bench = make_bench(slots=1)
    before = value(bench.run("leave_asking_thread"))
    for _ in range(20):
        assert value(bench.run("pid")) == before


def test_cancelling_at_any_moment_leaves_the_runner_whole(bench: Bench) -> None:
    cancellations = [Cancellation() for _ in range(60)]
    running = [bench.start(task, cancellation=c) for task, c in zip(["pid", "nap"] * 30, cancellations, strict=True)]
    for cancellation in random.sample(cancellations, 40):
        cancellation.cancel("at random")
        time.sleep(0.002)
    outcomes = [future.result(30) for future in running]
    assert [outcome.error for outcome in outcomes if outcome.kind is OutcomeKind.FAILED] == []
    assert {outcome.kind for outcome in outcomes} == {OutcomeKind.SUCCESS, OutcomeKind.KILLED}
    assert value(bench.run("pid")) > 0


def test_many_bad_tasks_at_once_leak_nothing(bench: Bench) -> None:
    tasks = ["exit_now", "kill_self", "pid", "leave_daemon", "no_memory", "leave_process_and_crash", "speak"] * 6
    outcomes = [future.result(30) for future in [bench.start(task) for task in tasks]]
    assert {outcome.kind for outcome in outcomes} == {OutcomeKind.SUCCESS, OutcomeKind.FAILED}
    assert all(
        (outcome.kind is OutcomeKind.SUCCESS) == (task in ("pid", "leave_daemon", "speak"))
        for task, outcome in zip(tasks, outcomes, strict=True)
    )


def test_when_the_supervisor_is_killed_everything_below_it_ends(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE), *sys.path])}
    supervisor = subprocess.Popen([sys.executable, str(HERE / "lonely_supervisor.py"), str(tmp_path)], env=environment)
    try:
        wait_for(lambda: (tmp_path / "spool").exists() and (tmp_path / "spool").read_text().count("sleeping"), 10)
        below = [process.pid for process in psutil.Process(supervisor.pid).children(recursive=True)]
        assert len(below) == 3
    finally:
        supervisor.kill()
        supervisor.wait()
    wait_for(lambda: not any(is_running(pid) for pid in below))
