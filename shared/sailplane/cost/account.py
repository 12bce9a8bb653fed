"""What one run used and cost, by its own documents."""

from collections.abc import Sequence
from dataclasses import dataclass

from sailplane.cost.bill import Bill, bill
from sailplane.cost.prices import Prices
from sailplane.model.runs import DagRun, TaskInstance
from sailplane.model.usage import Usage, total


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A share of an account: of a task instance over all its tries, or of a whole run."""

    usage: Usage
    bill: Bill


@dataclass(frozen=True, kw_only=True)
class RunAccount:
    """A run, at list prices as if nothing were free; of one that goes on, what is recorded until now."""

    whole: Entry
    own: Entry
    """Creating and closing it."""
    tasks: Sequence[tuple[TaskInstance, Entry]]


def entry(usage: Usage, prices: Prices) -> Entry:
    return Entry(usage=usage, bill=bill(usage, prices))


def account(run: DagRun, instances: Sequence[TaskInstance], prices: Prices) -> RunAccount:
    """The account of `run`, all of whose task instances `instances` are."""
    return RunAccount(
        whole=entry(total([run.usage, *(instance.usage for instance in instances)]), prices),
        own=entry(run.usage, prices),
        tasks=[(instance, entry(instance.usage, prices)) for instance in instances],
    )
