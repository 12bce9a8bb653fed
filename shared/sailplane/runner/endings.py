"""How a try ended when its child could not say so itself: pure decisions."""

import signal
from datetime import timedelta
from enum import StrEnum

from sailplane.model.execution import Outcome, OutcomeKind
from sailplane.model.runs import ErrorInfo


class Mishap(StrEnum):
    """What stands as `ErrorInfo.kind` when no exception of user code does."""

    TIMEOUT = "AirflowTaskTimeout"
    TIME_LIMIT = "TimeLimitExceeded"
    EXITED = "TaskProcessExited"
    KILLED = "TaskProcessKilled"
    DISCONNECTED = "TaskProcessDisconnected"
    GARBLED = "TaskProcessGarbled"
    IMPORT_TIMEOUT = "DagImportTimeout"
    TEMPLATE = "TemplateProcessEnded"
    NO_PROCESS = "NoTaskProcess"
    STOPPED = "Stopped"


def stopped(reason: str) -> Outcome:
    return Outcome(kind=OutcomeKind.KILLED, error=ErrorInfo(kind=Mishap.STOPPED, message=reason))


def timed_out(limit: timedelta) -> Outcome:
    return _failed(
        Mishap.TIMEOUT,
        f"execution_timeout of {limit} is over; the task did not react to it and its process was killed",
    )


def over_time_limit(limit: timedelta, execution_timeout: timedelta | None = None) -> Outcome:
    wish = f" (its execution_timeout is {execution_timeout})" if execution_timeout is not None else ""
    return _failed(
        Mishap.TIME_LIMIT,
        f"still running after {limit}{wish}: longer than this queue allows; give it a queue of kind job or pull",
    )


def never_started(limit: timedelta) -> Outcome:
    return _failed(
        Mishap.TIME_LIMIT, f"no process was free to run the task within {limit}, the time that this queue allows"
    )


def ended(status: int | None) -> Outcome:
    """The process ended before it answered: exit status, minus the signal, or None when nobody knows."""
    if status is None:
        return _failed(Mishap.TEMPLATE, "the task's process ended together with the process that it was forked from")
    if status >= 0:
        return _failed(
            Mishap.EXITED,
            f"the task's process ended with exit status {status} before the task had: its code, or a library, "
            "ended the interpreter (os._exit)",
        )
    return _failed(Mishap.KILLED, f"the task's process was killed by {signal_name(-status)}{_hint(-status)}")


def terminated() -> Outcome:
    """SIGTERM came from elsewhere."""
    return _failed(Mishap.KILLED, f"the task was told to end by {signal_name(signal.SIGTERM)} from outside Sailplane")


def signal_name(number: int) -> str:
    try:
        return f"signal {number} ({signal.Signals(number).name})"
    except ValueError:
        return f"signal {number}"


def _hint(number: int) -> str:
    if number == signal.SIGKILL:
        return ": most likely it needed more memory than there is"
    if number in (signal.SIGSEGV, signal.SIGBUS, signal.SIGILL, signal.SIGABRT, signal.SIGFPE):
        return ": a compiled library that it used crashed"
    return ""


def disconnected() -> Outcome:
    return _failed(
        Mishap.DISCONNECTED,
        "the task's process closed its connection to Sailplane and was killed: its code closed file descriptors "
        "that it had not opened",
    )


def garbled(detail: str) -> Outcome:
    return _failed(
        Mishap.GARBLED,
        f"the task's process sent something that is no message, and was killed ({detail}): its code wrote to a file "
        "descriptor that it had not opened",
    )


def import_failed(error: ErrorInfo) -> Outcome:
    return Outcome(kind=OutcomeKind.FAILED, error=error)


def import_hung(file: str, limit: timedelta) -> Outcome:
    message = (
        f"{file} was not imported within {limit} and could not be interrupted: keep slow work out of its top level"
    )
    return Outcome(kind=OutcomeKind.FAILED, error=ErrorInfo(kind=Mishap.IMPORT_TIMEOUT, message=message, file=file))


def template_ended(status: int, importing: str | None) -> Outcome:
    how = f"with exit status {status}" if status >= 0 else f"by {signal_name(-status)}{_hint(-status)}"
    doing = f"while it imported {importing}" if importing else "before the task had begun"
    return Outcome(
        kind=OutcomeKind.FAILED,
        error=ErrorInfo(
            kind=Mishap.TEMPLATE, message=f"the process that imports DAG files ended {how} {doing}", file=importing
        ),
    )


def no_process(detail: str) -> Outcome:
    return _failed(Mishap.NO_PROCESS, f"no process could be started for the task: {detail}")


def _failed(mishap: Mishap, message: str) -> Outcome:
    return Outcome(kind=OutcomeKind.FAILED, error=ErrorInfo(kind=mishap, message=message))
