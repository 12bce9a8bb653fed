"""What the README tells a newcomer to type, typed."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).parents[3]
README = (ROOT / "README.md").read_text()
PATIENCE_SECONDS = 420


def blocks(language: str) -> list[str]:
    """The README's code blocks in that language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)


def commands() -> list[str]:
    """All command lines of the README, one each, without comments."""
    lines = [line.partition("  #")[0].strip() for block in blocks("sh") for line in block.splitlines()]
    return [part.strip() for line in lines for part in line.split("&&")]


def environment(**more: str) -> dict[str, str]:
    """A newcomer's: nothing of ours is set."""
    ours = re.compile(r"SAILPLANE_|PYTHON|VIRTUAL_ENV|.*_EMULATOR_HOST|GOOGLE_CLOUD_PROJECT|CI$")
    return {**{name: value for name, value in os.environ.items() if not ours.match(name)}, **more}


class Newcomer:
    """Someone with a fresh environment in which the README's install command was run, and a home of their own."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "home"
        self.desk = folder / "desk"
        self._bin = folder / "venv" / "bin"
        self.home.mkdir()
        self.desk.mkdir()
        self.environment: Mapping[str, str] = environment(
            HOME=str(self.home), PATH=f"{self._bin}{os.pathsep}{os.environ['PATH']}"
        )

    def types(self, command: str, *, where: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Run one command line to its end, outside of the repository."""
        return subprocess.run(
            self._words(command),
            cwd=where or self.desk,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )

    def starts(self, command: str, output: Path) -> "subprocess.Popen[bytes]":
        with output.open("wb") as out:
            return subprocess.Popen(
                self._words(command),
                cwd=self.desk,
                env=self.environment,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )

    def _words(self, command: str) -> list[str]:
        program, *arguments = shlex.split(command)
        return [str(self._bin / program), *arguments]

    def processes(self) -> list[psutil.Process]:
        """All that still runs out of this environment."""
        found = []
        for process in psutil.process_iter(["cmdline"]):
            if any(word.startswith(str(self._bin)) for word in process.info["cmdline"] or ()):
                found.append(process)
        return found


TESTS = "pytest -n 3 --dist loadfile"


@pytest.fixture(scope="module")
def newcomer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Newcomer]:
    folder = tmp_path_factory.mktemp("newcomer")
    subprocess.run([sys.executable, "-m", "venv", folder / "venv"], env=environment(), check=True)
    newcomer = Newcomer(folder)
    installed = newcomer.types(commands()[0], where=ROOT)
    assert installed.returncode == 0, installed.stdout + installed.stderr
    yield newcomer
    for process in newcomer.processes():
        process.kill()


def test_the_first_screen_has_the_two_commands() -> None:
    assert commands()[:4] == ["pip install .", "sailplane demo", "pip install '.[dev]'", TESTS]
    first_screen = README.splitlines()[:50]
    assert "pip install . && sailplane demo" in first_screen
    assert f"pip install '.[dev]' && {TESTS}" in first_screen


def test_the_dag_has_15_lines_and_is_the_example_that_comes_along() -> None:
    (dag,) = blocks("python")
    assert len([line for line in dag.splitlines() if line]) <= 15
    assert dag == (ROOT / "dags" / "hello.py").read_text()


def test_ci_runs_the_commands_of_the_readme() -> None:
    steps = [line for line in (ROOT / ".ci" / "run").read_text().splitlines() if line.startswith("step ")]
    words = [shlex.split(step.partition("||")[0])[2:] for step in steps]
    install, tests = shlex.split("pip install '.[dev]'"), shlex.split(TESTS)
    assert install in [[word for word in step if word != "--quiet"] for step in words]
    assert any(step[0] == "timeout" and step[step.index("pytest") :][: len(tests)] == tests for step in words)


def test_the_dag_of_the_readme_flies(tmp_path: Path) -> None:
    (dag,) = blocks("python")
    (tmp_path / "dags").mkdir()
    (tmp_path / "dags" / "hello.py").write_text(dag)
    command = next(each for each in commands() if "dags test" in each)
    program, *arguments = shlex.split(command)
    assert program == "sailplane"
    done = subprocess.run(
        [sys.executable, "-m", "sailplane.cli", *arguments, "-o", "json"],
        cwd=tmp_path,
        env=environment(PYTHONPATH=str(ROOT / "shared"), HOME=str(tmp_path)),
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    run = json.loads(done.stdout)
    assert run["state"] == "success"
    assert {each["task_id"]: each["state"] for each in run["task_instances"]} == {
        "pilots": "success",
        "greet": "success",
    }
    assert "Hello Ada, Grace, Katherine" in done.stderr


@pytest.mark.slow
@pytest.mark.timeout(PATIENCE_SECONDS)
def test_the_demo_flies_after_a_plain_install(newcomer: Newcomer) -> None:
    done = newcomer.types(f"{commands()[1]} --exit --port 0")
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^weather_report manual__\S+: success$", done.stdout, re.MULTILINE)
    for task_id in ("wait_for_data", "parse", "by_year", "by_month", "summarize", "write_report"):
        assert re.search(rf"^{task_id} .*success", done.stdout, re.MULTILINE), done.stdout
    assert "gs://sailplane/reports/seattle-weather/report.md" in done.stdout
    objects = newcomer.home / ".sailplane" / "demo" / "cloud" / "storage" / "sailplane"
    report = objects / "reports" / "seattle-weather"
    assert "1,461 days, 623 of them wet" in (report / "report.md").read_text()
    assert (report / "chart.svg").read_text().startswith("<svg")
    assert json.loads((report / "summary.json").read_text())["total"]["days"] == 1461
    assert list(objects.glob("logs/dag_id=weather_report/run_id=*/task_id=parse/attempt=1.log"))
    assert newcomer.processes() == []


@pytest.mark.slow
@pytest.mark.timeout(PATIENCE_SECONDS)
def test_a_standalone_takes_a_run_from_a_second_terminal(newcomer: Newcomer, tmp_path: Path) -> None:
    (dag,) = blocks("python")
    (newcomer.desk / "dags").mkdir()
    (newcomer.desk / "dags" / "hello.py").write_text(dag)
    start, trigger = (next(each for each in commands() if word in each) for word in ("standalone", "dags trigger"))
    output = tmp_path / "standalone.out"
    standalone = newcomer.starts(f"{start} --port 0 --no-tick", output)
    try:
        wait_for_line(output, "Sailplane runs at ", standalone)
        done = newcomer.types(trigger)
        assert done.returncode == 0, done.stdout + done.stderr
        assert re.search(r"^hello manual__\S+: success$", done.stdout, re.MULTILINE)
    finally:
        standalone.send_signal(signal.SIGINT)
        assert standalone.wait(60) == 0, output.read_text()
    assert newcomer.processes() == []


def wait_for_line(output: Path, text: str, process: "subprocess.Popen[bytes]") -> None:
    give_up_at = time.monotonic() + 60
    while text not in output.read_text():
        assert process.poll() is None, output.read_text()
        assert time.monotonic() < give_up_at, output.read_text()
        time.sleep(0.1)


def command_words() -> list[tuple[str, ...]]:
    """Every command that the README or a page of docs/ names, as the words that lead to it."""
    found = set()
    for page in (ROOT / "README.md", *ROOT.glob("docs/*.md")):
        for line in re.findall(r"\bsailplane ((?:[a-z][a-z-]+ ?){1,2})", page.read_text().replace("`, `", " , ")):
            words = line.split()
            if words[0] in ("dags", "runs", "tasks", "demo", "standalone"):
                found.add(tuple(words[: 2 if words[0] in ("dags", "runs", "tasks") else 1]))
    return sorted(found)


def test_every_command_that_is_named_exists() -> None:
    assert ("dags", "trigger") in command_words()
    for words in command_words():
        done = subprocess.run(
            [sys.executable, "-m", "sailplane.cli", *words, "--help"],
            env=environment(PYTHONPATH=str(ROOT / "shared")),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"sailplane {' '.join(words)}: {done.stderr}"


@pytest.mark.parametrize("page", ["README.md", *(f"docs/{page.name}" for page in sorted(ROOT.glob("docs/*.md")))])
def test_links_between_pages_lead_somewhere(page: str) -> None:
    text = (ROOT / page).read_text()
    for link in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text):
        if "://" not in link and link != "chart.svg":
            assert ((ROOT / page).parent / link).exists(), link
