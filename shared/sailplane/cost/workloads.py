"""What Sailplane uses for the workloads that docs/cost.md compares: measurements and assumptions put together."""

from dataclasses import dataclass

from sailplane.cost.assumptions import (
    COMMIT_SECONDS,
    DAYS,
    TICK_GIB,
    TICK_VCPUS,
    TICKS,
    request_logs,
    worker_time,
)
from sailplane.cost.measured import Measured
from sailplane.model.usage import Usage

MILLION = 1_000_000
LONGEST_STAY = 55
"""Seconds that a tick stays at most, for what is due before the next one."""


@dataclass(frozen=True, kw_only=True)
class Workload:
    """A row of the comparison. `tasks`: how many others would bill for it."""

    title: str
    usage: Usage
    tasks: int


def idle(measured: Measured) -> Usage:
    """A month in which nothing is due: a tick a minute, and the clock."""
    return measured.tick.times(TICKS) + request_logs(TICKS) + Usage(scheduler_jobs=DAYS / 31)


def tasks(each: Usage, commits: float, number: int) -> Usage:
    """`number` tasks that do nothing, with the time that is waited for Firestore."""
    whole = (each + worker_time(commits * COMMIT_SECONDS)).times(number)
    return whole + request_logs(whole.requests)


def workloads(measured: Measured) -> tuple[Workload, ...]:
    return (
        Workload(title="a month idle", usage=idle(measured), tasks=0),
        Workload(
            title="1,000,000 chain tasks",
            usage=tasks(measured.chain_task, measured.chain_commits, MILLION),
            tasks=MILLION,
        ),
        Workload(
            title="1,000,000 fan-out tasks",
            usage=tasks(measured.fan_task, measured.fan_commits, MILLION),
            tasks=MILLION,
        ),
        Workload(title="1,000 polls of a sensor", usage=tasks(measured.poll, measured.poll_commits, 1000), tasks=1000),
    )


def stay(seconds: float) -> Usage:
    """A tick that stays for `seconds`, for something due within its minute."""
    return Usage(vcpu_seconds=seconds * TICK_VCPUS, gib_seconds=seconds * TICK_GIB)
