"""The script that measures and writes docs/cost.md, on copies of its files. What it measures is not judged here."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "cost.md"
MEASURED = ROOT / "shared" / "sailplane" / "cost" / "measured.json"


def run_script(*arguments: str, timeout: float) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(ROOT / "benchmarks" / "cost.py"), *arguments],
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def test_the_page_is_written_anew_without_measuring(tmp_path: Path) -> None:
    page = tmp_path / "cost.md"
    page.write_text(PAGE.read_text().replace("| Firestore |", "| Somewhere |"))
    done = run_script("--render", "--page", str(page), timeout=60)
    assert done.returncode == 0, done.stderr
    assert page.read_text() == PAGE.read_text()


@pytest.mark.slow
@pytest.mark.localcloud
def test_a_measurement_gives_the_numbers_that_the_page_needs(tmp_path: Path) -> None:
    page, file = tmp_path / "cost.md", tmp_path / "measured.json"
    page.write_text(PAGE.read_text())
    done = run_script("--repeats", "1", "--page", str(page), "--measured", str(file), timeout=110)
    assert done.returncode == 0, done.stderr
    document = json.loads(file.read_text())
    assert document.keys() == json.loads(MEASURED.read_text()).keys()
    assert 2 <= document["chain_task"]["writes"] < 2.2
    assert 3 <= document["fan_task"]["writes"] < 3.1
    assert 3 <= document["poll"]["writes"] < 3.5
    assert document["tick"]["vcpu_seconds"] >= 0.1
