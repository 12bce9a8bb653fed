"""Where the limit of memory comes from, and what counts against it."""

import os
from pathlib import Path

import pytest

from sailplane.runner import footprint

MIB = 1024 * 1024


def write(folder: Path, **files: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)


def test_a_container_says_its_limit_and_what_it_uses_without_what_can_be_taken_back(tmp_path: Path) -> None:
    write(
        tmp_path,
        memory__max=f"{64 * MIB}\n",
        memory__current=f"{40 * MIB}\n",
        memory__stat=f"anon 1\ninactive_file {8 * MIB}\n",
    )
    found = footprint.memory(None, tmp_path)
    assert found is not None
    assert (found.limit, found.used()) == (64 * MIB, 32 * MIB)


def test_the_first_version_of_control_groups_is_read_as_well(tmp_path: Path) -> None:
    write(
        tmp_path / "memory",
        memory__limit_in_bytes=f"{64 * MIB}\n",
        memory__usage_in_bytes=f"{40 * MIB}\n",
        memory__stat=f"inactive_file 5\ntotal_inactive_file {8 * MIB}\n",
    )
    found = footprint.memory(None, tmp_path)
    assert found is not None
    assert (found.limit, found.used()) == (64 * MIB, 32 * MIB)


@pytest.mark.parametrize("limit", ["max", str(2**63 - 4096), ""])
def test_what_says_no_limit_has_none(tmp_path: Path, limit: str) -> None:
    write(tmp_path, memory__max=limit)
    write(tmp_path / "memory", memory__limit_in_bytes=limit)
    assert footprint.memory(None, tmp_path) is None


def test_without_control_groups_there_is_no_limit(tmp_path: Path) -> None:
    assert footprint.memory(None, tmp_path) is None


def test_a_given_limit_counts_this_process_and_all_below(tmp_path: Path) -> None:
    found = footprint.memory(64 * MIB, tmp_path)
    assert found is not None
    assert found.limit == 64 * MIB
    assert found.used() == pytest.approx(footprint.of_tree(os.getpid()), rel=0.2)
    assert found.used() > MIB


@pytest.mark.parametrize(("given", "counted"), [(32, "Family"), (64, "Container"), (128, "Container")])
def test_the_smaller_limit_counts_and_a_container_knows_best_what_it_uses(
    tmp_path: Path, given: int, counted: str
) -> None:
    write(tmp_path, memory__max=str(64 * MIB), memory__current="1", memory__stat="")
    found = footprint.memory(given * MIB, tmp_path)
    assert type(found).__name__ == counted
    assert found is not None
    assert found.limit == min(given, 64) * MIB


def test_a_process_that_is_no_more_uses_nothing() -> None:
    assert footprint.of_tree(2**22 + 1) == 0
