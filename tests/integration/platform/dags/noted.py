"""Tasks note each execution, and some wait until a test releases them."""

import os
import time
from pathlib import Path

FOLDER = Path(os.environ["PLATFORM_NOTES"])
LONGEST_WAIT_SECONDS = 60


def note(ti):
    """One line for this execution in the file of its run; lines of several processes do not mix."""
    line = f"{ti.task_id} {ti.try_number} {os.getpid()}\n".encode()
    file = os.open(FOLDER / f"{ti.run_id}.notes", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(file, line)
    os.close(file)


def wait_for_release(ti):
    give_up_at = time.monotonic() + LONGEST_WAIT_SECONDS
    while not (FOLDER / f"{ti.run_id}.{ti.task_id}.released").exists():
        if time.monotonic() > give_up_at:
            raise TimeoutError("nobody released this task")
        time.sleep(0.02)
