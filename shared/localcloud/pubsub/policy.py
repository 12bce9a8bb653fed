"""What happens to a delivery that failed: when it comes again, and when it is given up."""

from dataclasses import dataclass

from localcloud.pubsub.wire import Pb

DEFAULT_MINIMUM_BACKOFF = 10.0
DEFAULT_MAXIMUM_BACKOFF = 600.0
DEFAULT_MAX_ATTEMPTS = 5

_PATIENCE = 3
_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 60.0


@dataclass(frozen=True, kw_only=True)
class Backoff:
    """A subscription's retry policy, in seconds."""

    minimum: float
    maximum: float

    def delay(self, attempts: int) -> float:
        """Seconds to wait after the `attempts`-th delivery failed: the minimum, doubled each time up to the maximum."""
        return min(self.maximum, self.minimum * 2.0 ** min(attempts - 1, 60))


@dataclass(frozen=True, kw_only=True)
class DeliveryPolicy:
    """All of a subscription's settings that decide about deliveries."""

    ack_deadline: float = 10.0
    ordered: bool = False
    backoff: Backoff | None = None
    dead_letter_topic: str = ""
    max_attempts: int = 0

    def retry_delay(self, attempts: int) -> float:
        """Seconds until a message comes again whose `attempts`-th delivery failed."""
        return self.backoff.delay(attempts) if self.backoff else 0.0

    def gives_up(self, attempts: int) -> bool:
        """Whether a message whose `attempts`-th delivery failed goes to the dead-letter topic."""
        return bool(self.dead_letter_topic) and attempts >= self.max_attempts

    def shown_attempt(self, attempts: int) -> int:
        """The delivery attempt that a subscriber sees: 0, which is nothing, without a dead-letter policy."""
        return attempts if self.dead_letter_topic else 0


def push_pause(failures: int) -> float:
    """Seconds for which a push subscription without a retry policy stops after `failures` in a row.

    Google calls it push backoff, and gives its range: 100 ms to 60 s. The first few failures redeliver at once.
    """
    return 0.0 if failures < _PATIENCE else min(_LONGEST_PAUSE, _FIRST_PAUSE * 2.0 ** min(failures - _PATIENCE, 20))


def policy_of(subscription: Pb) -> DeliveryPolicy:
    """The policy that a `google.pubsub.v1.Subscription` states."""
    dead_letter = subscription.dead_letter_policy
    return DeliveryPolicy(
        ack_deadline=float(subscription.ack_deadline_seconds),
        ordered=subscription.enable_message_ordering,
        backoff=_backoff_of(subscription),
        dead_letter_topic=dead_letter.dead_letter_topic,
        max_attempts=dead_letter.max_delivery_attempts or DEFAULT_MAX_ATTEMPTS,
    )


def _backoff_of(subscription: Pb) -> Backoff | None:
    if not subscription.HasField("retry_policy"):
        return None
    retry = subscription.retry_policy
    minimum = _seconds(retry.minimum_backoff) if retry.HasField("minimum_backoff") else DEFAULT_MINIMUM_BACKOFF
    maximum = _seconds(retry.maximum_backoff) if retry.HasField("maximum_backoff") else DEFAULT_MAXIMUM_BACKOFF
    return Backoff(minimum=minimum, maximum=max(minimum, maximum))


def _seconds(duration: Pb) -> float:
    return float(duration.seconds) + float(duration.nanos) / 1e9
