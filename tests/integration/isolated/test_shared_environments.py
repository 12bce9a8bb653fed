"""What one worker built the others fetch; and whatever goes wrong with that, an environment is built."""

import shutil
import subprocess
import tarfile
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import cast

import pytest

from sailplane.hooks.subprocess import SubprocessHook
from sailplane.model.errors import Unavailable
from sailplane.model.execution import ChildServices
from sailplane.model.shelf import ShelfRequest, ShelfVerb
from sailplane.operators.environments import MARKER, EnvironmentSpec, ensure
from sailplane.operators.shared_environments import SharedEnvironments


@dataclass
class Bucket:
    """Keeps packed environments as a bucket does."""

    objects: dict[str, bytes] = field(default_factory=dict)
    broken: tuple[ShelfVerb, ...] = ()

    def shelf(self, request: ShelfRequest) -> str | None:
        if request.verb in self.broken:
            raise Unavailable("the bucket is away")
        name, file = request.object_name("flow"), Path(request.file)
        if request.verb is ShelfVerb.PUT:
            self.objects[name] = file.read_bytes()
        elif name not in self.objects:
            return None
        else:
            file.write_bytes(self.objects[name])
        return str(file)


class Machine:
    """A worker's cache folder, at the same place on each machine."""

    def __init__(self, root: Path, cache_key: str) -> None:
        self.root = root
        self.said: list[str] = []
        self._spec = EnvironmentSpec(system_site_packages=False, cache_key=cache_key)

    def ask(self, bucket: Bucket, worth: timedelta = timedelta(0)) -> Path:
        """The Python of the environment on a machine that has nothing yet."""
        shutil.rmtree(self.root, ignore_errors=True)
        self.said.clear()
        shared = SharedEnvironments(cast(ChildServices, bucket), self.said.append, worth)
        return ensure(self._spec, self.root, SubprocessHook(), self.said.append, shared)

    def has_said(self, text: str) -> bool:
        return any(text in line for line in self.said)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path / "root", "one")


def works(python: Path) -> bool:
    """Whether it is a Python whose packages are those of its environment."""
    code = "import sys; print(sys.prefix)"
    told = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    return told == str(python.parents[1])


def test_the_second_machine_fetches_what_the_first_built(machine: Machine) -> None:
    bucket = Bucket()
    assert works(machine.ask(bucket))
    assert machine.has_said("New Python virtual environment")
    assert machine.has_said("Left the environment for other workers")
    ((name, packed),) = bucket.objects.items()
    assert name.startswith("xcoms/~environments/venv-")
    python = machine.ask(bucket)
    assert works(python)
    assert machine.has_said("Fetched the Python virtual environment")
    assert not machine.has_said("New Python virtual environment")
    assert bucket.objects == {name: packed}
    assert sorted(path.name for path in machine.root.iterdir()) == [
        python.parents[1].name,
        f"{python.parents[1].name}.lock",
    ]
    assert (python.parents[1] / MARKER).is_file()


def test_what_is_built_quickly_is_not_left(machine: Machine) -> None:
    bucket = Bucket()
    machine.ask(bucket, worth=timedelta(hours=1))
    assert bucket.objects == {}


@pytest.mark.parametrize("broken", [(ShelfVerb.GET,), (ShelfVerb.PUT,), tuple(ShelfVerb)])
def test_without_the_bucket_it_is_built(machine: Machine, broken: tuple[ShelfVerb, ...]) -> None:
    assert works(machine.ask(Bucket(broken=broken)))
    assert machine.has_said("the bucket is away")


def _garbage(packed: bytes) -> bytes:
    return b"garbage"


def _cut(packed: bytes) -> bytes:
    return packed[: len(packed) // 2]


@pytest.mark.parametrize("spoil", [_garbage, _cut])
def test_what_cannot_be_unpacked_is_built_and_left_anew(machine: Machine, spoil: Callable[[bytes], bytes]) -> None:
    bucket = Bucket()
    machine.ask(bucket)
    ((name, whole),) = bucket.objects.items()
    bucket.objects[name] = spoil(whole)
    assert works(machine.ask(bucket))
    assert machine.has_said("cannot be fetched")
    assert len(bucket.objects[name]) > len(spoil(whole))


def test_one_whose_python_is_not_here_is_built(machine: Machine, tmp_path: Path) -> None:
    bucket = Bucket()
    machine.ask(bucket)
    (name,) = bucket.objects
    folder = tmp_path / "elsewhere"
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "python").symlink_to("/opt/no/such/python")
    with tarfile.open(tmp_path / "packed", "w:gz") as archive:
        archive.add(folder, arcname=".")
    bucket.objects[name] = (tmp_path / "packed").read_bytes()
    assert works(machine.ask(bucket))
    assert machine.has_said("New Python virtual environment")


def test_of_another_place_or_other_making_is_another_object(machine: Machine, tmp_path: Path) -> None:
    bucket = Bucket()
    machine.ask(bucket)
    Machine(tmp_path / "root2", "one").ask(bucket)
    Machine(tmp_path / "root", "two").ask(bucket)
    assert len(bucket.objects) == 3
