"""The inside of an instance: functions-framework's own command, on a socket that is listening already.

The local cloud opens the socket, so requests can queue in the kernel from the first moment and no port is ever raced
for. A byte on the status pipe says that the worker serves.
"""

import contextlib
import fcntl
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from localcloud.cloudrun.process_death import die_with_parent

KEEP_ALIVE_SECONDS = 90
"""How long the server keeps an idle connection; the proxy drops it a little earlier."""
GRACE_SECONDS = 8
"""Within the ten seconds between SIGTERM and SIGKILL."""
READY = b"R"
STATUS_FD_VARIABLE = "LOCALCLOUD_STATUS_FD"
_SYSTEMD_FIRST_FD = 3


def adopt_socket(listen_fd: int) -> None:
    """Hand the listening socket to gunicorn, by the socket activation protocol that it understands."""
    if listen_fd != _SYSTEMD_FIRST_FD:
        os.dup2(listen_fd, _SYSTEMD_FIRST_FD, inheritable=False)
        os.close(listen_fd)
    os.environ["LISTEN_PID"] = str(os.getpid())
    os.environ["LISTEN_FDS"] = "1"


def tune_gunicorn(status_fd: int) -> None:
    """Set gunicorn's defaults: what functions-framework does not set itself has no other way in."""
    from gunicorn import config  # type: ignore[import-untyped]

    def post_worker_init(worker: Any) -> None:
        with contextlib.suppress(BrokenPipeError):
            os.write(status_fd, READY)

    def post_fork(server: Any, worker: Any) -> None:
        die_with_parent(server.pid)

    defaults: dict[str, Any] = {
        "keepalive": KEEP_ALIVE_SECONDS,
        "graceful_timeout": GRACE_SECONDS,
        "control_socket_disable": True,
        "post_worker_init": staticmethod(post_worker_init),
        "post_fork": staticmethod(post_fork),
    }
    if Path("/dev/shm").is_dir():
        # The worker touches its heartbeat file every second; in memory, that never wakes a disk.
        defaults["worker_tmp_dir"] = "/dev/shm"
    for setting in config.KNOWN_SETTINGS:
        if setting.name in defaults:
            setting.default = defaults[setting.name]


def run(arguments: Sequence[str], listen_fd: int, status_fd: int) -> None:
    """Be the instance until it is told to stop. Does not return."""
    listen_fd = fcntl.fcntl(listen_fd, fcntl.F_DUPFD_CLOEXEC, 10)
    status_fd = fcntl.fcntl(status_fd, fcntl.F_DUPFD_CLOEXEC, 10)
    adopt_socket(listen_fd)
    tune_gunicorn(status_fd)
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(line_buffering=True)
    sys.argv = ["functions-framework", *arguments]
    from functions_framework._cli import _cli

    _cli()


def main() -> None:
    """Entry of an instance that was started by exec: `guest LISTEN_FD STATUS_FD PARENT arguments...`."""
    listen_fd, status_fd, parent = (int(text) for text in sys.argv[1:4])
    die_with_parent(parent)
    os.set_inheritable(listen_fd, False)
    os.set_inheritable(status_fd, False)
    run(sys.argv[4:], listen_fd, status_fd)


if __name__ == "__main__":
    main()
