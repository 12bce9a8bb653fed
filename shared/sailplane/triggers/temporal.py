"""Triggers that wait for a moment. They cost nothing until then: the moment is the alarm of their task."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

from sailplane.authoring.trigger import BaseTrigger, TaskSuccessEvent, TriggerEvent


class DateTimeTrigger(BaseTrigger):
    """Fires at `moment`, with the moment as its event; with `end_from_trigger` the task is a success then.

    `target_time` says the moment as a text in ISO form, in UTC when it names no zone.
    """

    def __init__(
        self,
        moment: datetime | None = None,
        *,
        target_time: datetime | str | None = None,
        end_from_trigger: bool = False,
    ) -> None:
        super().__init__()
        if (moment is None) == (target_time is None):
            raise TypeError("DateTimeTrigger requires exactly one of 'moment' or 'target_time'")
        if moment is None:
            moment = _parsed(target_time)
        elif not isinstance(moment, datetime):
            raise TypeError(f"Expected datetime.datetime type for moment. Got {type(moment)}")
        elif moment.tzinfo is None:
            raise ValueError("You cannot pass naive datetimes")
        self.moment = moment.astimezone(UTC)
        self.end_from_trigger = end_from_trigger

    def serialize(self) -> tuple[str, dict[str, Any]]:
        arguments = {"moment": self.moment, "end_from_trigger": self.end_from_trigger}
        return f"{__name__}.DateTimeTrigger", arguments

    async def run(self) -> AsyncIterator[TriggerEvent]:
        from asyncio import sleep

        left = (self.moment - datetime.now(UTC)).total_seconds()
        if left > 0:
            await sleep(left)
        yield TaskSuccessEvent() if self.end_from_trigger else TriggerEvent(self.moment)


class TimeDeltaTrigger(DateTimeTrigger):
    """Fires when `delta` has passed from now."""

    def __init__(self, delta: timedelta, *, end_from_trigger: bool = False) -> None:
        super().__init__(datetime.now(UTC) + delta, end_from_trigger=end_from_trigger)


def _parsed(text: datetime | str | None) -> datetime:
    if isinstance(text, str):
        try:
            text = datetime.fromisoformat(text.strip())
        except ValueError:
            raise ValueError(
                f"target_time {text!r} is no datetime; it must be like 2024-05-01T06:00:00+00:00"
            ) from None
    if not isinstance(text, datetime):
        raise TypeError(f"target_time must be a datetime or its ISO form, not {text!r}")
    return text.replace(tzinfo=UTC) if text.tzinfo is None else text
