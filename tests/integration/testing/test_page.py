"""What docs/testing-dags.md shows works as it stands there."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "testing-dags.md").read_text()


def blocks() -> list[str]:
    """The page's Python: the DAG file, and the tests."""
    return re.findall(r"^```python\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    dag_file, tests = blocks()
    (tmp_path / "dags").mkdir()
    (tmp_path / "tests").mkdir()
    (tmp_path / "dags" / "shop.py").write_text(dag_file)
    (tmp_path / "tests" / "test_shop.py").write_text(tests)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "variables.json").write_text(json.dumps({"price": 5}))
    (tmp_path / "connections.json").write_text(json.dumps({"shop": "https://shop.example"}))
    return tmp_path


def run(folder: Path, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT / "shared")},
        input=stdin,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def test_the_tests_of_the_page_pass(project: Path) -> None:
    plugins = ["-p", "sailplane.testing.plugin", "-p", "no:cacheprovider", "-p", "no:randomly"]
    done = run(project, "-m", "pytest", "-q", "-W", "error", *plugins)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "5 passed" in done.stdout


def test_the_dag_of_the_page_runs_as_a_script(project: Path) -> None:
    done = run(project, "dags/shop.py")
    assert done.returncode == 0, done.stderr
    assert "asking shop.example for the orders of" in done.stdout
    assert "billed" in done.stdout
    assert "the shop does not answer" in done.stderr
    assert re.search(r"shop manual__\S+: success", done.stderr), done.stderr


def test_a_breakpoint_in_a_task_stops_there(project: Path) -> None:
    file = project / "dags" / "shop.py"
    file.write_text(file.read_text().replace('print("billed")', 'receipt = 17 + 4; breakpoint(); print("billed")'))
    done = run(project, "dags/shop.py", stdin="p receipt\nc\n")
    assert "(Pdb) 21" in done.stdout, done.stdout + done.stderr
    assert "billed" in done.stdout


def test_leaving_the_debugger_ends_the_run(project: Path) -> None:
    file = project / "dags" / "shop.py"
    file.write_text(file.read_text().replace('print("billed")', 'breakpoint()\n        print("billed")'))
    done = run(project, "dags/shop.py", stdin="q\n")
    assert done.returncode != 0
    assert "\nbilled" not in done.stdout
