"""Retry policies: which failures are worth another try, and after what time."""

from datetime import timedelta

import pytest
from authored_bundle import Bundle

from sailplane import ExceptionRetryPolicy, RetryAction, RetryDecision, RetryPolicy, RetryRule
from sailplane.model.execution import Outcome, OutcomeKind

FLOW = """
    from datetime import timedelta
    from airflow.sdk import DAG, ExceptionRetryPolicy, RetryAction, RetryDecision, RetryPolicy, RetryRule, task
    from airflow.exceptions import AirflowFailException, AirflowSkipException

    class Mine(RetryPolicy):
        def evaluate(self, exception, try_number, max_tries, context=None):
            if "broken" in str(exception):
                raise KeyError("the policy itself")
            delay = timedelta(minutes=try_number * max_tries)
            return RetryDecision.retry(delay, f"{context['ti'].task_id}: {exception}")

    POLICY = {policy}

    with DAG("x"):
        @task(retries=3, retry_policy=POLICY)
        def f():
            raise {error}
        f()
"""
RULES = """ExceptionRetryPolicy(rules=[
        RetryRule(exception="no.such.Error", action=RetryAction.FAIL),
        RetryRule(exception="http.client.BadStatusLine", action=RetryAction.FAIL, reason="not worth it"),
        RetryRule(exception=[ConnectionError, "builtins.TimeoutError"], retry_delay=timedelta(seconds=30)),
        RetryRule(exception=OSError, action=RetryAction.DEFAULT, retry_delay=timedelta(seconds=1)),
    ])"""


def outcome(bundle: Bundle, policy: str, error: str) -> Outcome:
    dag = bundle.one(FLOW.replace("{policy}", policy).replace("{error}", error))
    return bundle.run(dag, "f", try_number=2, max_tries=4)


@pytest.mark.parametrize(
    ("error", "kind", "delay"),
    [
        ("ConnectionResetError()", OutcomeKind.FAILED, timedelta(seconds=30)),
        ("TimeoutError()", OutcomeKind.FAILED, timedelta(seconds=30)),
        ("__import__('http.client').client.BadStatusLine('x')", OutcomeKind.FAILED_FOR_GOOD, None),
        ("FileNotFoundError()", OutcomeKind.FAILED, None),
        ("ValueError()", OutcomeKind.FAILED, None),
        ("AirflowFailException()", OutcomeKind.FAILED_FOR_GOOD, None),
        ("AirflowSkipException()", OutcomeKind.SKIPPED, None),
    ],
)
def test_the_first_rule_that_matches_decides(
    bundle: Bundle, error: str, kind: OutcomeKind, delay: timedelta | None
) -> None:
    ended = outcome(bundle, RULES, error)
    assert (ended.kind, ended.retry_after) == (kind, delay)


def test_a_policy_of_ones_own_knows_the_try_and_the_context(bundle: Bundle) -> None:
    ended = outcome(bundle, "Mine()", "ValueError('again')")
    assert (ended.kind, ended.retry_after) == (OutcomeKind.FAILED, timedelta(minutes=6))


def test_a_policy_that_fails_itself_changes_nothing(bundle: Bundle) -> None:
    ended = outcome(bundle, "Mine()", "ValueError('broken')")
    assert (ended.kind, ended.retry_after) == (OutcomeKind.FAILED, None)
    assert ended.error is not None
    assert ended.error.message == "broken"


def test_a_rule_may_ask_for_the_class_itself() -> None:
    rule = RetryRule(exception=OSError, match_subclasses=False)
    assert rule.matches(OSError())
    assert not rule.matches(FileNotFoundError())
    policy = ExceptionRetryPolicy([rule], default=RetryAction.FAIL)
    assert policy.evaluate(FileNotFoundError(), 1, 3) == RetryDecision.fail()


def test_a_text_that_is_no_path_is_refused() -> None:
    with pytest.raises(ValueError, match=r"as 'package\.module\.Name', not 'HTTPError'"):
        RetryRule(exception="HTTPError")


def test_a_policy_without_evaluate_says_so() -> None:
    with pytest.raises(NotImplementedError, match=r"RetryPolicy has no evaluate\(\)"):
        RetryPolicy().evaluate(ValueError(), 1, 1)
