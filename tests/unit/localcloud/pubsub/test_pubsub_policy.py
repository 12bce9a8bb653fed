"""Backoff, giving up and push backoff."""

import pytest

from localcloud.pubsub.policy import Backoff, DeliveryPolicy, policy_of, push_pause
from localcloud.pubsub.wire import Subscription


@pytest.mark.parametrize(
    ("attempts", "seconds"), [(1, 10.0), (2, 20.0), (3, 40.0), (6, 320.0), (7, 600.0), (100000, 600.0)]
)
def test_the_backoff_doubles_up_to_its_maximum(attempts: int, seconds: float) -> None:
    assert Backoff(minimum=10, maximum=600).delay(attempts) == seconds


def test_a_backoff_of_zero_stays_zero() -> None:
    assert Backoff(minimum=0, maximum=600).delay(50) == 0


def test_without_a_retry_policy_there_is_no_delay() -> None:
    assert DeliveryPolicy().retry_delay(7) == 0


@pytest.mark.parametrize(("attempts", "gives_up"), [(4, False), (5, True), (6, True)])
def test_a_message_is_given_up_after_the_maximum_of_attempts(attempts: int, gives_up: bool) -> None:
    assert DeliveryPolicy(dead_letter_topic="t", max_attempts=5).gives_up(attempts) is gives_up


def test_a_message_is_never_given_up_without_a_dead_letter_topic() -> None:
    assert not DeliveryPolicy(max_attempts=5).gives_up(1000)


def test_the_attempt_is_shown_with_a_dead_letter_policy_only() -> None:
    assert DeliveryPolicy(dead_letter_topic="t", max_attempts=5).shown_attempt(3) == 3
    assert DeliveryPolicy().shown_attempt(3) == 0


def test_an_empty_retry_policy_has_the_defaults_of_google() -> None:
    subscription = Subscription()
    subscription.retry_policy.SetInParent()
    assert policy_of(subscription).backoff == Backoff(minimum=10, maximum=600)


def test_a_retry_policy_is_read_to_the_nanosecond() -> None:
    subscription = Subscription()
    subscription.retry_policy.minimum_backoff.FromMilliseconds(250)
    subscription.retry_policy.maximum_backoff.FromSeconds(2)
    assert policy_of(subscription).backoff == Backoff(minimum=0.25, maximum=2)


@pytest.mark.parametrize(
    ("failures", "seconds"), [(0, 0.0), (2, 0.0), (3, 0.1), (4, 0.2), (12, 51.2), (13, 60), (999, 60)]
)
def test_a_failing_endpoint_is_left_in_peace_for_longer_and_longer(failures: int, seconds: float) -> None:
    assert push_pause(failures) == pytest.approx(seconds)
