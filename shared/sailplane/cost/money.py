"""Dollars as people read them: small amounts with the digits that matter."""

import math


class Dollars(float):
    """An amount that prints as text; in JSON it is a number."""

    def __str__(self) -> str:
        return dollars(self)


def dollars(amount: float) -> str:
    """`amount` with cents, or with three significant digits when it is less than a dollar."""
    if amount == 0:
        return "$0"
    if abs(amount) >= 1:
        return f"${amount:,.2f}"
    digits = 2 - math.floor(math.log10(abs(amount)))
    return f"${amount:.{digits}f}".rstrip("0").rstrip(".")
