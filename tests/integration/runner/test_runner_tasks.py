"""Tasks that behave: values, services, logs, reuse of processes."""

import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import msgspec
from runner_bench import Bench, is_running, job, wait_for

from sailplane.model.execution import OutcomeKind
from sailplane.runner.config import EntryPoints
from sailplane.runner.pool import Cancellation


def value(outcome):
    assert outcome.kind is OutcomeKind.SUCCESS, outcome
    return msgspec.json.decode(outcome.xcoms["return_value"])


def test_a_task_returns_its_value_and_leaves_no_file_when_it_says_nothing(bench: Bench) -> None:
    assert value(bench.run("pid")) > 0
    assert not bench.last_spool.exists()


def test_a_task_gets_variables_connections_and_xcoms(bench: Bench) -> None:
    assert value(bench.run("variables")) == ["Seattle", None, "http://web"]
    assert value(bench.run("xcom")) == '"extract:3:return_value"'


def test_a_service_that_fails_raises_in_the_task(bench: Bench) -> None:
    assert value(bench.run("broken_variable")) == "Unavailable: ConnectionError: no Firestore"


def test_threads_of_a_task_may_ask_at_the_same_time(bench: Bench) -> None:
    assert value(bench.run("variables_from_threads")) == "Seattle"


def test_values_of_many_megabytes_pass_both_ways(bench: Bench) -> None:
    assert value(bench.run("big_variable")) == 3_000_000
    assert len(value(bench.run("big_value"))) == 20_000_000


def test_a_warm_process_runs_the_next_task(bench: Bench) -> None:
    assert value(bench.run("pid")) == value(bench.run("pid"))
    assert bench.runner._roster.alive == 1


def test_a_fresh_process_runs_every_task_when_that_is_asked_for(make_bench: Callable[..., Bench]) -> None:
    bench = make_bench(fresh_process=True)
    assert len({value(bench.run("pid")) for _ in range(5)}) == 5


def test_tasks_side_by_side_get_a_process_each_up_to_the_slots(bench: Bench) -> None:
    pids = [future.result(10) for future in [bench.start("nap") for _ in range(8)]]
    assert len({value(pid) for pid in pids}) == 4


def test_many_short_tasks_at_once_all_run(bench: Bench) -> None:
    outcomes = [future.result(20) for future in [bench.start("pid") for _ in range(200)]]
    assert all(outcome.kind is OutcomeKind.SUCCESS for outcome in outcomes)


def test_a_second_file_of_the_bundle_is_loaded_when_a_task_needs_it(bench: Bench) -> None:
    first = value(bench.run("pid"))
    second = value(bench.run(job("pid", file="good.py", dag_id="good")))
    assert second != first
    assert value(bench.run(job("pid", file="good.py", dag_id="good"))) == second


def test_a_full_runner_ends_an_idle_process_for_another_bundle(
    make_bench: Callable[..., Bench], tmp_path: Path
) -> None:
    bench = make_bench(slots=1)
    first = value(bench.run("pid"))
    (tmp_path / "bundle").mkdir()
    (tmp_path / "bundle" / "good.py").write_text("DAGS = {'good': {'pid': lambda services, job: 1}}\n")
    assert value(bench.run(job("pid", file="good.py", dag_id="good"), bundle=tmp_path / "bundle")) == 1
    wait_for(lambda: not is_running(first))
    assert bench.runner._roster.alive == 1


def test_prepare_imports_ahead_without_waiting(bench: Bench) -> None:
    bench.runner.prepare(bench.bundle, "bad_days.py")
    wait_for(lambda: bench.runner._nurseries[bench.bundle]._loaded)
    assert bench.runner._roster.alive == 0


def test_idle_processes_end_after_their_time_and_superseded_templates_too(
    make_bench: Callable[..., Bench], tmp_path: Path
) -> None:
    bench = make_bench(idle_child_timeout=timedelta(seconds=0.2))
    first = value(bench.run("pid"))
    wait_for(lambda: not is_running(first) and bench.runner._roster.alive == 0)
    assert bench.bundle in bench.runner._nurseries
    (tmp_path / "good.py").write_text("DAGS = {'good': {'pid': lambda services, job: 1}}\n")
    bench.run(job("pid", file="good.py", dag_id="good"), bundle=tmp_path)
    wait_for(lambda: bench.bundle not in bench.runner._nurseries)
    assert value(bench.run("pid")) != first


def test_prints_records_and_output_of_subprocesses_are_kept_in_order(bench: Bench) -> None:
    bench.run("speak")
    log = bench.log()
    assert [record["event"] for record in log] == ["first", "second 2", "no end", "third", "fourth", "last without end"]
    assert [record["level"] for record in log] == ["info", "warning", "info", "error", "info", "info"]
    assert [record["logger"] for record in log][:4] == ["task.stdout", "my.logger", "task.stdout", "root"]
    assert "ZeroDivisionError" in log[3]["exception"]
    assert all(record["timestamp"].endswith("Z") for record in log)


def test_stderr_becomes_errors_and_warnings_become_warnings(bench: Bench) -> None:
    bench.run("speak_to_stderr")
    assert {(r["event"], r["level"], r["logger"]) for r in bench.log()} == {
        ("to stderr", "error", "task.stderr"),
        ("also", "error", "task.stderr"),
    }
    bench.run("warn")
    [record] = bench.log()
    assert (record["level"], record["logger"]) == ("warning", "py.warnings")
    assert "old ways" in record["event"]


def test_bytes_that_are_no_utf_8_are_replaced(bench: Bench) -> None:
    bench.run("speak_bytes")
    assert bench.events() == ["café \ufffd\ufffd bad", "\ufffd"]


def test_c_code_is_heard_during_its_own_task(bench: Bench) -> None:
    bench.run("print_in_c")
    assert bench.events() == ["from C"]


def test_a_long_line_is_split_between_characters(bench: Bench) -> None:
    bench.run("print_long_line")
    events = bench.events()
    assert "".join(events) == "ä" * 100_000
    assert max(len(event.encode()) for event in events) <= 64 * 1024


def test_a_hundred_megabytes_of_output_are_kept_up_to_the_limit_and_then_counted(
    make_bench: Callable[..., Bench],
) -> None:
    bench = make_bench(log_bytes_limit=2_000_000)
    assert value(bench.run("print_much")) == "done"
    assert bench.last_spool.stat().st_size < 2_001_000
    last = bench.log()[-2:]
    assert "reached its limit of 2,000,000 bytes" in last[0]["event"]
    kept = sum(1 for event in bench.events() if event == "x" * 99)
    assert last[1]["event"] == f"{100_000_000 - kept * 100:,} bytes of further output were not kept."


def test_what_a_task_changed_in_its_process_does_not_reach_the_next(make_bench: Callable[..., Bench]) -> None:
    bench = make_bench(slots=1, env={"KEEP": "this"})
    before = value(bench.run("look_around"))
    assert value(bench.run("make_a_mess")) == before["pid"]
    after = value(bench.run("look_around"))
    assert after == before
    assert bench.events() == ["heard", "logged"]


def test_children_draw_different_random_numbers(make_bench: Callable[..., Bench]) -> None:
    bench = make_bench(fresh_process=True)
    assert len({value(bench.run("draw")) for _ in range(4)}) == 4


def test_processor_time_and_memory_are_those_of_the_task(bench: Bench) -> None:
    assert 0.15 < bench.run("work").cpu_seconds < 2
    assert bench.run("grow").max_rss_mib > 80
    quiet = bench.run("pid")
    assert quiet.cpu_seconds < 0.1
    assert quiet.max_rss_mib < 80


def test_user_code_sees_the_environment_that_was_given(make_bench: Callable[..., Bench]) -> None:
    bench = make_bench()
    assert value(bench.run("environment")) == str(Path(__file__).parent)


def test_the_real_authoring_package_is_found(make_bench: Callable[..., Bench], tmp_path: Path) -> None:
    bench = make_bench(entry_points=EntryPoints())
    (tmp_path / "flow.py").write_text(
        "from sailplane.authoring.dag import DAG\n"
        "from sailplane.operators.python import PythonOperator\n"
        "with DAG('flow'):\n"
        "    PythonOperator(task_id='one', python_callable=lambda: print('hello') or 41 + 1)\n"
    )
    outcome = bench.run(job("one", file="flow.py", dag_id="flow"), bundle=tmp_path)
    assert outcome.kind is OutcomeKind.SUCCESS, outcome
    assert "42" in outcome.xcoms["return_value"]
    assert "hello" in bench.events()


def test_a_real_task_that_is_cancelled_hears_of_it_and_one_that_somebody_else_ends_has_failed(
    make_bench: Callable[..., Bench], tmp_path: Path
) -> None:
    bench = make_bench(entry_points=EntryPoints(), kill_grace=timedelta(seconds=10))
    (tmp_path / "flow.py").write_text(
        "import os, signal, time\n"
        "from sailplane.authoring.dag import DAG\n"
        "from sailplane.authoring.operator import BaseOperator\n"
        "class Slow(BaseOperator):\n"
        "    def execute(self, context):\n"
        "        print('working')\n"
        "        if self.task_id == 'ended': os.kill(os.getpid(), signal.SIGTERM)\n"
        "        time.sleep(30)\n"
        "    def on_kill(self):\n"
        "        print('cleaning up')\n"
        "with DAG('flow'):\n"
        "    Slow(task_id='slow')\n"
        "    Slow(task_id='ended')\n"
    )
    ended = bench.run(job("ended", file="flow.py", dag_id="flow"), bundle=tmp_path)
    assert ended.kind is OutcomeKind.FAILED
    assert ended.error is not None
    assert ended.error.kind == "TaskProcessKilled"
    cancellation = Cancellation()
    running = bench.start(job("slow", file="flow.py", dag_id="flow"), bundle=tmp_path, cancellation=cancellation)
    bench.await_log("working")
    cancellation.cancel("marked failed")
    assert running.result(10).kind is OutcomeKind.KILLED
    assert "cleaning up" in bench.events()


def test_callers_wait_on_their_own_threads_only(bench: Bench) -> None:
    bench.run("pid")
    names = {thread.name for thread in threading.enumerate() if thread.name.startswith("sailplane")}
    assert len(names) == 1
