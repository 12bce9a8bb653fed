"""The base of all sensors: tasks that wait for something outside."""

import hashlib
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from sailplane.authoring.exceptions import (
    AirflowException,
    AirflowFailException,
    AirflowRescheduleException,
    AirflowSensorTimeout,
    AirflowSkipException,
    AirflowTaskTerminated,
    AirflowTaskTimeout,
    TaskDeferralTimeout,
)
from sailplane.authoring.operator import BaseOperator

DEFAULT_TIMEOUT = timedelta(days=7)


class SensorMode(StrEnum):
    POKE = "poke"
    """Holds its slot and sleeps between pokes."""
    RESCHEDULE = "reschedule"
    """Gives its slot back between pokes."""


class PokeReturnValue:
    """What `poke` may return instead of a bool: whether the wait is over, and the task's XCom then."""

    def __init__(self, is_done: bool, xcom_value: Any = None) -> None:
        self.is_done = is_done
        self.xcom_value = xcom_value

    def __bool__(self) -> bool:
        return self.is_done


class BaseSensorOperator(BaseOperator):
    """Calls `poke` every `poke_interval` until it is true; fails for good once `timeout` is over.

    `timeout` counts from the first poke of the try, `execution_timeout` only the time spent running. `soft_fail` skips
    the task instead of failing it; `never_fail` also when `poke` raises; `silent_fail` logs what it raises and pokes
    on. `deferrable` means mode `reschedule` where a sensor has no trigger: no process waits.
    """

    ui_color = "#e6f1f2"
    is_sensor = True
    deferrable: bool = False
    waits_for: tuple[str, ...] = ()
    """Events that may end the wait early, as `gs://bucket/object`."""

    def __init__(
        self,
        *,
        poke_interval: timedelta | float = 60,
        timeout: timedelta | float | None = None,
        soft_fail: bool = False,
        mode: str = SensorMode.POKE,
        exponential_backoff: bool = False,
        max_wait: timedelta | float | None = None,
        silent_fail: bool = False,
        never_fail: bool = False,
        deferrable: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.poke_interval = _seconds(self.task_id, "poke_interval", poke_interval)
        self.timeout = _seconds(self.task_id, "timeout", DEFAULT_TIMEOUT if timeout is None else timeout)
        self.max_wait = None if max_wait is None else _seconds(self.task_id, "max_wait", max_wait)
        if mode not in tuple(SensorMode):
            raise ValueError(f"sensor {self.task_id!r}: mode must be 'poke' or 'reschedule', not {mode!r}")
        if soft_fail and never_fail:
            raise ValueError(f"sensor {self.task_id!r}: soft_fail and never_fail exclude each other")
        self.mode = SensorMode.RESCHEDULE if deferrable else SensorMode(mode)
        if deferrable:
            self.deferrable = True
        self.soft_fail, self.silent_fail, self.never_fail = soft_fail, silent_fail, never_fail
        self.exponential_backoff = exponential_backoff

    @property
    def reschedule(self) -> bool:
        return self.mode is SensorMode.RESCHEDULE

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Any) -> Any:
        """As with `poke`: `soft_fail` and `never_fail` skip the task when its wait fails or lasts too long."""
        try:
            try:
                return super().resume_execution(next_method, next_kwargs, context)
            except TaskDeferralTimeout as error:
                raise AirflowSensorTimeout(*error.args) from error
        except AirflowException as error:
            if self.soft_fail or self.never_fail:
                raise AirflowSkipException(f"skipped instead of failed: {error}") from error
            raise

    def poke(self, context: Mapping[str, Any]) -> bool | PokeReturnValue:
        """Whether the wait is over."""
        raise NotImplementedError(f"{type(self).__name__} has no poke()")

    def execute(self, context: Mapping[str, Any]) -> Any:
        started_at, elapsed = self._clock(context)
        poke_count = 1
        while True:
            found = self._poke(context)
            if found:
                self.log.info("Success criteria met. Exiting.")
                return found.xcom_value if isinstance(found, PokeReturnValue) else None
            if elapsed() > self.timeout:
                self._time_out(elapsed())
            wait = self.next_wait(poke_count, elapsed(), started_at)
            if self.reschedule:
                raise AirflowRescheduleException(datetime.now(UTC) + timedelta(seconds=wait))
            time.sleep(wait)
            poke_count += 1

    def _clock(self, context: Mapping[str, Any]) -> tuple[datetime, Callable[[], float]]:
        """When the sensor poked first, and how many seconds that is ago at each call."""
        now = datetime.now(UTC)
        first = context["ti"].get_first_reschedule_date(context) if self.reschedule else None
        before = (now - first).total_seconds() if first else 0.0
        start = time.monotonic()
        return first or now, lambda: before + time.monotonic() - start

    def _poke(self, context: Mapping[str, Any]) -> bool | PokeReturnValue:
        try:
            return self.poke(context)
        except (AirflowSkipException, AirflowRescheduleException, AirflowTaskTerminated):
            raise
        except (AirflowSensorTimeout, AirflowTaskTimeout, AirflowFailException) as error:
            if self.soft_fail or self.never_fail:
                raise AirflowSkipException(f"skipped instead of failed: {error}") from error
            raise
        except Exception as error:  # The edge to user code.
            if self.silent_fail:
                self.log.exception("Sensor poke failed")
                return False
            if self.never_fail:
                raise AirflowSkipException(f"skipped instead of failed: {error}") from error
            raise

    def _time_out(self, elapsed: float) -> None:
        message = f"the sensor has waited {elapsed:.1f} s, longer than its timeout of {self.timeout:g} s"
        if self.soft_fail:
            raise AirflowSkipException(message)
        raise AirflowSensorTimeout(message)

    def next_wait(self, poke_count: int, elapsed: float, started_at: datetime) -> float:
        """Seconds until the next poke.

        With `exponential_backoff` they double, spread so that sensors do not poke in step. A rescheduled
        sensor does not know how often it has poked: it counts what would have fitted into `elapsed`.
        """
        if not self.exponential_backoff:
            return self.poke_interval
        if self.reschedule:
            poke_count, spent = 0, 0.0
            while spent <= elapsed:
                poke_count += 1
                spent += self._spread_wait(poke_count, started_at)
        wait = min(self._spread_wait(poke_count, started_at), max(self.timeout - elapsed, 0.0))
        return min(wait, self.max_wait) if self.max_wait is not None else wait

    def _spread_wait(self, poke_count: int, started_at: datetime) -> float:
        exponent = min(poke_count - 2, 40)  # Far beyond any timeout, and still a number.
        shortest = max(int(self.poke_interval * 2**exponent), 1)
        seed = f"{self.dag_id}#{self.task_id}#{started_at}#{poke_count}"
        digest = hashlib.sha1(seed.encode(), usedforsecurity=False).hexdigest()
        return float(shortest + int(digest, 16) % shortest)


def _seconds(task_id: str, name: str, value: timedelta | float) -> float:
    seconds = value.total_seconds() if isinstance(value, timedelta) else value
    if not isinstance(seconds, int | float) or seconds < 0:
        raise ValueError(f"sensor {task_id!r}: {name} must be a timedelta or seconds, not negative, but is {value!r}")
    return seconds
