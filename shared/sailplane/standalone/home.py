"""The folder in which a standalone keeps everything."""

import fcntl
import json
import os
import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TextIO

from sailplane.api.users import Credentials
from sailplane.model.errors import SettingsError
from sailplane.standalone.place import ENVIRONMENT_FILE, LOCK_FILE

USERNAME = "admin"
_LOCK_ATTEMPTS = 5


@dataclass(frozen=True)
class Home:
    """Where what lies."""

    path: Path

    @property
    def cloud(self) -> Path:
        """The local cloud's data: state, messages, objects, the functions' own logs."""
        return self.path / "cloud"

    def objects(self, bucket: str) -> Path:
        """The objects of a bucket, as files under their names."""
        return self.cloud / "storage" / bucket

    @property
    def cache(self) -> Path:
        return self.path / "cache"

    @property
    def environments(self) -> Path:
        """Python environments for the requirements of queues."""
        return self.path / "environments"

    @property
    def function_logs(self) -> Path:
        return self.cloud / "logs"

    @property
    def auth_file(self) -> Path:
        return self.path / "auth.json"

    @property
    def environment_file(self) -> Path:
        return self.path / ENVIRONMENT_FILE

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the home for this process. Raises `SettingsError` when another one does, naming it."""
        self.path.mkdir(parents=True, exist_ok=True)
        with (self.path / LOCK_FILE).open("a+") as file:
            if not _lock(file):
                file.seek(0)
                raise SettingsError(
                    f"a standalone runs in {self.path} already (process {file.read().strip() or 'unknown'}). Stop it, "
                    "or choose another folder with --home"
                )
            file.truncate(0)
            file.write(f"{os.getpid()}\n")
            file.flush()
            try:
                yield
            finally:
                # The file stays: whoever removes a lock file can hand two processes two locks of one name.
                self.environment_file.unlink(missing_ok=True)

    def credentials(self) -> Credentials:
        """The login, made at the first start."""
        if not self.auth_file.exists():
            made = Credentials(username=USERNAME, password=secrets.token_urlsafe(12), secret=secrets.token_urlsafe(32))
            _write_private(self.auth_file, json.dumps(asdict(made), indent=2))
        return Credentials.read(self.auth_file)

    def note_environment(self, environment: Mapping[str, str]) -> None:
        """Tell commands on this machine how to find what runs here."""
        _write_private(self.environment_file, json.dumps(dict(environment), indent=2))


def _lock(file: TextIO) -> bool:
    """Whether the lock could be had. Commands that look whether somebody holds it do so for an instant."""
    for _ in range(_LOCK_ATTEMPTS):
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(0.05)
        else:
            return True
    return False


def _write_private(file: Path, text: str) -> None:
    """Write a file that only its owner may read; readers see all of it or nothing."""
    temporary = file.with_suffix(".new")
    temporary.unlink(missing_ok=True)
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
        out.write(text)
    temporary.replace(file)
