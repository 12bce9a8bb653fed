"""Sensors that can leave their looking to a trigger."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, NoReturn

from sailplane.authoring.configuration import default_deferrable
from sailplane.authoring.trigger import BaseTrigger
from sailplane.sensors.base import BaseSensorOperator


class DeferrableSensor(BaseSensorOperator):
    """With `deferrable=True` the sensor defers itself: it holds no worker, and goes on with `execute_complete`.

    Unless it says, [operators] default_deferrable decides.
    """

    def __init__(self, *, deferrable: bool | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.deferrable = default_deferrable() if deferrable is None else deferrable

    def trigger(self, context: Mapping[str, Any]) -> BaseTrigger:
        """What waits in place of the sensor."""
        raise NotImplementedError(f"{type(self).__name__} has no trigger()")

    def execute(self, context: Mapping[str, Any]) -> Any:
        return self.defer_to_trigger(context) if self.deferrable else super().execute(context)

    def defer_to_trigger(self, context: Mapping[str, Any]) -> NoReturn:
        """Wait for the trigger, for as long as `deferral_timeout` allows."""
        self.defer(trigger=self.trigger(context), method_name="execute_complete", timeout=self.deferral_timeout)

    @property
    def deferral_timeout(self) -> timedelta | None:
        """How long the sensor waits at most when it is deferred; None: as long as it takes."""
        return timedelta(seconds=min(self.timeout, _LONGEST.total_seconds()))

    def execute_complete(self, context: Mapping[str, Any], event: Any = None) -> Any:
        """What the sensor does when its trigger has fired; returns what it returns."""


_LONGEST = timedelta(days=365 * 1000)
"""Further ahead there are no dates to wait for."""
