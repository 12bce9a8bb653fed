"""What Sailplane itself uses for the things that it does, as `benchmarks/cost.py` measured it on the local cloud."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from sailplane.model.usage import Usage

FILE = Path(__file__).parent / "measured.json"


@dataclass(frozen=True, kw_only=True)
class Measured:
    """Usage of one of each. Tasks do nothing and print nothing: what they compute and log comes on top."""

    date: str
    chain_task: Usage
    fan_task: Usage
    poll: Usage
    """One poke of a sensor that is rescheduled, without the tick that wakes it."""
    tick: Usage
    """One that finds nothing due."""
    chain_commits: float
    """Commits of a chain task, one after the other: each is waited for."""
    fan_commits: float
    poll_commits: float


def load(file: Path) -> Measured:
    """The measurement in `file`."""
    document: Mapping[str, Any] = json.loads(file.read_text())
    fields: dict[str, Any] = {name: Usage(**one) if isinstance(one, dict) else one for name, one in document.items()}
    return Measured(**fields)


@cache
def current() -> Measured:
    """The measurement that this version came with."""
    return load(FILE)
