"""Prices, from a dated file that says for each where it was read."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from sailplane.model.errors import CorruptRecord
from sailplane.model.usage import FIELDS

_FOLDER = Path(__file__).parent
_NOT_BILLED = frozenset({"messages"})
"""What is told and has no price: of messages the bytes are billed."""


@dataclass(frozen=True, kw_only=True)
class Rate:
    """The price of one thing that `Usage` counts, under the same name."""

    service: str
    what: str
    price: float
    """Dollars for `per` units."""
    per: float
    free: float
    """Units a month for nothing."""
    source: str
    copy: str
    """What is known of the age of the page that was read."""

    def dollars(self, amount: float) -> float:
        return amount * self.price / self.per


@dataclass(frozen=True, kw_only=True)
class Other:
    """What another system asks for."""

    name: str
    idle: float
    """Dollars a month while nothing runs."""
    task: float
    """Dollars for one task that does nothing."""
    note: str
    source: str
    copy: str


@dataclass(frozen=True, kw_only=True)
class Prices:
    """One price file."""

    date: date
    currency: str
    region: str
    rates: Mapping[str, Rate]
    others: Mapping[str, Other]


def price_file(folder: Path = _FOLDER) -> Path:
    """The newest price file: their names end in their dates."""
    return max(folder.glob("prices-*.toml"))


def load(file: Path) -> Prices:
    """The prices in `file`. Raises `CorruptRecord` when it lacks one, or has one that nothing counts."""
    import tomllib  # Not before prices are asked for: the web function comes by here when it starts.

    document = tomllib.loads(file.read_text())
    try:
        prices = _prices(document)
    except (KeyError, TypeError) as error:
        raise CorruptRecord(f"the price file {file} cannot be used: {error}") from error
    wanted = set(FIELDS) - _NOT_BILLED
    if prices.rates.keys() != wanted:
        odd = ", ".join(sorted(prices.rates.keys() ^ wanted))
        raise CorruptRecord(f"the price file {file} and what is counted differ in: {odd}")
    return prices


def _prices(document: Mapping[str, Any]) -> Prices:
    return Prices(
        date=document["date"],
        currency=document["currency"],
        region=document["region"],
        rates={name: Rate(**fields) for name, fields in document["rates"].items()},
        others={name: Other(**fields) for name, fields in document["others"].items()},
    )


@cache
def current() -> Prices:
    """The newest prices that this version knows."""
    return load(price_file())
