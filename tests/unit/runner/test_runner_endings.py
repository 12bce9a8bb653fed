from datetime import timedelta

import pytest

from sailplane.model.execution import Outcome, OutcomeKind
from sailplane.runner import endings


def message(outcome: Outcome) -> str:
    assert outcome.kind is OutcomeKind.FAILED
    assert outcome.error is not None
    return f"{outcome.error.kind}: {outcome.error.message}"


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (0, "TaskProcessExited: the task's process ended with exit status 0"),
        (3, "exit status 3"),
        (
            -9,
            "TaskProcessKilled: the task's process was killed by signal 9 (SIGKILL): most likely",
        ),
        (-11, "signal 11 (SIGSEGV): a compiled library that it used crashed"),
        (-15, "signal 15 (SIGTERM)"),
        (-63, "signal 63"),
        (None, "TemplateProcessEnded: the task's process ended together with"),
    ],
)
def test_the_end_of_a_process_is_named(status: int | None, words: str) -> None:
    assert words in message(endings.ended(status))


def test_limits_name_themselves_and_what_to_do() -> None:
    assert "execution_timeout of 0:01:00" in message(endings.timed_out(timedelta(minutes=1)))
    assert "give it a queue of kind job or pull" in message(endings.over_time_limit(timedelta(minutes=9)))


def test_a_template_that_ended_names_the_file_that_it_imported() -> None:
    outcome = endings.template_ended(-11, "f.py")
    assert "ended by signal 11 (SIGSEGV)" in message(outcome)
    assert outcome.error is not None
    assert outcome.error.file == "f.py"
    assert "before the task had begun" in message(endings.template_ended(1, None))


def test_stopping_is_no_failure() -> None:
    assert endings.stopped("lease lost").kind is OutcomeKind.KILLED
