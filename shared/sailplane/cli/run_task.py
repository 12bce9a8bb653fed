"""`sailplane run-task`: what an execution of a Cloud Run job runs."""

import signal
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from sailplane.cli.session import session_of
from sailplane.model.errors import CorruptRecord, NotFound, TransientError

if TYPE_CHECKING:
    from sailplane.engine.worker import Worker

TIME_TO_LEAVE = timedelta(seconds=8)
"""Cloud Run gives ten seconds between SIGTERM and SIGKILL."""
_LAST_SECONDS = 1.0


def run_task(
    context: typer.Context,
    ticket: Annotated[
        str, typer.Option("--ticket", envvar="SAILPLANE_TICKET", help="The message with the task instance's ticket.")
    ],
) -> None:
    """Run the one task instance that a ticket is for. Exit code 0 when nothing of it can be lost any more: it ended,
    however, or it is not this process's to run."""
    from sailplane.cloud import jobs
    from sailplane.engine import journal
    from sailplane.engine.single_task import run_single, ticket_of
    from sailplane.engine.wiring import worker_from

    session = session_of(context)
    journal.set_up(session.environment)
    try:
        message = jobs.decode(ticket)
        queue = ticket_of(message)[0].queue
    except CorruptRecord as error:
        session.output.note(f"Error: {error}; a ticket is what {jobs.TICKET_VARIABLE} of an execution holds")
        raise typer.Exit(2) from error
    environment = {**session.environment, "SAILPLANE_WORKER_CONCURRENCY": "1"}
    if queue:
        environment["SAILPLANE_QUEUE"] = queue
    worker = worker_from(environment)
    trouble = _until_told_to_stop(worker, lambda: run_single(worker, message))
    if isinstance(trouble, NotFound):
        session.output.note(f"Nothing to do: {trouble}")
    elif isinstance(trouble, TransientError):
        session.output.note(f"Error: {trouble}; it runs again once its alarm rings")
        raise typer.Exit(1)
    elif trouble is not None:
        raise trouble


def _until_told_to_stop(worker: "Worker", work: Callable[[], None]) -> BaseException | None:
    """Do `work` in a thread of its own, so that this one can answer SIGTERM; what it raised."""
    raised: list[BaseException] = []

    def guarded() -> None:
        try:
            work()
        except BaseException as error:
            raised.append(error)

    told = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: told.set())
    # A job is moved to another machine after SIGTSTP, and does not notice.
    signal.signal(signal.SIGTSTP, signal.SIG_IGN)
    thread = threading.Thread(target=guarded, name="run-task", daemon=True)
    thread.start()
    while thread.is_alive() and not told.is_set():
        thread.join(0.2)
    if told.is_set():
        worker.hand_back(TIME_TO_LEAVE)
    worker.close()
    thread.join(_LAST_SECONDS)
    return raised[0] if raised else None


def add_commands(app: typer.Typer) -> None:
    app.command("run-task")(run_task)
