"""What no measurement on the local cloud can tell, and estimates have to take from somewhere."""

from sailplane.model.usage import Usage

DAYS = 30
"""Of the month that estimates are for, as of the free quotas."""
TICKS = DAYS * 24 * 60
COMMIT_SECONDS = 0.015
"""How long a worker waits for a commit in its own region; the local cloud answers within a millisecond."""
REQUEST_LOG_BYTES = 1024
"""What Cloud Run logs of each request."""
DOCUMENT_BYTES = 1024
"""A task instance's document with its index entries and a small XCom."""
OBJECT_BYTES = 2048
"""The log of a task that prints a few lines."""
GIB = 2**30

TICK_VCPUS = 1.0
TICK_GIB = 0.5
"""Defaults of `sailplane.toml`, as for the worker below."""
WORKER_VCPUS = 1.0
WORKER_GIB = 1.0
CONCURRENCY = 8


def worker_time(seconds: float) -> Usage:
    """`seconds` of a worker instance."""
    return Usage(vcpu_seconds=seconds * WORKER_VCPUS, gib_seconds=seconds * WORKER_GIB)


def request_logs(requests: float) -> Usage:
    return Usage(log_gib=requests * REQUEST_LOG_BYTES / GIB)
