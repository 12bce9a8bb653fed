"""Tasks whose function runs in another Python."""

import re
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from textwrap import dedent
from typing import Any

import psutil
import pytest

from sailplane.authoring.loading import load_file
from sailplane.testing import DagHarness, FinishedRun

HEAD = """
from datetime import timedelta

from sailplane import *
from sailplane import task
"""


class Flow:
    """A DAG file, run in this process."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def run(self, text: str, **given: Any) -> FinishedRun:
        return self.harness(text).run(**given)

    def harness(self, text: str) -> DagHarness:
        body = dedent(text).strip("\n")
        indented = "\n".join(f"    {line}" if line else "" for line in body.splitlines())
        (self.folder / "flow.py").write_text(f"{HEAD}\nwith DAG('flow'):\n{indented}\n")
        (dag,) = load_file(self.folder, "flow.py").values()
        return DagHarness(dag)


@pytest.fixture
def flow(tmp_path: Path) -> Flow:
    (tmp_path / "dags").mkdir()
    return Flow(tmp_path / "dags")


def external(text: str) -> str:
    return dedent(text).replace("PYTHON", repr(sys.executable))


def test_a_virtualenv_has_its_requirements_and_is_used_again(
    flow: Flow, wheel: Callable[..., Path], cache: Path
) -> None:
    lift = wheel("lift", "1.0", "def raised(value):\n    return value + 1\n")
    text = f"""
    @task.virtualenv(requirements=[{str(lift)!r}], index_urls=[], system_site_packages=False)
    def rise(value: int, by=1) -> dict:
        import lift
        import sys
        print("rising from", value)
        return {{"height": lift.raised(value), "prefix": sys.prefix}}

    @task
    def start():
        return 41

    rise(start())
    """
    run = flow.run(text)
    run.assert_success()
    assert run.xcom("rise")["height"] == 42
    assert Path(run.xcom("rise")["prefix"]).parent == cache
    run.assert_logged("rise", "rising from 41")
    run.assert_logged("rise", "New Python virtual environment created in")
    again = flow.run(text)
    again.assert_logged("rise", "Reusing cached Python virtual environment in")


def test_requirements_may_be_a_templated_file(
    flow: Flow, wheel: Callable[..., Path], cache: Path, tmp_path: Path
) -> None:
    lift = wheel("lift", "1.0", "VERSION = 1\n")
    (flow.folder / "requirements.txt").write_text(f"# what it needs\n{tmp_path}/{{{{ params.file }}}}\n")
    run = flow.run(
        f"""
        def version():
            import lift
            return lift.VERSION

        PythonVirtualenvOperator(
            task_id="version", python_callable=version, requirements="requirements.txt", index_urls=[],
            params={{"file": {lift.name!r}}}, venv_cache_path={str(tmp_path / "own")!r}, system_site_packages=False,
        )
        """
    )
    run.assert_success()
    assert run.xcom("version") == 1
    assert list((tmp_path / "own").glob("venv-*/complete.json"))
    assert not cache.exists()


def test_the_workers_packages_are_there_with_system_site_packages_only(flow: Flow, cache: Path) -> None:
    run = flow.run(
        """
        def found():
            import importlib.util
            return importlib.util.find_spec("jinja2") is not None

        PythonVirtualenvOperator(task_id="shared", python_callable=found)
        PythonVirtualenvOperator(task_id="alone", python_callable=found, system_site_packages=False)
        """
    )
    run.assert_success()
    assert (run.xcom("shared"), run.xcom("alone")) == (True, False)


def test_an_environment_that_cannot_be_made_fails_the_task_with_what_the_installer_said(
    flow: Flow, cache: Path
) -> None:
    run = flow.run(
        """
        @task.virtualenv(requirements=["no-such-package==1"], index_urls=[])
        def never():
            pass

        never()
        """
    )
    run.assert_failed()
    assert "no-such-package" in str(run.exception("never"))


def test_values_keep_their_types_on_the_way_there_and_back(flow: Flow) -> None:
    run = flow.run(
        external(
            """
            @task
            def given():
                from datetime import datetime, timezone
                from decimal import Decimal
                return [datetime(2026, 1, 1, tzinfo=timezone.utc), Decimal("1.5"), {1, 2}, (3, b"x"), {4: None}]

            @task.external_python(python=PYTHON)
            def mirror(values, *, more=float("inf")):
                print([type(each).__name__ for each in values])
                return [*values, more]

            mirror(given())
            """
        )
    )
    run.assert_success()
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    assert run.xcom("mirror") == [moment, Decimal("1.5"), {1, 2}, (3, b"x"), {4: None}, float("inf")]
    run.assert_logged("mirror", "['datetime', 'Decimal', 'set', 'tuple', 'dict']")


def test_a_value_that_cannot_be_stored_is_named_and_not_pickled(flow: Flow) -> None:
    run = flow.run(
        external(
            """
            @task.external_python(python=PYTHON)
            def odd():
                return {"handle": object()}

            odd()
            """
        )
    )
    run.assert_failed()
    assert "holds a object (at ['handle'])" in str(run.exception("odd"))


def test_pickle_carries_what_only_pickle_can(flow: Flow) -> None:
    run = flow.run(
        external(
            """
            from fractions import Fraction

            @task.external_python(python=PYTHON, serializer="pickle")
            def half(value):
                return (value / 2).numerator

            half(Fraction(6, 1))
            """
        )
    )
    run.assert_success()
    assert run.xcom("half") == 3


def test_the_context_is_there_as_far_as_it_is_values(flow: Flow) -> None:
    run = flow.run(
        external(
            """
            @task.external_python(python=PYTHON, string_args=["a", 2])
            def seen(ds, logical_date, params, run_id, *, label, **context):
                given = [ds, logical_date.year, params["rows"], run_id, label, virtualenv_string_args]
                return [*given, sorted(context)[:2]]

            seen.override(params={"rows": 3})(label="{{ ti.task_id }}")
            """
        ),
        logical_date="2026-01-03",
        run_id="mine",
    )
    run.assert_success()
    expected = ["2026-01-03", 2026, 3, "mine", "seen", ["a", "2"]]
    assert run.xcom("seen")[:-1] == expected
    assert run.xcom("seen")[-1] == ["data_interval_end", "data_interval_start"]


def test_asking_for_what_cannot_leave_the_process_says_what_to_do(flow: Flow) -> None:
    run = flow.run(
        external(
            """
            @task.external_python(python=PYTHON)
            def wants(ti):
                pass

            wants()
            """
        )
    )
    run.assert_failed()
    assert "asks for 'ti' of the context" in str(run.exception("wants"))


def test_an_error_is_told_with_its_line_in_the_dag_file(flow: Flow) -> None:
    run = flow.run(
        external(
            """
            @task.external_python(python=PYTHON)
            def breaks():
                text = '''
            left of the function
            '''
                raise ValueError(f"broken by {len(text)}")

            breaks()
            """
        )
    )
    run.assert_failed()
    assert str(run.exception("breaks")).startswith("Process returned non-zero exit status 1.\nValueError: broken by")
    file = flow.folder / "flow.py"
    line = 1 + next(n for n, each in enumerate(file.read_text().splitlines()) if "raise ValueError" in each)
    run.assert_logged("breaks", f'File "{file}", line {line}, in breaks')
    assert "guest.py" not in run.log("breaks")


def test_exit_codes_skip_the_task_when_it_says_so(flow: Flow) -> None:
    run = flow.run(
        external(
            """
            def leave(code):
                raise SystemExit(code)

            common = dict(python=PYTHON, python_callable=leave, skip_on_exit_code=[99])
            ExternalPythonOperator(task_id="skips", op_args=[99], **common)
            ExternalPythonOperator(task_id="fails", op_args=[3], **common)
            """
        )
    )
    run.assert_states(skips="skipped", fails="failed")
    assert str(run.exception("fails")) == "Process returned non-zero exit status 3."


def test_modules_beside_the_dag_file_and_variables_are_there(flow: Flow) -> None:
    (flow.folder / "shop_prices.py").write_text("PRICE = 5\n")
    run = flow.run(
        external(
            """
            @task.external_python(python=PYTHON, env_vars={"COLOUR": "blue"}, inherit_env=False)
            def seen():
                import os
                import shop_prices
                return [shop_prices.PRICE, os.environ["COLOUR"], "PATH" in os.environ, __name__]

            seen()
            """
        )
    )
    run.assert_success()
    assert run.xcom("seen") == [5, "blue", False, "__main__"]


def test_branches_are_chosen_in_the_other_python(flow: Flow, cache: Path) -> None:
    run = flow.run(
        external(
            """
            @task.branch_external_python(python=PYTHON)
            def choose():
                return "left"

            @task.branch_virtualenv(system_site_packages=False)
            def again():
                return ["right"]

            for branch in (choose(), again()):
                name = branch.operator.task_id
            choose_first = EmptyOperator(task_id="left"), EmptyOperator(task_id="other")
            again_second = EmptyOperator(task_id="right"), EmptyOperator(task_id="wrong")
            """
        )
        + external(
            """
            dag = choose_first[0].dag
            dag.get_task("choose") >> list(choose_first)
            dag.get_task("again") >> list(again_second)
            """
        )
    )
    run.assert_states(left="success", other="skipped", right="success", wrong="skipped")


def test_mapped_instances_each_run_in_it(flow: Flow) -> None:
    run = flow.run(
        external(
            """
            @task.external_python(python=PYTHON)
            def double(value):
                return value * 2

            @task.external_python(python=PYTHON)
            def total(values):
                return sum(values)

            total(double.expand(value=[1, 2]))
            """
        )
    )
    assert run.xcom("total") == 6


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ExternalPythonOperator(task_id='x', python=PYTHON, python_callable=lambda: 1)", "only supports functions"),
        ("ExternalPythonOperator(task_id='x', python='', python_callable=len)", "Python Path must be defined"),
        ("PythonVirtualenvOperator(task_id='x', python_version=3.9, python_callable=dedent)", "non-string types"),
        (
            "ExternalPythonOperator(task_id='x', python=PYTHON, python_callable=dedent, serializer='yaml')",
            "Unsupported serializer 'yaml'",
        ),
    ],
)
def test_wrong_arguments_are_told_when_the_file_is_read(flow: Flow, text: str, message: str) -> None:
    with pytest.raises(Exception, match=message):
        flow.harness("from textwrap import dedent\n" + external(text))


def test_a_python_that_is_not_there_is_named(flow: Flow) -> None:
    run = flow.run(
        """
        @task.external_python(python="/nowhere/python")
        def never():
            pass

        never()
        """
    )
    assert str(run.exception("never")) == "Python Path '/nowhere/python' must exists"


def test_the_dag_of_the_page_runs(tmp_path: Path, wheel: Callable[..., Path], cache: Path) -> None:
    page = (Path(__file__).parents[3] / "docs" / "isolated-tasks.md").read_text()
    text = re.findall(r"^```python\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)[0]
    made = wheel("tomli_w", "1.2.0", "def dumps(table):\n    return f'values = {table[\"values\"]}'\n")
    text = text.replace('["tomli-w==1.2.0"]', f"[{str(made)!r}], index_urls=[]")
    (tmp_path / "isolated.py").write_text(text.replace("/opt/reports/bin/python", sys.executable))
    (dag,) = load_file(tmp_path, "isolated.py").values()
    run = DagHarness(dag).run(logical_date="2026-01-03")
    run.assert_success()
    run.assert_logged("report", "2026-01-03: values = [1.5, 2.5]")


def test_a_function_that_takes_too_long_is_ended_with_its_process(flow: Flow, tmp_path: Path) -> None:
    run = flow.run(
        external(
            f"""
            @task.external_python(python=PYTHON, execution_timeout=timedelta(seconds=1.5))
            def endless():
                import os, pathlib, time
                pathlib.Path({str(tmp_path / "pid")!r}).write_text(str(os.getpid()))
                time.sleep(600)

            endless()
            """
        )
    )
    run.assert_failed()
    assert type(run.exception("endless")).__name__ == "AirflowTaskTimeout"
    assert not psutil.pid_exists(int((tmp_path / "pid").read_text()))
