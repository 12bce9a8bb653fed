"""What only some tasks need is imported by these alone, and asked for by the name of its extra."""

import subprocess
import sys
import tomllib
from pathlib import Path

import sailplane

ROOT = Path(__file__).parents[3]
REFUSING = """
import sys

class Refusing:
    def find_spec(self, name, path=None, target=None):
        if name.startswith(("google.cloud.bigquery", "psycopg", "db_dtypes")):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Refusing())
"""


def printed(code: str) -> list[str]:
    """Lines that a new process prints in which the extras are not installed."""
    environment = {
        "PYTHONPATH": str(Path(sailplane.__file__).parents[1]),
        "BIGQUERY_EMULATOR_HOST": "http://127.0.0.1:9",
    }
    done = subprocess.run(
        [sys.executable, "-c", REFUSING + code], env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout.splitlines()


def test_whatever_a_dag_file_imports_brings_no_client_of_google_and_no_http() -> None:
    heavy = ("google.cloud.", "google.auth", "google.api_core", "grpc", "requests", "urllib3")
    code = f"""
import sailplane
for name in sailplane.__all__:
    getattr(sailplane, name)
print(sorted(name for name in sys.modules if name.startswith({heavy!r})))
"""
    assert printed(code) == ["[]"]


def test_a_task_says_which_extra_it_needs() -> None:
    code = """
from sailplane import DAG, BigQueryCheckOperator, BigQueryInsertJobOperator, PostgresHook
import os
os.environ["AIRFLOW_CONN_PG"] = "postgres://db.example.org"
with DAG("x"):
    check = BigQueryCheckOperator(task_id="c", sql="SELECT 1")
for act in (lambda: check.execute({}), PostgresHook("pg").get_conn):
    try:
        act()
    except Exception as error:
        print(error)
"""
    assert printed(code) == [
        f"{who} needs {package}, which is not installed: name sailplane[{extra}] in the bundle's requirements, or pip "
        f"install 'sailplane[{extra}]'"
        for who, package, extra in (
            ("BigQueryHook", "google-cloud-bigquery", "bigquery"),
            ("PostgresHook", "psycopg", "postgres"),
        )
    ]


def test_each_extra_that_is_asked_for_is_one() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert {"bigquery", "bigquery-pandas", "postgres"} <= extras.keys()
