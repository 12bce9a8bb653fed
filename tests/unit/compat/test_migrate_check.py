import io
import json
import re
import textwrap
from pathlib import Path

import pytest

from sailplane.authoring import dag_checks, taskflow
from sailplane.cli.main import run
from sailplane.cli.output import Output
from sailplane.cli.session import Session
from sailplane.compat.migration import differences
from sailplane.compat.migration.findings import Verdict
from sailplane.compat.migration.reading import read

PAGE = Path(__file__).parents[3] / "docs" / "airflow-differences.md"


def remarks(text: str) -> list[tuple[int, str, str]]:
    """Line, verdict and name of all that a file with this text is told."""
    return [(remark.line, remark.verdict.value, remark.name) for remark in read(textwrap.dedent(text).lstrip("\n"))]


def test_a_file_whose_names_are_all_there_runs_as_it_is() -> None:
    assert (
        remarks("""
        import airflow
        from airflow import __version__, models
        from airflow.sdk import DAG, task
        from airflow.version import version
        print(airflow.__version__)
        from airflow.operators.bash import BashOperator
        from airflow.utils import timezone
        with airflow.DAG("x", schedule="@daily", start_date=timezone.datetime(2024, 1, 1)):
            models.BaseOperator(task_id="a", retries=2)
            BashOperator(task_id="b", bash_command="echo {{ ds }} {{ params.next_ds }}", depends_on_past=False)
            @task.branch(retries=1)
            def pick(ti=None): ...
            pick.override(task_id="other")()
    """)
        == []
    )


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("import airflow.providers.amazon.aws.hooks.s3", "airflow.providers.amazon.aws.hooks.s3"),
        ("from airflow.models import DagBag", "airflow.models.DagBag"),
        ("def late(): from airflow.settings import Session", "airflow.settings.Session"),
        ("import airflow; airflow.models.Pool", "airflow.models.Pool"),
        ("from airflow import models as m; m.Pool.get_pools()", "airflow.models.Pool"),
        ("import airflow.listeners.base as b; b.x", "airflow.listeners.base"),
    ],
)
def test_what_is_not_there_is_missing(line: str, name: str) -> None:
    assert remarks(line) == [(1, Verdict.MISSING.value, name)]


def test_what_only_type_checkers_import_does_not_count() -> None:
    assert (
        remarks("""
        import typing
        from typing import TYPE_CHECKING
        if TYPE_CHECKING:
            from airflow.models.taskreschedule import TaskReschedule
        if typing.TYPE_CHECKING:
            from airflow.settings import Session
    """)
        == []
    )


def test_an_import_that_the_file_can_do_without_differs() -> None:
    assert remarks("""
        try:
            from airflow.providers.cncf.kubernetes.operators.pod import KubernetesPodOperator
        except ImportError:
            KubernetesPodOperator = None
    """) == [(2, "differs", "airflow.providers.cncf.kubernetes.operators.pod.KubernetesPodOperator")]


def test_arguments_that_are_not_acted_on_differ_and_removed_ones_are_missing() -> None:
    assert remarks("""
        from airflow import DAG
        from airflow.decorators import task
        from airflow.operators.python import PythonOperator
        default_args = {"owner": "me", "run_as_user": "u", "email": ["a@b.c"]}
        with DAG("x", schedule_interval="@daily", access_control={"a": {"can_read"}}, fail_fast=False):
            PythonOperator(task_id="a", python_callable=print, provide_context=True, executor=None)
            @task(resources={"cpus": 2})
            def f(): ...
    """) == [
        (4, "differs", "task(run_as_user=)"),
        (5, "differs", "DAG(access_control=)"),
        (5, "missing", "DAG(schedule_interval=)"),
        (6, "missing", "task(provide_context=)"),
        (7, "differs", "task(resources=)"),
    ]


def test_arguments_of_operators_of_ones_own_and_of_mapped_ones_count_too() -> None:
    assert remarks("""
        from airflow.models import BaseOperator
        class Mine(BaseOperator):
            def execute(self, context): self.defer(trigger=None, method_name="x")
        Mine(task_id="a", executor="LocalExecutor")
        Mine.partial(task_id="b", run_as_user="root").expand(x=[1])
        unrelated(pool="x")
    """) == [
        (4, "differs", "task(executor=)"),
        (5, "differs", "task(run_as_user=)"),
    ]


def test_names_of_the_context_that_are_gone_are_told() -> None:
    assert remarks("""
        from airflow.decorators import task
        from airflow.operators.python import PythonOperator
        command = "run {{ execution_date }} {% if prev_data_interval_end_success %}x{% endif %} {{ ti.execution_date }}"
        @task
        def f(next_ds=None, **context):
            return context["prev_ds"], context.get("yesterday_ds"), context["ds"]
        def g(execution_date): ...
        PythonOperator(task_id="g", python_callable=g)
        def unrelated(execution_date): ...
    """) == [
        (3, "missing", "execution_date"),
        (5, "missing", "next_ds"),
        (6, "missing", "prev_ds"),
        (6, "missing", "yesterday_ds"),
        (7, "missing", "execution_date"),
    ]


def test_kinds_of_tasks_that_are_not_there_are_missing() -> None:
    assert remarks("""
        from airflow.sdk import task
        @task.kubernetes(image="x")
        def f(): ...
        def g(task): return task.params
    """) == [(2, "missing", "@task.kubernetes")]


def test_a_file_that_python_cannot_read_is_missing() -> None:
    assert remarks("import airflow\ndef") == [(2, "missing", "syntax")]


def test_kinds_of_tasks_are_those_that_there_are() -> None:
    assert {kind for kind in differences.TASK_KINDS if hasattr(taskflow.task, kind)} == differences.TASK_KINDS
    assert set(taskflow._DECORATED) <= differences.TASK_KINDS


def test_removed_arguments_are_those_that_a_dag_refuses() -> None:
    assert dag_checks._RENAMED.items() <= differences.REMOVED_DAG_ARGUMENTS.items()


def test_arguments_that_the_page_calls_not_acted_on_are_reported() -> None:
    text = PAGE.read_text()
    listed = re.search(r"Accepted and not acted on: (.*?)\n\n", text, re.DOTALL)
    named = set(re.findall(r"`(\w+)`", listed[1])) if listed else set()
    arguments = {**differences.DAG_ARGUMENTS, **differences.TASK_ARGUMENTS}
    assert named == {name for name, advice in arguments.items() if advice == differences.IGNORED}


def invoke(*arguments: str) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    session = Session(environment={}, output=Output(stdout=out, stderr=err))
    return run(["migrate", "check", *arguments], session), out.getvalue(), err.getvalue()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "team").mkdir()
    (tmp_path / ".hidden").mkdir()
    (tmp_path / "good.py").write_text("from airflow.sdk import DAG\nraise SystemExit('never imported')\n")
    (tmp_path / "team" / "bad.py").write_text("from airflow.sdk import DAG\nfrom airflow.settings import Session\n")
    (tmp_path / "plain.py").write_text("x = 1\n")
    (tmp_path / ".hidden" / "old.py").write_text("from airflow.settings import Session\n")
    return tmp_path


def test_the_command_tells_file_line_and_what_to_use(folder: Path) -> None:
    code, out, err = invoke(str(folder), "--output", "json")
    good, bad = json.loads(out)
    assert (good["file"], good["line"], good["verdict"]) == ("good.py", None, "runs as it is")
    assert (bad["file"], bad["line"], bad["verdict"]) == ("team/bad.py", 2, "missing")
    assert "REST API" in bad["advice"]
    assert err.startswith("2 files: 1 runs as it is, 0 differs, 1 missing.")
    assert code == 1


def test_the_command_is_content_when_nothing_is_missing(folder: Path) -> None:
    code, out, _ = invoke(str(folder / "good.py"))
    assert code == 0
    assert "good.py" in out
    assert "runs as it is" in out


def test_a_folder_that_is_not_there_is_refused(folder: Path) -> None:
    code, _, err = invoke(str(folder / "nothing"))
    assert code == 2
    assert "does not exist" in err
