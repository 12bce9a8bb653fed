"""The tables of docs/cost.md: what stands between its markers is written by `benchmarks/cost.py`."""

import re
from collections.abc import Callable, Iterator, Sequence

from sailplane.cost import assumptions
from sailplane.cost.bill import bill, month_bill
from sailplane.cost.measured import Measured
from sailplane.cost.money import dollars
from sailplane.cost.prices import Prices
from sailplane.cost.workloads import LONGEST_STAY, Workload, stay, workloads
from sailplane.model.errors import CorruptRecord
from sailplane.model.usage import Usage

_BETWEEN = "<!-- {name}: begin -->\n\n(.*?)\n\n<!-- {name}: end -->"

Table = Callable[[Measured, Prices], str]


def updated(text: str, measured: Measured, prices: Prices) -> str:
    """`text` with all its tables made anew. Raises `CorruptRecord` when one has no place in it."""
    for name, make in TABLES.items():
        found = re.search(_BETWEEN.format(name=name), text, re.DOTALL)
        if found is None:
            raise CorruptRecord(f"the page has no lines `<!-- {name}: begin -->` and `<!-- {name}: end -->`")
        begin, end = found.span(1)
        text = f"{text[:begin]}{make(measured, prices)}{text[end:]}"
    return text


def _table(columns: Sequence[str], rows: Iterator[Sequence[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def comparison(measured: Measured, prices: Prices) -> str:
    """Sailplane beside the others."""
    done = workloads(measured)
    own = ["**Sailplane**", *(dollars(_rounded(bill(one.usage, prices).total)) for one in done)]
    printing = ["Sailplane, when each task prints", *(dollars(_rounded(_printing(one, prices))) for one in done)]
    free = ["Sailplane, with the free quotas of a month", *(_free(one, prices) for one in done)]
    others = (
        [other.name, dollars(other.idle), *(dollars(other.task * one.tasks) for one in done[1:])]
        for other in prices.others.values()
    )
    return _table(["", *(one.title for one in done)], iter([own, printing, free, *others]))


def _printing(workload: Workload, prices: Prices) -> float:
    """With a log for each task. A poll has one anyway, which says when the next is due."""
    logs = max(workload.tasks - workload.usage.class_a, 0)
    return bill(workload.usage + Usage(class_a=logs), prices).total


def _free(workload: Workload, prices: Prices) -> str:
    return dollars(_rounded(month_bill(workload.usage, prices).total))


def breakdown(measured: Measured, prices: Prices) -> str:
    """Sailplane's own row, by service."""
    done = workloads(measured)
    bills = [bill(one.usage, prices).by_service(prices) for one in done]
    services = dict.fromkeys(rate.service for rate in prices.rates.values())
    rows = [[name, *(dollars(_rounded(each.get(name, 0))) for each in bills)] for name in services]
    used = [row for row in rows if set(row[1:]) != {"$0"}]
    return _table(["", *(one.title for one in done)], iter(used))


_TOLD = (
    ("Firestore writes", "writes"),
    ("Firestore reads", "reads"),
    ("Firestore deletes", "deletes"),
    ("messages and requests", "messages"),
    ("vCPU-seconds billed", "vcpu_seconds"),
)


def operations(measured: Measured, prices: Prices) -> str:
    """What was counted."""
    each: dict[str, tuple[Usage, float]] = {
        "chain task": (measured.chain_task, measured.chain_commits),
        "fan-out task": (measured.fan_task, measured.fan_commits),
        "poll": (measured.poll, measured.poll_commits),
        "idle tick": (measured.tick, 0.0),
    }
    rows = [[told, *(_number(getattr(usage, name)) for usage, _ in each.values())] for told, name in _TOLD]
    rows.append(["commits, each waited for", *(_number(commits) for _, commits in each.values())])
    return _table([f"measured {measured.date}", *each], iter(rows))


def sensitivity(measured: Measured, prices: Prices) -> str:
    """What the assumptions are worth."""
    more = assumptions.worker_time(0.010 * measured.chain_commits * 1_000_000)
    stays = stay(LONGEST_STAY)
    rows = [
        ["10 ms more for each commit, per million chain tasks", dollars(_rounded(bill(more, prices).total))],
        [f"a tick that stays for {LONGEST_STAY} s", dollars(_rounded(bill(stays, prices).total))],
        [
            "a month in which every tick stays that long",
            dollars(_rounded(bill(stays.times(assumptions.TICKS), prices).total)),
        ],
        [
            "a second of a worker with 1 vCPU and 1 GiB",
            dollars(_rounded(bill(assumptions.worker_time(1), prices).total)),
        ],
    ]
    return _table(["", "list price"], iter(rows))


def sources(measured: Measured, prices: Prices) -> str:
    """Each price with its page."""
    rows = [
        [rate.service, rate.what, f"${rate.price:g} for {rate.per:,}", f"{rate.free:,}", rate.source, rate.copy]
        for rate in prices.rates.values()
    ]
    place = f"as of {prices.date}, {prices.region}"
    columns = ["", place, "price", "free in a month", "page", "the copy that was read"]
    return _table(columns, iter(rows))


def others(measured: Measured, prices: Prices) -> str:
    """The others with their pages."""
    rows = [[other.name, other.note, other.source, other.copy] for other in prices.others.values()]
    return _table(["", "counted", "pages", "the copy that was read"], iter(rows))


TABLES: dict[str, Table] = {
    "comparison": comparison,
    "breakdown": breakdown,
    "operations": operations,
    "sensitivity": sensitivity,
    "sources": sources,
    "others": others,
}


def _number(amount: float) -> str:
    return f"{amount:.3f}".rstrip("0").rstrip(".")


def _rounded(amount: float) -> float:
    """Cents above a dollar, three digits below."""
    return round(amount, 2) if amount >= 1 else amount
