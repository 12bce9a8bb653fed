"""From usage to dollars."""

from collections.abc import Mapping
from dataclasses import dataclass

from sailplane.cost.prices import Prices
from sailplane.model.usage import Usage


@dataclass(frozen=True, kw_only=True)
class Bill:
    """Dollars by what was used; what was not used is left out."""

    items: Mapping[str, float]

    @property
    def total(self) -> float:
        return sum(self.items.values())

    def by_service(self, prices: Prices) -> dict[str, float]:
        """Dollars by Google's service, in the order of the price file."""
        sums: dict[str, float] = {}
        for name, rate in prices.rates.items():
            if name in self.items:
                sums[rate.service] = sums.get(rate.service, 0.0) + self.items[name]
        return sums


def bill(usage: Usage, prices: Prices) -> Bill:
    """What `usage` costs at list price, as if nothing were free."""
    amounts = {name: (rate, getattr(usage, name)) for name, rate in prices.rates.items()}
    return Bill(items={name: rate.dollars(amount) for name, (rate, amount) in amounts.items() if amount})


def month_bill(usage: Usage, prices: Prices) -> Bill:
    """What a month with `usage` and nothing else costs: what Google gives for nothing is taken off."""
    charged = {name: max(getattr(usage, name) - rate.free, 0) for name, rate in prices.rates.items()}
    return bill(Usage(**charged), prices)
