"""What the check of a file comes to."""

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """How something written for Airflow fares, best first."""

    RUNS = "runs as it is"
    DIFFERS = "differs"
    MISSING = "missing"


@dataclass(frozen=True, kw_only=True, order=True)
class Finding:
    """Something in a file that does not run as in Airflow, or the file itself when all of it does."""

    file: str
    line: int
    """0 for the file as a whole."""
    verdict: Verdict
    name: str
    """What it is about: a dotted name of Airflow's, an argument, a name of the context."""
    advice: str


@dataclass(frozen=True, kw_only=True)
class Remark:
    """A finding in a file that whoever reads it needs not know."""

    line: int
    verdict: Verdict
    name: str
    advice: str

    def within(self, file: str) -> Finding:
        return Finding(file=file, line=self.line, verdict=self.verdict, name=self.name, advice=self.advice)
