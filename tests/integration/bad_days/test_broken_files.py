"""DAG files that break when they are imported: each is told by name, and the others work."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from bad_day import Standalone, eventually

from sailplane.standalone.registration import parse_folder

HEAD = "import os, signal, subprocess, sys, time\nfrom sailplane import DAG, EmptyOperator\n"
GOOD = HEAD + "with DAG({!r}):\n    EmptyOperator(task_id='t')\n"
SLOW = "not imported within 1 s: keep slow work out of its top level"
BROKEN = {
    "raises.py": ("1 / 0\n", "raises.py, line 3: ZeroDivisionError: division by zero"),
    "raises_base.py": ("class Odd(BaseException): pass\nraise Odd('no')\n", "raises_base.py, line 4: Odd: no"),
    "interrupts.py": ("raise KeyboardInterrupt\n", "interrupts.py, line 3: KeyboardInterrupt"),
    "exits.py": ("sys.exit(2)\n", "exits.py, line 3: the file called sys.exit(2)"),
    "sleeps.py": ("time.sleep(60)\n", f"sleeps.py, line 3: {SLOW}"),
    "sleeps_on.py": (
        "while True:\n    try: time.sleep(60)\n    except Exception: pass\n",
        f"sleeps_on.py, line 4: {SLOW}",
    ),
    "is_deaf.py": (
        "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM, signal.SIGTERM])\ntime.sleep(60)\n",
        f"is_deaf.py: {SLOW}; it could not be interrupted",
    ),
    "leaves.py": ("os._exit(7)\n", "leaves.py: the process that imported it ended with exit status 7"),
    "leaves_well.py": ("os._exit(0)\n", "leaves_well.py: the process that imported it ended with exit status 0"),
    "dies.py": ("os.kill(os.getpid(), 9)\n", "dies.py: the process that imported it ended by SIGKILL"),
    "closes.py": ("os.closerange(3, 100)\n", "closes.py: the process that imported it ended with exit status 1"),
    "no_python.py": ("def (:\n", "no_python.py, line 3: SyntaxError: invalid syntax"),
}


@pytest.fixture
def broken_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "dags"
    folder.mkdir(exist_ok=True)
    for file, (text, _message) in BROKEN.items():
        (folder / file).write_text(HEAD + text)
    for dag_id in ("first", "m_iddle", "zlast"):
        (folder / f"{dag_id}.py").write_text(GOOD.format(dag_id))
    return folder


def test_each_broken_file_is_told_by_name_and_the_others_are_read(broken_folder: Path) -> None:
    parsed = parse_folder({**os.environ, "SAILPLANE_IMPORT_TIMEOUT": "1"}, broken_folder)
    assert [dag.dag_id for dag in parsed.dags] == ["first", "m_iddle", "zlast"]
    told = {error.file: error.message for error in parsed.errors}
    assert told.keys() == BROKEN.keys()
    assert [told[file] for file in BROKEN if not told[file].startswith(BROKEN[file][1])] == []


def test_what_a_hanging_file_started_ends_with_it(tmp_path: Path) -> None:
    started = "child = subprocess.Popen(['sleep', '300'])\nopen('{}', 'w').write(str(child.pid))\ntime.sleep(60)\n"
    (tmp_path / "hangs.py").write_text(HEAD + started.format(tmp_path / "pid"))
    parsed = parse_folder({**os.environ, "SAILPLANE_IMPORT_TIMEOUT": "1"}, tmp_path)
    assert [error.file for error in parsed.errors] == ["hangs.py"]
    pid = int((tmp_path / "pid").read_text())
    eventually(lambda: not psutil.pid_exists(pid), "what it started has ended")


def test_a_standalone_with_broken_files_runs_the_others_and_the_good_version_of_a_broken_one(
    start: Callable[..., Standalone], tmp_path: Path
) -> None:
    standalone = start("--no-tick", SAILPLANE_IMPORT_TIMEOUT="1")

    def errors() -> dict[str, str]:
        found = standalone.get("/api/v2/importErrors")["import_errors"]
        return {error["filename"]: error["stack_trace"] for error in found}

    diamond = (tmp_path / "dags" / "diamond.py").read_text()
    (tmp_path / "dags" / "diamond.py").write_text("import os\n" + diamond + "os._exit(3)\n")
    (tmp_path / "dags" / "sleeps.py").write_text(HEAD + "time.sleep(60)\n")
    (tmp_path / "dags" / "added.py").write_text(GOOD.format("added"))
    eventually(lambda: errors().keys() == {"diamond.py", "sleeps.py"}, "the broken files are told")
    assert "exit status 3" in errors()["diamond.py"]
    for dag_id in ("diamond", "added"):
        assert standalone.wait_for_end(dag_id, standalone.trigger(dag_id)) == "success"
    assert "exit status 3" in standalone.output.read_text()
    (tmp_path / "dags" / "diamond.py").write_text(diamond)
    (tmp_path / "dags" / "sleeps.py").unlink()
    eventually(lambda: not errors(), "the mended files are read")


def test_a_standalone_that_is_stopped_while_a_file_hangs_leaves_nothing(
    start: Callable[..., Standalone], tmp_path: Path
) -> None:
    standalone = start("--no-tick")
    (tmp_path / "dags" / "sleeps.py").write_text(HEAD + f"open({str(tmp_path / 'reads')!r}, 'w')\ntime.sleep(60)\n")
    eventually((tmp_path / "reads").exists, "the file is being read")
    assert standalone.stop(signal.SIGTERM) == 0
