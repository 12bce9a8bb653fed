"""`sailplane cost`."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sailplane.cli.dags import DagId, find_dag
from sailplane.cli.output import Format
from sailplane.cli.session import FormatOption, HomeOption, Session, session_of
from sailplane.model.states import RunState
from sailplane.model.usage import Usage, total

if TYPE_CHECKING:
    from sailplane.api.backend import Backend
    from sailplane.cost.estimate import Estimate, Habit
    from sailplane.model.dags import SerializedDag
    from sailplane.model.runs import DagRun, TaskInstance

app = typer.Typer(no_args_is_help=True, help="Estimate what a DAG costs, and list the prices that are used.")

MOST_RUNS = 5
"""Ended runs that an estimate reads."""
ESTIMATE_COLUMNS = ("service", "one_run", "month", "month_after_free_quotas")
PRICE_COLUMNS = ("service", "what", "price", "per", "free_in_a_month", "source")

Past = Sequence[tuple["DagRun", Sequence["TaskInstance"]]]


@app.command()
def estimate(
    context: typer.Context,
    dag_id: DagId,
    *,
    runs_per_day: Annotated[
        float, typer.Option("--runs-per-day", min=0, help="How often it runs.", show_default=False)
    ],
    task_seconds: Annotated[
        float | None,
        typer.Option(
            "--task-seconds",
            min=0,
            help="How long each task takes.  [default: as in its last runs, else 1]",
            show_default=False,
        ),
    ] = None,
    mapped: Annotated[int, typer.Option("--mapped", min=1, help="Items that each mapped task maps over.")] = 1,
    form: FormatOption = Format.TABLE,
    home: HomeOption = None,
) -> None:
    """Estimate what a DAG costs, from its last runs or from its structure, at list prices."""
    from sailplane.cost.estimate import Habit

    session = session_of(context)
    backend = session.backend(home)
    version = find_dag(backend, dag_id).version
    dag = backend.version(dag_id, version)
    past = _past(backend, dag_id, version)
    if task_seconds is None:
        habit = Habit(runs_per_day=runs_per_day, seconds=_seconds(past), mapped=mapped)
    else:
        past, habit = (), Habit(runs_per_day=runs_per_day, each=task_seconds, seconds={}, mapped=mapped)
    made = _estimate(dag, past, habit)
    _print(session, dag_id, made, runs_per_day, form)


def _past(backend: "Backend", dag_id: str, version: int) -> Past:
    """The newest successful runs of the present version."""
    runs = backend.runs(dag_id, limit=4 * MOST_RUNS, states=(RunState.SUCCESS,))
    same = [run for run in runs if run.context.version == version][:MOST_RUNS]
    return [(run, backend.tasks(run.key)) for run in same]


def _seconds(past: Past) -> dict[str, float]:
    """The mean time of each task, by task_id."""
    times: dict[str, list[float]] = {}
    for _, instances in past:
        for one in instances:
            if one.started_at and one.ended_at:
                times.setdefault(one.task_id, []).append((one.ended_at - one.started_at).total_seconds())
    return {task_id: sum(each) / len(each) for task_id, each in times.items()}


def _estimate(dag: "SerializedDag", past: Past, habit: "Habit") -> "Estimate":
    from sailplane.cost.estimate import from_runs, from_structure

    used = [total([run.usage, *(instance.usage for instance in instances)]) for run, instances in past]
    # Those that ran on machines of one's own, as tests do, say nothing of the time that Google would bill.
    billed = [usage for usage in used if usage.vcpu_seconds or usage.job_vcpu_seconds]
    if billed:
        return from_runs(dag, billed, habit.runs_per_day)
    return from_structure(dag, habit)


def _print(session: Session, dag_id: str, made: "Estimate", runs_per_day: float, form: Format) -> None:
    from sailplane.cost import measured
    from sailplane.cost.workloads import idle

    own = idle(measured.current())
    rows = _rows(made, own)
    if form is not Format.TABLE:
        basis = {"basis": made.basis, "measured_runs": made.runs, "runs_per_day": runs_per_day}
        session.output.document({"dag_id": dag_id, **basis, **_document(made), "costs": rows}, form)
        return
    session.output.rows(rows, ESTIMATE_COLUMNS, form)
    session.output.line("")
    session.output.line(_told(made, runs_per_day))


def _rows(made: "Estimate", own: Usage) -> list[dict[str, Any]]:
    from sailplane.cost.bill import bill, month_bill
    from sailplane.cost.money import Dollars
    from sailplane.cost.prices import current

    prices = current()
    run, month = bill(made.run, prices), bill(made.month, prices)
    idle = bill(own, prices)
    services = month.by_service(prices)
    rows: list[dict[str, Any]] = [
        {"service": name, "one_run": Dollars(run.by_service(prices).get(name, 0)), "month": Dollars(amount)}
        for name, amount in services.items()
    ]
    free = month_bill(made.month + own, prices).total
    return [
        *rows,
        {"service": "this DAG", "one_run": Dollars(run.total), "month": Dollars(month.total)},
        {"service": "Sailplane, idle", "month": Dollars(idle.total)},
        {
            "service": "both",
            "month": Dollars(month.total + idle.total),
            "month_after_free_quotas": Dollars(free),
        },
    ]


def _document(made: "Estimate") -> dict[str, Any]:
    from sailplane.cost.prices import current

    prices = current()
    usages = {"usage_of_a_run": made.run, "usage_of_a_month": made.month}
    told = {name: {key: value for key, value in vars(usage).items() if value} for name, usage in usages.items()}
    return {"currency": prices.currency, "region": prices.region, "prices_of": str(prices.date), **told}


def _told(made: "Estimate", runs_per_day: float) -> str:
    from sailplane.cost.estimate import Basis
    from sailplane.cost.prices import current

    prices = current()
    basis = f"the mean of {made.runs} runs" if made.basis is Basis.RUNS else "its structure: no run was measured"
    return (
        f"{runs_per_day:g} runs a day for 30 days, from {basis}; list prices of {prices.date} in {prices.region}. "
        "The free quotas are for a project that has nothing else."
    )


@app.command()
def prices(context: typer.Context, form: FormatOption = Format.TABLE) -> None:
    """List the prices that estimates and accounts are made with, and where they were read."""
    from sailplane.cost.prices import current

    output = session_of(context).output
    used = current()
    rows = [
        {
            "service": rate.service,
            "what": rate.what,
            "price": f"${rate.price:g}",
            "per": f"{rate.per:,}",
            "free_in_a_month": f"{rate.free:,}",
            "source": rate.source,
            "copy": rate.copy,
        }
        for rate in used.rates.values()
    ]
    output.rows(rows, PRICE_COLUMNS, form)
    if form is Format.TABLE:
        output.line(f"\nAs of {used.date}, {used.region}, {used.currency}.")
