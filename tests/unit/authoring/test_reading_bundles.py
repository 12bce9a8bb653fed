"""Which files of a bundle are read, and what comes of the broken ones."""

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from authored_bundle import Bundle

from sailplane.authoring.bundle_files import dag_files
from sailplane.authoring.loading import parse_bundle
from sailplane.authoring.parse import decode, encode

GOOD = "from sailplane import DAG, EmptyOperator\nwith DAG('{}'):\n    EmptyOperator(task_id='t')\n"


def test_python_files_that_mention_dags_and_airflow_or_sailplane_are_read(bundle: Bundle) -> None:
    bundle.write("a.py", "# DAG of Airflow\n")
    bundle.write("sub/b.py", "from sailplane import dag\n")
    bundle.write("helper.py", "x = 1\n")
    bundle.write("only_dag.py", "dag = 1\n")
    bundle.write("notes.txt", "dag airflow")
    bundle.write(".hidden/c.py", "dag airflow")
    bundle.write("__pycache__/d.py", "dag airflow")
    assert dag_files(bundle.root) == ["a.py", "sub/b.py"]


@pytest.mark.parametrize(
    ("rules", "kept"),
    [
        ("", ["a.py", "lib/x/c.py", "lib/x_test.py", "tests/b.py"]),
        ("tests/", ["a.py", "lib/x/c.py", "lib/x_test.py"]),
        ("*_test.py", ["a.py", "lib/x/c.py", "tests/b.py"]),
        ("# a comment\n\n/a.py", ["lib/x/c.py", "lib/x_test.py", "tests/b.py"]),
        ("c.py", ["a.py", "lib/x_test.py", "tests/b.py"]),
        ("lib/*\n!lib/x_test.py", ["a.py", "lib/x_test.py", "tests/b.py"]),
        ("lib/**/c.py", ["a.py", "lib/x_test.py", "tests/b.py"]),
        ("[ac].p?", ["lib/x_test.py", "tests/b.py"]),
        ("a.py/", ["a.py", "lib/x/c.py", "lib/x_test.py", "tests/b.py"]),
    ],
)
def test_an_ignore_file_leaves_files_out(bundle: Bundle, rules: str, kept: list[str]) -> None:
    for file in ("a.py", "lib/x/c.py", "lib/x_test.py", "tests/b.py"):
        bundle.write(file, "dag airflow")
    bundle.write(".airflowignore", rules)
    assert dag_files(bundle.root) == kept


def test_an_ignore_file_of_a_folder_counts_from_there(bundle: Bundle) -> None:
    for file in ("a.py", "lib/a.py", "lib/sub/a.py"):
        bundle.write(file, "dag airflow")
    bundle.write("lib/.airflowignore", "/a.py")
    assert dag_files(bundle.root) == ["a.py", "lib/sub/a.py"]


def test_a_broken_file_leaves_the_others_working(bundle: Bundle) -> None:
    bundle.write("a.py", GOOD.format("a"))
    bundle.write("b.py", "from sailplane import DAG\n\ndef build():\n    raise ValueError('broken')\n\nbuild()\n")
    bundle.write("c.py", GOOD.format("c"))
    parsed = parse_bundle(bundle.root)
    assert [dag.dag_id for dag in parsed.dags] == ["a", "c"]
    (error,) = parsed.errors
    assert (error.file, error.message) == ("b.py", "b.py, line 4: ValueError: broken")
    assert "importlib" not in error.traceback
    assert 'File "b.py", line 6, in <module>' in error.traceback
    assert error.traceback.endswith("ValueError: broken\n")


def test_a_syntax_error_names_its_line(bundle: Bundle) -> None:
    bundle.write("a.py", "from sailplane import DAG\nwith DAG('x')\n    pass\n")
    (error,) = parse_bundle(bundle.root).errors
    assert error.message == "a.py, line 2: SyntaxError: expected ':'"


def test_a_dag_id_of_another_file_is_an_error_of_the_later(bundle: Bundle) -> None:
    bundle.write("a.py", GOOD.format("same"))
    bundle.write("b.py", GOOD.format("same") + GOOD.format("own"))
    parsed = parse_bundle(bundle.root)
    assert [(dag.dag_id, dag.file) for dag in parsed.dags] == [("same", "a.py")]
    assert [error.message for error in parsed.errors] == ["b.py, DAG 'same': a.py has a DAG with this id already"]


def test_files_import_modules_of_the_bundle(bundle: Bundle) -> None:
    bundle.write("shared_parts/__init__.py", "NAME = 'from_package'\n")
    bundle.write("deep/dags/flow.py", "from shared_parts import NAME\n" + GOOD.replace("'{}'", "NAME"))
    assert [dag.dag_id for dag in parse_bundle(bundle.root).dags] == ["from_package"]


def test_two_files_of_one_name_do_not_meet(bundle: Bundle) -> None:
    bundle.write("a/flow.py", GOOD.format("a"))
    bundle.write("b/flow.py", GOOD.format("b"))
    assert [(dag.dag_id, dag.file) for dag in parse_bundle(bundle.root).dags] == [
        ("a", "a/flow.py"),
        ("b", "b/flow.py"),
    ]


def test_the_json_form_comes_back_equal(bundle: Bundle) -> None:
    bundle.write(
        "a.py",
        """
        from datetime import datetime, timedelta
        from sailplane import DAG, Param, BashOperator, TaskGroup
        with DAG("x", schedule=timedelta(hours=1), start_date=datetime(2024, 1, 1), params={"n": Param(1, minimum=0)},
                 dagrun_timeout=timedelta(hours=2), tags=["b", "a"]):
            with TaskGroup("g"):
                BashOperator(task_id="t", bash_command="true", execution_timeout=timedelta(seconds=5), retries=2)
        """,
    )
    bundle.write("b.py", "import airflow_and_dag_that_are_not_there\n")
    parsed = parse_bundle(bundle.root)
    assert decode(encode(parsed)) == parsed
    assert encode(parse_bundle(bundle.root).dags[0]) == encode(parsed.dags[0])


def test_the_command_writes_only_json_on_stdout(bundle: Bundle) -> None:
    noise = "import os\nprint('hello from the file')\nos.system('echo from a subprocess')\n"
    bundle.write("a.py", noise + GOOD.format("a"))
    done = subprocess.run(
        [sys.executable, "-m", "sailplane.authoring.parse", str(bundle.root)],
        capture_output=True,
        check=True,
        env={"PYTHONPATH": str(Path("shared").resolve()), "PATH": "/usr/bin:/bin"},
    )
    assert [dag["dag_id"] for dag in json.loads(done.stdout)["dags"]] == ["a"]
    assert b"hello from the file" in done.stderr
    assert b"from a subprocess" in done.stderr


def test_the_command_says_how_it_is_used() -> None:
    from sailplane.authoring.parse import main

    assert main([]) == 2


@pytest.mark.parametrize("module", ["sailplane", "sailplane.authoring.loading", "sailplane.authoring.execution"])
def test_importing_authoring_imports_neither_google_nor_what_only_some_files_need(module: str) -> None:
    heavy = ["google", "grpc", "jinja2", "pendulum", "jsonschema", "croniter", "asyncio", "fastapi", "pandas"]
    code = f"import sys, {module}; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-S", "-c", code],
        capture_output=True,
        check=True,
        text=True,
        env={"PYTHONPATH": ":".join([str(Path("shared").resolve()), *(p for p in sys.path if "site-packages" in p)])},
    )
    assert done.stdout.strip() == "[]"


def test_preloading_imports_what_most_tasks_need_and_no_grpc() -> None:
    code = (
        "import sys; from sailplane.authoring.execution import preload; preload(); "
        "print([m in sys.modules for m in ('pendulum', 'jinja2', 'sailplane.operators.python', 'grpc')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        check=True,
        text=True,
        env={"PYTHONPATH": str(Path("shared").resolve())},
    )
    assert done.stdout.strip() == "[True, True, True, False]"


def test_dates_and_texts_of_other_libraries_are_stored_as_what_they_are_at_bottom(bundle: Bundle) -> None:
    bundle.write(
        "a.py",
        "import pendulum\n"
        "from sailplane import DAG, EmptyOperator\n"
        "class Text(str): pass\n"
        "START = pendulum.datetime(2024, 3, 31, 2, tz='Europe/Berlin')\n"
        "with DAG('a', start_date=START, schedule=pendulum.duration(days=1), description=Text('told')):\n"
        "    EmptyOperator(task_id='t', retry_delay=pendulum.duration(minutes=7))\n",
    )
    parsed = parse_bundle(bundle.root)
    assert parsed.errors == ()
    (dag,) = decode(encode(parsed)).dags
    assert dag == parsed.dags[0]
    assert dag.start_date == datetime(2024, 3, 31, 1, tzinfo=UTC)
    assert dag.description == "told"
    assert dag.task_dict["t"].retry_delay == timedelta(minutes=7)


def test_every_public_name_is_there() -> None:
    import sailplane

    assert [name for name in sailplane.__all__ if not hasattr(sailplane, name)] == []
    assert set(sailplane.__all__) == set(sailplane._HOME)
    with pytest.raises(AttributeError, match="no attribute 'NoSuchThing'"):
        _ = sailplane.NoSuchThing


def test_a_file_that_changes_within_a_second_and_keeps_its_size_is_read_anew(bundle: Bundle) -> None:
    one = bundle.one("from sailplane import DAG\nwith DAG('aaa'):\n    pass\n")
    other = bundle.one("from sailplane import DAG\nwith DAG('bbb'):\n    pass\n")
    assert (one.dag_id, other.dag_id) == ("aaa", "bbb")
    assert not (bundle.root / "__pycache__").exists()
