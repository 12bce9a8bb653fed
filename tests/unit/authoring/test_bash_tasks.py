"""Tasks that run a shell command."""

import os
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import pytest
from authored_bundle import Bundle

from sailplane.model.execution import OutcomeKind

DAG_FILE = """
from datetime import timedelta
from sailplane import DAG, BashOperator
with DAG("x"):
    BashOperator(task_id="sh", bash_command={command}, {options})
"""


def shell(bundle: Bundle, command: str, options: str = "", **job: Any) -> Any:
    return bundle.run(bundle.one(DAG_FILE.format(command=repr(command), options=options)), "sh", **job)


@pytest.mark.parametrize(
    ("command", "options", "kind", "error"),
    [
        ("exit 0", "", OutcomeKind.SUCCESS, None),
        ("exit 7", "", OutcomeKind.FAILED, "the command exited with code 7"),
        ("exit 99", "", OutcomeKind.SKIPPED, None),
        ("exit 99", "skip_on_exit_code=None", OutcomeKind.FAILED, "the command exited with code 99"),
        ("exit 7", "skip_on_exit_code=7", OutcomeKind.SKIPPED, None),
        ("exit 8", "skip_on_exit_code=[7, 8]", OutcomeKind.SKIPPED, None),
        ("kill -9 $$", "", OutcomeKind.FAILED, "the command was ended by signal 9"),
        (
            "true",
            "cwd='/no/such/folder'",
            OutcomeKind.FAILED,
            "there is no folder '/no/such/folder', the cwd of task 'sh'",
        ),
    ],
)
def test_the_exit_code_decides(
    bundle: Bundle, command: str, options: str, kind: OutcomeKind, error: str | None
) -> None:
    outcome = shell(bundle, command, options)
    assert outcome.kind is kind
    assert (outcome.error.message if outcome.error else None) == error


@pytest.mark.parametrize(
    ("command", "options", "expected"),
    [
        ("echo one; echo two", "", '"two"'),
        ("echo error >&2", "", '"error"'),
        ("true", "", '""'),
        ("echo '{\"n\": 3}'", "output_processor=__import__('json').loads", '{"n":3}'),
        ("echo {{ ds }} {{ params.n }}", "params={'n': 5}", '"2024-05-01 5"'),
        ("echo $A-$HOME_OF_TEST", "env={'A': '{{ ds }}'}", '"2024-05-01-"'),
        ("echo $A-$HOME_OF_TEST", "env={'A': 'a'}, append_env=True", '"a-here"'),
        ("echo $HOME_OF_TEST", "", '"here"'),
        ("echo $AIRFLOW_CTX_DAG_ID/$AIRFLOW_CTX_TASK_ID", "env={}", '"x/sh"'),
        ("printf '\\xff'", "", '"\\\\xff"'),
        ("printf '\\xe9'", "output_encoding='latin-1'", '"é"'),
        ("basename $PWD", "cwd='/usr'", '"usr"'),
    ],
)
def test_the_last_line_is_the_xcom(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch, command: str, options: str, expected: str
) -> None:
    monkeypatch.setenv("HOME_OF_TEST", "here")
    outcome = shell(bundle, command, options)
    assert outcome.error is None
    assert outcome.xcoms["return_value"] == expected


def test_each_line_goes_to_the_log(bundle: Bundle, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    shell(bundle, "echo one; echo two >&2; exit 1")
    messages = [record.message for record in caplog.records]
    assert messages[:4] == [
        "Running command: echo one; echo two >&2; exit 1",
        "one",
        "two",
        "Command exited with return code 1",
    ]


def test_without_cwd_it_runs_in_a_folder_that_is_removed(bundle: Bundle) -> None:
    outcome = shell(bundle, "touch made; pwd")
    folder = outcome.xcoms["return_value"].strip('"')
    assert "sailplane" in folder
    assert not Path(folder).exists()


def test_a_script_file_is_rendered_and_run(bundle: Bundle) -> None:
    bundle.write("scripts/job.sh", "for i in 1 2; do echo {{ ds }}-$i; done\n")
    assert shell(bundle, "scripts/job.sh").xcoms["return_value"] == '"2024-05-01-2"'


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_a_timeout_ends_the_command_and_what_it_started(bundle: Bundle, tmp_path: Path) -> None:
    command = f"sleep 300 & echo $! > {tmp_path}/pid; trap '' TERM; echo started; wait"
    outcome = shell(bundle, command, "execution_timeout=timedelta(milliseconds=500)")
    assert outcome.error is not None
    assert outcome.error.kind == "AirflowTaskTimeout"
    assert not alive(int((tmp_path / "pid").read_text()))


LEADER = """
import os, sys, threading, signal
os.setpgrp()
sys.path[:0] = {path!r}
from sailplane.hooks.subprocess import SubprocessHook
hook = SubprocessHook()
{then}
def line(text):
    print(os.getpgrp(), text, flush=True)
    {on_line}
hook.run_command(["bash", "-c", "sleep 300 & echo $! $(cut -d' ' -f5 /proc/$!/stat); wait"], on_line=line)
"""


def run_leader(on_line: str, then: str = "") -> tuple[int, int, int]:
    """A process that leads its group runs a command: the process's group, the command's child and that one's group."""
    import subprocess

    code = textwrap.dedent(LEADER).format(path=sys.path, on_line=on_line, then=then)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    group, child, child_group = done.stdout.split()
    return int(group), int(child), int(child_group)


def test_in_a_process_that_leads_its_group_the_command_stays_in_that_group(bundle: Bundle) -> None:
    group, child, child_group = run_leader("os.killpg(os.getpgrp(), signal.SIGKILL)")
    assert child_group == group
    deadline = time.monotonic() + 10
    while alive(child) and time.monotonic() < deadline:
        os.sched_yield()
    assert not alive(child)


def test_ending_it_there_leaves_the_process_itself_alive(bundle: Bundle) -> None:
    _, child, _ = run_leader("hook.end(); sys.exit(0)")
    assert not alive(child)


def test_a_function_may_make_the_command(bundle: Bundle) -> None:
    dag = bundle.one("""
        from sailplane import DAG, task
        with DAG("x"):
            @task.bash(env={"WHO": "{{ dag.dag_id }}"})
            def greet(word, ds=None): return f"echo {word} $WHO {ds} {{{{ run_id }}}}"
            @task.bash
            def nothing(): return ""
            greet("hello")
            nothing()
        """)
    assert bundle.value(dag, "greet") == "hello x 2024-05-01 scheduled__2024-05-01"
    outcome = bundle.run(dag, "nothing")
    assert outcome.error is not None
    assert outcome.error.message == "the function of the @task.bash 'nothing' must return a command, but returned ''"
