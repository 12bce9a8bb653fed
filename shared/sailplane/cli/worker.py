"""`sailplane worker`: works off a pull queue on this machine."""

import signal
from datetime import timedelta
from typing import Annotated

import typer

from sailplane.cli.health import HealthServer
from sailplane.cli.session import HomeOption, session_of
from sailplane.cli.target import target_environment

TASK_LIMIT_SECONDS = 24 * 60 * 60
"""No platform limits a task here; this keeps a forgotten one from running for ever."""


def worker(
    context: typer.Context,
    queue: Annotated[str, typer.Option("--queue", help="The queue, of kind `pull`.")],
    concurrency: Annotated[
        int | None, typer.Option("--concurrency", min=1, help="Tasks side by side.  [default: 8]")
    ] = None,
    drain_seconds: Annotated[
        float, typer.Option("--drain-seconds", min=1, help="How long running tasks may take after SIGTERM.")
    ] = 8.0,
    health_port: Annotated[
        int | None, typer.Option("--health-port", min=0, max=65535, help="Answer GET /healthz there.")
    ] = None,
    home: HomeOption = None,
) -> None:
    """Work off a pull queue until SIGTERM or Ctrl-C, which lets running tasks end for a while."""
    from sailplane.cloud.subscriber import Subscriber
    from sailplane.engine import journal
    from sailplane.engine.pulling import PullWorker
    from sailplane.engine.wiring import worker_from

    session = session_of(context)
    environment = {
        "SAILPLANE_REQUEST_LIMIT": str(TASK_LIMIT_SECONDS),
        **target_environment(session.environment, home),
        "SAILPLANE_QUEUE": queue,
    }
    if concurrency is not None:
        environment["SAILPLANE_WORKER_CONCURRENCY"] = str(concurrency)
    journal.set_up(environment)
    made = worker_from(environment)
    subscriber = Subscriber(made.cloud.settings, queue)
    pulling = PullWorker(made, subscriber, drain=timedelta(seconds=drain_seconds))
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: pulling.stop())
    with HealthServer(health_port, lambda: pulling.health) as server:
        if health_port is not None:
            session.output.note(f"Health at http://0.0.0.0:{server.port}/healthz")
        session.output.note(f"Pulling from {subscriber.name}, {made.cloud.settings.worker_concurrency} tasks at once")
        pulling.run()
    session.output.note("Stopped.")


def add_commands(app: typer.Typer) -> None:
    app.command()(worker)
