"""One try of a task, from its job to its outcome."""

import logging
import signal
from datetime import timedelta
from typing import Any

import pytest
from authored_bundle import LOGICAL_DATE, Bundle

from sailplane.model import xcom
from sailplane.model.execution import OutcomeKind, XComRef

TASKFLOW = """
from datetime import timedelta
from sailplane import DAG, task, get_current_context, TaskGroup
from sailplane import AirflowSkipException, AirflowFailException, AirflowException, AirflowTaskTimeout
with DAG("x", params={{"n": 1}}) as dag:
    @task{options}
    def f({signature}):
        {body}
    f({call})
"""


def taskflow(body: str, signature: str = "", options: str = "", call: str = "") -> str:
    return TASKFLOW.format(body=body.replace("\n", "\n        "), signature=signature, options=options, call=call)


def test_a_chain_of_tasks_hands_values_on(bundle: Bundle) -> None:
    dag = bundle.one("""
        from sailplane import DAG, task
        with DAG("x"):
            @task
            def extract(): return [1, 2, 3]
            @task
            def stats(values) -> dict[str, int]: return {"sum": sum(values), "count": len(values)}
            @task
            def show(total, count): return f"{total} of {count}"
            s = stats(extract())
            show(s["sum"], s["count"])
        """)
    values = bundle.value(dag, "extract")
    outcome = bundle.run(dag, "stats", xcoms={"extract": values})
    assert outcome.xcoms == {"sum": "6", "count": "3", "return_value": '{"sum":6,"count":3}'}
    bundle.services.xcoms = {XComRef(task_id="stats", key=key): value for key, value in outcome.xcoms.items()}
    assert bundle.value(dag, "show") == "6 of 3"


@pytest.mark.parametrize(
    ("body", "kind", "error", "message"),
    [
        ("return 1", OutcomeKind.SUCCESS, None, None),
        ("raise AirflowSkipException('no data')", OutcomeKind.SKIPPED, None, None),
        ("raise AirflowFailException('no use')", OutcomeKind.FAILED_FOR_GOOD, "AirflowFailException", "no use"),
        ("raise AirflowException('try again')", OutcomeKind.FAILED, "AirflowException", "try again"),
        ("1 / 0", OutcomeKind.FAILED, "ZeroDivisionError", "division by zero"),
        ("raise KeyError", OutcomeKind.FAILED, "KeyError", "KeyError"),
        ("import sys; sys.exit(3)", OutcomeKind.FAILED, "SystemExit", "the task exited with code 3"),
        ("raise BaseException('odd')", OutcomeKind.FAILED, "BaseException", "odd"),
        ("return object()", OutcomeKind.FAILED, "XComNotSerializable", "XCom 'return_value' of task 'f' cannot be"),
    ],
)
def test_how_the_function_ends_is_how_the_task_ends(
    bundle: Bundle, body: str, kind: OutcomeKind, error: str | None, message: str | None
) -> None:
    outcome = bundle.run(bundle.one(taskflow(body)), "f")
    assert outcome.kind is kind
    assert (outcome.error.kind if outcome.error else None) == error
    assert message is None or (outcome.error is not None and message in outcome.error.message)


def test_an_error_names_the_deepest_line_of_the_author(bundle: Bundle) -> None:
    bundle.write("lib.py", "import json\ndef parse(text):\n    return json.loads(text)\n")
    outcome = bundle.run(bundle.one(taskflow("import lib\nlib.parse('{')")), "f")
    assert outcome.error is not None
    assert (outcome.error.kind, outcome.error.file, outcome.error.line) == ("JSONDecodeError", "lib.py", 3)


def test_an_error_outside_the_authors_code_names_the_line_that_made_the_task(bundle: Bundle) -> None:
    outcome = bundle.run(bundle.one(taskflow("return {1}.__iter__()")), "f")
    assert outcome.error is not None
    assert (outcome.error.file, outcome.error.line) == ("flow.py", 8)


def test_the_traceback_goes_to_the_tasks_log(bundle: Bundle, caplog: pytest.LogCaptureFixture) -> None:
    bundle.run(bundle.one(taskflow("1 / 0")), "f")
    assert "Task failed with exception" in caplog.text
    assert "ZeroDivisionError" in caplog.text
    assert "authoring/execution.py" not in caplog.text.partition("Traceback")[2], "only the author's frames are shown"
    assert caplog.records[0].name.startswith("sailplane.task.")


CONTEXT_VALUES: list[tuple[str, Any]] = [
    ("ds", "2024-05-01"),
    ("ds_nodash", "20240501"),
    ("ts", "2024-05-01T06:00:00+00:00"),
    ("ts_nodash", "20240501T060000"),
    ("ts_nodash_with_tz", "20240501T060000+0000"),
    ("run_id", "scheduled__2024-05-01"),
    ("try_number", 2),
    ("test_mode", False),
    ("params", {"n": 1}),
    ("logical_date", LOGICAL_DATE),
    ("data_interval_start", LOGICAL_DATE),
    ("data_interval_end", LOGICAL_DATE + timedelta(days=1)),
    ("prev_data_interval_start_success", None),
    ("prev_start_date_success", None),
    ("task_instance_key_str", "x__f__20240501"),
    ("inlets", []),
    ("outlets", []),
    ("reason", None),
    ("exception", None),
    ("dag.dag_id", "x"),
    ("task.task_id", "f"),
    ("dag_run.run_id", "scheduled__2024-05-01"),
    ("dag_run.run_type", "scheduled"),
    ("dag_run.conf", {}),
    ("dag_run.logical_date", LOGICAL_DATE),
    ("ti.task_id", "f"),
    ("task_instance.dag_id", "x"),
    ("ti.map_index", -1),
    ("ti.max_tries", 2),
    ("conf.get('core', 'parallelism', fallback=32)", 32),
    ("macros.ds_add(ds, 5)", "2024-05-06"),
    ("macros.ds_format(ds, '%Y-%m-%d', '%d.%m.%y')", "01.05.24"),
    ("macros.timedelta(days=1)", timedelta(days=1)),
    ("macros.dateutil.parser.parse('2024-01-01').year", 2024),
    ("macros.json.dumps([1])", "[1]"),
    ("var.value.city", "Seattle"),
    ("var.json.limits['low']", 3),
    ("var.value.get('missing', 'none')", "none"),
    ("conn.db.host", "db.example.org"),
    ("conn.get('db').port", 5432),
]


@pytest.mark.parametrize(("expression", "expected"), CONTEXT_VALUES, ids=[row[0] for row in CONTEXT_VALUES])
def test_the_context_has_airflows_names(bundle: Bundle, expression: str, expected: Any) -> None:
    bundle.services.variables = {"city": "Seattle", "limits": '{"low": 3}'}
    bundle.services.connections = {"db": "postgres://ada:s%40fe@db.example.org:5432/main"}
    name = expression.split(".", maxsplit=1)[0].split("(", maxsplit=1)[0]
    names = {name, "ds"} if "ds" in expression else {name}
    dag = bundle.one(taskflow(f"return {expression}", signature=", ".join(f"{n}=None" for n in sorted(names))))
    assert bundle.value(dag, "f", try_number=2, max_tries=3) == expected


@pytest.mark.parametrize("name", ["ds", "ts", "logical_date", "data_interval_end"])
def test_names_of_dates_are_missing_in_a_run_without_a_logical_date(bundle: Bundle, name: str) -> None:
    dag = bundle.one(taskflow(f"return '{name}' in context", signature="**context"))
    assert bundle.value(dag, "f") is True
    assert bundle.value(dag, "f", logical_date=None, data_interval_start=None, data_interval_end=None) is False


def test_dates_are_pendulums(bundle: Bundle) -> None:
    dag = bundle.one(taskflow("return logical_date.add(days=1).to_date_string()", signature="logical_date"))
    assert bundle.value(dag, "f") == "2024-05-02"


def test_get_current_context_gives_the_running_tasks_context_and_nothing_afterwards(bundle: Bundle) -> None:
    dag = bundle.one(taskflow("return get_current_context()['ti'].task_id"))
    assert bundle.value(dag, "f") == "f"
    from sailplane import get_current_context

    with pytest.raises(RuntimeError, match="works only while a task runs"):
        get_current_context()


@pytest.mark.parametrize(
    ("signature", "call", "expected"),
    [
        ("ds, n", "n=5", "2024-05-01 5"),
        ("n, ds=None", "5", "2024-05-01 5"),
        ("n, *, ds", "5", "2024-05-01 5"),
        ("ds=None, n=7", "", "2024-05-01 7"),
        ("n=1, ds=None", "ds='given'", "given 1"),
        ("n, **kw", "5", "2024-05-01 5"),
    ],
)
def test_arguments_and_context_reach_the_function_by_its_signature(
    bundle: Bundle, signature: str, call: str, expected: str
) -> None:
    ds = "kw['ds']" if "**kw" in signature else "ds"
    dag = bundle.one(taskflow(f"return f'{{{ds}}} {{n}}'".replace("'ds'", '"ds"'), signature=signature, call=call))
    assert bundle.value(dag, "f") == expected


@pytest.mark.parametrize(
    ("conf", "expected"), [({}, {"n": 2, "m": "task"}), ({"n": 3, "m": "conf"}, {"n": 3, "m": "conf"})]
)
def test_conf_goes_before_the_tasks_params_and_these_before_the_dags(
    bundle: Bundle, conf: dict[str, Any], expected: dict[str, Any]
) -> None:
    dag = bundle.one("""
        from sailplane import DAG, task, Param
        with DAG("x", params={"n": Param(1, type="integer"), "m": "dag"}):
            @task(params={"n": Param(2, type="integer"), "m": "task"})
            def f(params): return params
            f()
        """)
    assert bundle.value(dag, "f", conf=conf) == expected
    assert bundle.value(dag, "f") == {"n": 2, "m": "task"}, "conf of one run does not show in the next"


def test_a_conf_that_does_not_fit_the_schema_fails_the_task(bundle: Bundle) -> None:
    dag = bundle.one("""
        from sailplane import DAG, task, Param
        with DAG("x", params={"n": Param(1, type="integer", maximum=5)}):
            @task
            def f(params): return params
            f()
        """)
    outcome = bundle.run(dag, "f", conf={"n": 9})
    assert outcome.error is not None
    assert outcome.error.message == "param 'n': 9 is greater than the maximum of 5"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("return ti.xcom_pull(task_ids='a')", [1]),
        ("return ti.xcom_pull('a')", [1]),
        ("return ti.xcom_pull(task_ids=['a', 'b'])", [[1], "b"]),
        ("return ti.xcom_pull(task_ids=['a', 'none'], default=0)", [[1], 0]),
        ("return ti.xcom_pull(task_ids='none')", None),
        ("return ti.xcom_pull(task_ids='none', default=7)", 7),
        ("return ti.xcom_pull(task_ids='a', key='k')", "from services"),
        ("return ti.xcom_pull(task_ids='a', map_indexes=None)", [1]),
        ("return ti.xcom_pull(task_ids='m', map_indexes=1)", "m1"),
        ("return ti.xcom_pull(task_ids='m', map_indexes=[1, 2])", ["m1", None]),
        ("return ti.xcom_pull(task_ids='a', dag_id='other', key='k')", "elsewhere"),
        ("return ti.xcom_pull(task_ids='a', run_id='other')", "other run"),
        ("ti.xcom_push('mine', {1, 2}); return ti.xcom_pull(key='mine') == {1, 2}", True),
    ],
)
def test_xcoms_are_pulled_by_task_key_map_index_dag_and_run(bundle: Bundle, body: str, expected: Any) -> None:
    def stored(value: Any, **ref: Any) -> None:
        bundle.services.xcoms[XComRef(**ref)] = xcom.dumps(value)

    stored("from services", task_id="a", key="k")
    stored("m1", task_id="m", map_index=1)
    stored("elsewhere", task_id="a", key="k", dag_id="other", run_id="scheduled__2024-05-01")
    stored("other run", task_id="a", dag_id="x", run_id="other")
    dag = bundle.one(taskflow(body, signature="ti=None"))
    assert bundle.value(dag, "f", xcoms={"a": [1], "b": "b"}) == expected


def test_what_a_failed_task_pushed_is_kept(bundle: Bundle) -> None:
    outcome = bundle.run(bundle.one(taskflow("ti.xcom_push(key='job', value=7)\n1 / 0", signature="ti")), "f")
    assert (outcome.kind, outcome.xcoms) == (OutcomeKind.FAILED, {"job": "7"})


@pytest.mark.parametrize(
    ("options", "body", "keys"),
    [
        ("", "return None", set()),
        ("", "return 0", {"return_value"}),
        ("(do_xcom_push=False)", "return 1", set()),
        ("(multiple_outputs=True)", "return {'a': 1}", {"a", "return_value"}),
        ("(multiple_outputs=True, do_xcom_push=False)", "return {'a': 1}", set()),
    ],
)
def test_what_is_returned_is_pushed(bundle: Bundle, options: str, body: str, keys: set[str]) -> None:
    outcome = bundle.run(bundle.one(taskflow(body, options=options)), "f")
    assert set(outcome.xcoms) == keys


@pytest.mark.parametrize(
    ("body", "message"),
    [("return [1]", "must return a dict, but returned a list"), ("return {1: 2}", "whose keys are texts, not 1")],
)
def test_multiple_outputs_need_a_dict_with_texts_as_keys(bundle: Bundle, body: str, message: str) -> None:
    outcome = bundle.run(bundle.one(taskflow(body, options="(multiple_outputs=True)")), "f")
    assert outcome.error is not None
    assert message in outcome.error.message


def test_a_key_that_was_not_pushed_fails_the_task_that_asks_for_it(bundle: Bundle) -> None:
    dag = bundle.one("""
        from sailplane import DAG, task
        with DAG("x"):
            @task
            def make(): return {"a": 1}
            @task
            def take(a): return a
            take(make()["a"])
            take.override(task_id="whole")(make.override(task_id="nothing")())
        """)
    outcome = bundle.run(dag, "take")
    assert outcome.error is not None
    assert (outcome.error.kind, outcome.error.message) == (
        "XComNotFound",
        "task 'make' of DAG 'x' pushed no XCom with the key 'a'",
    )
    assert bundle.value(dag, "whole") is None


CALLBACKS = """
from sailplane import DAG, task, AirflowSkipException, AirflowFailException, AirflowRescheduleException
from datetime import datetime, UTC
seen = []
def note(name):
    return lambda context: seen.append((name, str(context["ti"].state), repr(context["exception"])))
def broken(context):
    raise ValueError("broken callback")
names = ["execute", "success", "failure", "retry", "skipped"]
with DAG("x"):
    @task(retries=1, **{{f"on_{{n}}_callback": [broken, note(n)] for n in names}})
    def f():
        seen.append("run")
        {body}
    f()
"""


@pytest.mark.parametrize(
    ("body", "try_number", "last"),
    [
        ("pass", 1, [("success", "success", "None")]),
        ("raise AirflowSkipException", 1, [("skipped", "skipped", "None")]),
        ("raise ValueError(1)", 1, [("retry", "up_for_retry", "ValueError(1)")]),
        ("raise ValueError(1)", 2, [("failure", "failed", "ValueError(1)")]),
        ("raise AirflowFailException('x')", 1, [("failure", "failed", "AirflowFailException('x')")]),
        ("raise AirflowRescheduleException(datetime.now(UTC))", 1, []),
    ],
)
def test_callbacks_run_at_their_moment_and_a_broken_one_changes_nothing(
    bundle: Bundle, body: str, try_number: int, last: list[Any], caplog: pytest.LogCaptureFixture
) -> None:
    dag = bundle.one(CALLBACKS.format(body=body))
    seen = dag.get_task("f").python_callable.__globals__["seen"]
    bundle.run(dag, "f", try_number=try_number)
    assert seen == [("execute", "running", "None"), "run", *last]
    assert "on_execute_callback broken failed" in caplog.text


def test_hooks_run_around_execute_and_fail_the_task(bundle: Bundle) -> None:
    dag = bundle.one("""
        from sailplane import DAG, BaseOperator
        seen = []
        class Noted(BaseOperator):
            def pre_execute(self, context): seen.append("pre method")
            def execute(self, context): seen.append("execute"); return 5
            def post_execute(self, context, result=None): seen.append(f"post method {result}")
        class Short(BaseOperator):
            def execute(self, context): return 6
            def post_execute(self, context): seen.append("short")
        def refuse(context): raise ValueError("not today")
        with DAG("x"):
            Noted(task_id="good", pre_execute=lambda c: seen.append("pre"), post_execute=lambda c, r: seen.append(r))
            Noted(task_id="refused", pre_execute=refuse)
            Short(task_id="short")
        """)
    seen = type(dag.get_task("good")).execute.__globals__["seen"]
    assert bundle.value(dag, "good") == 5
    assert seen == ["pre", "pre method", "execute", 5, "post method 5"]
    assert bundle.value(dag, "short") == 6
    assert seen[-1] == "short"
    outcome = bundle.run(dag, "refused")
    assert (outcome.kind, outcome.error and outcome.error.message) == (OutcomeKind.FAILED, "not today")


def test_a_task_that_runs_too_long_is_interrupted_even_inside_except_exception(bundle: Bundle) -> None:
    body = "import time\nwhile True:\n    try:\n        time.sleep(60)\n    except Exception:\n        pass"
    options = "(execution_timeout=timedelta(milliseconds=20))"
    outcome = bundle.run(bundle.one(taskflow(body, options=options)), "f")
    assert outcome.kind is OutcomeKind.FAILED
    assert outcome.error is not None
    assert outcome.error.kind == "AirflowTaskTimeout"
    assert outcome.error.message == "ran longer than its execution_timeout of 0:00:00.020000"
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_a_task_that_is_told_to_end_is_killed_and_told_so(bundle: Bundle) -> None:
    before = signal.getsignal(signal.SIGTERM)
    dag = bundle.one("""
        import os, signal
        from sailplane import DAG, BaseOperator
        class Job(BaseOperator):
            def execute(self, context): os.kill(os.getpid(), signal.SIGTERM)
            def on_kill(self): print("job cancelled")
        with DAG("x"):
            Job(task_id="job")
        """)
    outcome = bundle.run(dag, "job")
    assert outcome.kind is OutcomeKind.KILLED
    assert signal.getsignal(signal.SIGTERM) == before


def test_the_same_process_runs_a_task_again_from_a_clean_state(bundle: Bundle) -> None:
    dag = bundle.one("""
        from sailplane import DAG, PythonOperator
        class Query:
            template_fields = ("sql",)
            def __init__(self, sql): self.sql = sql
        with DAG("x"):
            PythonOperator(task_id="p", python_callable=lambda q, r: (q.sql, r), op_args=[Query("{{ run_id }}")],
                           op_kwargs={"r": "{{ run_id }}"})
        """)
    for run_id in ("one", "two"):
        assert bundle.value(dag, "p", run_id=run_id) == (run_id, run_id)


def test_the_environment_says_which_task_runs(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CTX_LOGICAL_DATE", "stale")
    dag = bundle.one(
        taskflow("import os\nreturn {k: v for k, v in os.environ.items() if k.startswith('AIRFLOW_CTX_')}")
    )
    assert bundle.value(dag, "f", logical_date=None) == {
        "AIRFLOW_CTX_DAG_OWNER": "airflow",
        "AIRFLOW_CTX_DAG_ID": "x",
        "AIRFLOW_CTX_TASK_ID": "f",
        "AIRFLOW_CTX_TRY_NUMBER": "1",
        "AIRFLOW_CTX_DAG_RUN_ID": "scheduled__2024-05-01",
    }


def test_a_coroutine_function_is_awaited(bundle: Bundle) -> None:
    dag = bundle.one("""
        import asyncio
        from sailplane import DAG, task
        with DAG("x"):
            @task
            async def f(ds):
                await asyncio.sleep(0)
                return ds
            f()
        """)
    assert bundle.value(dag, "f") == "2024-05-01"


@pytest.mark.parametrize(
    ("chosen", "skipped"),
    [
        ("'a'", ("b", "g.first")),
        ("['a', 'b']", ("g.first",)),
        ("None", ("a", "b", "g.first")),
        ("'g'", ("a", "b")),
        ("'c'", ("a", "b", "g.first")),
    ],
)
def test_a_branch_skips_what_it_does_not_choose(bundle: Bundle, chosen: str, skipped: tuple[str, ...]) -> None:
    dag = bundle.one(f"""
        from sailplane import DAG, task, EmptyOperator as E, TaskGroup
        with DAG("x"):
            @task.branch
            def pick(): return {chosen}
            a, b, c = (E(task_id=i, trigger_rule="none_failed_min_one_success") for i in "abc")
            with TaskGroup("g") as g:
                E(task_id="first") >> E(task_id="second")
            pick() >> [a, b, c, g]
            [a, b, g] >> c
        """)
    outcome = bundle.run(dag, "pick")
    assert (outcome.kind, outcome.error) == (OutcomeKind.SUCCESS, None)
    expected = tuple(task for task in skipped if task != "c")
    assert tuple(task for task in outcome.skip_tasks if task != "c") == expected
    assert ("c" in outcome.skip_tasks) is (chosen == "None")


def test_a_branch_may_only_choose_what_the_dag_has(bundle: Bundle) -> None:
    dag = bundle.one("""
        from sailplane import DAG, task, EmptyOperator as E
        with DAG("x"):
            @task.branch
            def pick(): return "fair"
            pick() >> E(task_id="near") >> E(task_id="far")
        """)
    outcome = bundle.run(dag, "pick")
    assert outcome.error is not None
    assert outcome.error.message == (
        "branch 'pick' chose 'fair', which the DAG does not have; directly downstream of it are: near"
    )


@pytest.mark.parametrize(
    ("options", "condition", "skipped"),
    [("", True, ()), ("", False, ("a", "b")), ("(ignore_downstream_trigger_rules=False)", False, ("a",))],
)
def test_a_short_circuit_skips_what_comes_after(
    bundle: Bundle, options: str, condition: bool, skipped: tuple[str, ...]
) -> None:
    dag = bundle.one(f"""
        from sailplane import DAG, task, EmptyOperator as E
        with DAG("x"):
            @task.short_circuit{options}
            def go_on(): return {condition}
            go_on() >> E(task_id="a") >> E(task_id="b")
        """)
    assert bundle.run(dag, "go_on").skip_tasks == skipped


def test_a_variable_or_connection_that_is_not_set_fails_the_task_with_its_name(bundle: Bundle) -> None:
    for body, message in [
        ("var.value.city", "the Variable 'city' is not set"),
        ("conn.db", "the Connection 'db' is not set"),
    ]:
        outcome = bundle.run(bundle.one(taskflow(body, signature="var, conn")), "f")
        assert outcome.error is not None
        assert message in outcome.error.message


def test_printing_and_logging_work_as_usual(
    bundle: Bundle, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    bundle.run(bundle.one(taskflow("print('out')\nimport logging\nlogging.getLogger('mine').info('logged')")), "f")
    assert "out" in capsys.readouterr().out
    assert "logged" in caplog.text


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        ("return None", []),
        ("return [1]", ["Done. Returned value was: [1]"]),
        ("return 'x' * 5000", [f"Done. Returned value was: {'x' * 2000}... (5000 characters)"]),
    ],
)
def test_the_log_shows_what_is_returned_in_short_and_nothing_for_nothing(
    bundle: Bundle, caplog: pytest.LogCaptureFixture, body: str, shown: list[str]
) -> None:
    caplog.set_level(logging.INFO)
    bundle.run(bundle.one(taskflow(body)), "f")
    assert [record.message for record in caplog.records] == shown


def test_a_task_that_the_file_no_longer_has_fails_with_its_name(bundle: Bundle) -> None:
    dag = bundle.one(taskflow("return 1"))
    outcome = bundle.run(dag, "f", job_task_id="gone")
    assert outcome.kind is OutcomeKind.FAILED
    assert outcome.error is not None
    assert outcome.error.message == "DAG 'x' has no task 'gone' when its file is read here"


def test_records_of_classes_of_the_dag_file_pass_between_tasks(bundle: Bundle) -> None:
    dag = bundle.one("""
        from dataclasses import dataclass
        from enum import Enum
        from sailplane import DAG, task
        class Kind(Enum):
            RAIN = "rain"
        @dataclass(frozen=True)
        class Day:
            kind: Kind
            millimetres: float
        with DAG("x"):
            @task
            def measure(): return [Day(Kind.RAIN, 2.5)]
            @task
            def show(days): return f"{days[0].kind.name} {days[0].millimetres}"
            show(measure())
        """)
    days = bundle.value(dag, "measure")
    assert bundle.value(dag, "show", xcoms={"measure": days}) == "RAIN 2.5"
