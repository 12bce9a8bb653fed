"""Which failures are worth another try, and after what time: Airflow's retry policies, asked where the task failed."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sailplane.authoring.operator import BaseOperator

ExceptionSpec = type[BaseException] | str
"""A class of exceptions, or where to import it from: "requests.exceptions.HTTPError"."""


class RetryAction(Enum):
    RETRY = "retry"
    """Try again, as long as the task has `retries` left."""
    FAIL = "fail"
    """Fail at once."""
    DEFAULT = "default"
    """As if there were no policy."""


@dataclass(frozen=True)
class RetryDecision:
    """What a policy says about one failure."""

    action: RetryAction = RetryAction.DEFAULT
    retry_delay: timedelta | None = None
    """Instead of the task's own; None for that."""
    reason: str | None = None

    @classmethod
    def fail(cls, reason: str | None = None) -> "RetryDecision":
        return cls(RetryAction.FAIL, reason=reason)

    @classmethod
    def retry(cls, delay: timedelta | None = None, reason: str | None = None) -> "RetryDecision":
        return cls(RetryAction.RETRY, delay, reason)

    @classmethod
    def default(cls) -> "RetryDecision":
        return cls()


class RetryPolicy:
    """Base of policies. Not asked about `AirflowFailException` and a sensor's timeout, which are final."""

    def evaluate(
        self, exception: BaseException, try_number: int, max_tries: int, context: Mapping[str, Any] | None = None
    ) -> RetryDecision:
        """What to do about `exception` of try `try_number` (from 1); `max_tries` is the task's `retries`."""
        raise NotImplementedError(f"{type(self).__name__} has no evaluate()")


@dataclass(frozen=True)
class RetryRule:
    """What to do about some exceptions. Raises `ValueError` for a text that is no dotted path."""

    exception: ExceptionSpec | list[ExceptionSpec]
    action: RetryAction = RetryAction.RETRY
    retry_delay: timedelta | None = None
    reason: str | None = None
    match_subclasses: bool = True

    def __post_init__(self) -> None:
        for spec in self._specs:
            if isinstance(spec, str) and "." not in spec:
                raise ValueError(f"a RetryRule names an exception as 'package.module.Name', not {spec!r}")

    @property
    def _specs(self) -> list[ExceptionSpec]:
        return self.exception if isinstance(self.exception, list) else [self.exception]

    def matches(self, exc: BaseException) -> bool:
        classes = tuple(found for spec in self._specs if (found := _class_of(spec)) is not None)
        return isinstance(exc, classes) if self.match_subclasses else type(exc) in classes


def _class_of(spec: ExceptionSpec) -> type[BaseException] | None:
    """The class; None when there is none: what cannot be imported was not raised."""
    if not isinstance(spec, str):
        return spec
    module, _, name = spec.rpartition(".")
    try:
        found: Any = getattr(import_module(module), name)
    except (ImportError, AttributeError):
        return None
    return found if isinstance(found, type) else None


class ExceptionRetryPolicy(RetryPolicy):
    """The first rule that matches decides; `default` when none does."""

    def __init__(self, rules: list[RetryRule], default: RetryAction = RetryAction.DEFAULT) -> None:
        self.rules = rules
        self.default = default

    def evaluate(
        self, exception: BaseException, try_number: int, max_tries: int, context: Mapping[str, Any] | None = None
    ) -> RetryDecision:
        for rule in self.rules:
            if rule.matches(exception):
                reason = rule.reason or f"Matched rule for {type(exception).__name__}"
                return RetryDecision(rule.action, rule.retry_delay, reason)
        return RetryDecision(self.default)


def decide(task: "BaseOperator", error: BaseException, context: Mapping[str, Any]) -> RetryDecision:
    """What the task's policy says; the default without one, and when the policy itself fails."""
    policy, ti = task.retry_policy, context.get("ti")
    if policy is None or ti is None:
        return RetryDecision()
    try:
        decision: RetryDecision = policy.evaluate(error, ti.try_number, ti.max_tries, context)
    except Exception:  # The edge to user code.
        task.log.exception("The retry policy failed; the task is retried as without it")
        return RetryDecision()
    if decision.reason:
        task.log.info("Retry policy: %s (%s)", decision.action.value, decision.reason)
    return decision
