"""Environments are built once, whole or not at all."""

import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from sailplane.authoring.exceptions import AirflowException
from sailplane.hooks.subprocess import SubprocessHook
from sailplane.operators.environments import MARKER, EnvironmentSpec, ensure


def spec(wheel: Path) -> EnvironmentSpec:
    return EnvironmentSpec(requirements=(str(wheel),), system_site_packages=False, index_urls=())


def version(python: Path) -> str:
    code = "import lift; print(lift.VERSION)"
    return subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def test_two_that_ask_at_once_build_it_once(tmp_path: Path, wheel: Callable[..., Path]) -> None:
    wanted, said = spec(wheel("lift", "1.0", "VERSION = 'one'")), []
    found: list[Path] = []

    def ask() -> None:
        found.append(ensure(wanted, tmp_path / "root", SubprocessHook(), said.append))

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 1
    assert [line for line in said if line.startswith("New Python")] == [
        f"New Python virtual environment created in {found[0].parents[1]}"
    ]
    assert version(found[0]) == "one"


def test_a_half_built_environment_is_built_anew(tmp_path: Path, wheel: Callable[..., Path]) -> None:
    wanted, said = spec(wheel("lift", "1.0", "VERSION = 'whole'")), []
    folder = tmp_path / f"venv-{wanted.digest}"
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "python").write_text("#!/bin/false\n")
    python = ensure(wanted, tmp_path, SubprocessHook(), said.append)
    assert version(python) == "whole"
    assert any("half-built" in line for line in said)
    assert (folder / MARKER).is_file()


def test_nothing_is_left_of_one_that_cannot_be_built(tmp_path: Path) -> None:
    wanted = EnvironmentSpec(requirements=("no-such-package",), index_urls=())
    with pytest.raises(AirflowException, match=r"(?s)cannot be made: .*exited with code \d.*no-such-package"):
        ensure(wanted, tmp_path, SubprocessHook(), lambda _line: None)
    assert [path.name for path in tmp_path.iterdir()] == [f"venv-{wanted.digest}.lock"]
