"""How a try goes on that gave its worker back in the middle: another method of its operator is called."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, kw_only=True)
class PendingTrigger:
    """A trigger that has not fired yet: what makes it again, and how long it was going to sleep."""

    classpath: str
    kwargs: str
    """Its arguments, a dict in its JSON envelope."""
    asleep_since: datetime
    """When it was suspended."""
    asleep_for: float = 0.0
    """Seconds that it was going to sleep then: a trigger that begins anew does not sleep them again."""


@dataclass(frozen=True, kw_only=True)
class Resumption:
    """What a try does when it is queued again after a wait: `method` of its operator is called instead of `execute`.

    The task's document has it while the try waits and while it goes on; a new try begins with `execute` again.
    """

    method: str
    kwargs: str = ""
    """The method's arguments by name, a dict in its JSON envelope; empty: none."""
    event: str | None = None
    """The argument `event` in its JSON envelope: what the wait ended with. None: nothing came (yet)."""
    trigger: PendingTrigger | None = None
    """What is asked for the event before the method is called."""
    began_at: datetime
    """When the try started first: its start and its duration count from there."""
    timeout_at: datetime | None = None
    """By when the event must have come."""
    xcoms: Mapping[str, str] = field(default_factory=dict)
    """What the try had pushed before it waited: key -> envelope."""
