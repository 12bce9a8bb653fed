"""A few plain HTML pages: enough to look around without a client."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from html import escape
from urllib.parse import quote

from sailplane.api import views
from sailplane.api.context import Call
from sailplane.api.http import HTML, Response, text_response
from sailplane.api.logs import log_line
from sailplane.api.paging import Page
from sailplane.api.routes import Routes
from sailplane.api.task_instances import find, instances_of
from sailplane.model.ids import UNMAPPED
from sailplane.model.runs import DagRun, DagSchedule, TaskInstance

routes = Routes("", "Pages")
RECENT_RUNS = 25

_STYLE = """
:root { color-scheme: light dark; --line: #8884; --good: #1a7f37; --bad: #cf222e; --busy: #9a6700 }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 68rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.4rem } h2 { font-size: 1.05rem; margin-top: 2rem }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid var(--line); vertical-align: top }
th { font-weight: 600 } pre { overflow-x: auto; font-size: 13px }
.success { color: var(--good) } .failed, .upstream_failed { color: var(--bad) }
.running, .queued, .up_for_retry, .up_for_reschedule { color: var(--busy) }
.muted { opacity: .65 }
"""
_ICON = (
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E"
    "%3Cpath d='M0 9 16 5 9 9l-1 4z' fill='%230969da'/%3E%3C/svg%3E"
)


def page(title: str, *parts: str) -> Response:
    document = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="{_ICON}">'
        f'<style>{_STYLE}</style></head><body><p><a href="/">Sailplane</a></p><h1>{escape(title)}</h1>'
        f"{''.join(parts)}</body></html>"
    )
    return text_response(document, HTML)


def table(heads: Sequence[str], rows: Iterable[Sequence[str]], empty: str) -> str:
    """A table of cells that are HTML already."""
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    if not body:
        return f'<p class="muted">{escape(empty)}</p>'
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in heads)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def link(text: str, *parts: str, query: str = "") -> str:
    path = "".join(f"/{quote(part, safe='')}" for part in parts)
    return f'<a href="{escape(path + query)}">{escape(text)}</a>'


def state_cell(state: str) -> str:
    return f'<span class="{escape(state)}">{escape(state)}</span>'


def instant_cell(instant: datetime | None) -> str:
    if instant is None:
        return ""
    return f'<time datetime="{instant.isoformat()}">{instant:%Y-%m-%d %H:%M:%S}</time>'


def duration_cell(start: datetime | None, end: datetime | None) -> str:
    seconds = views.seconds_between(start, end)
    return "" if seconds is None else f"{seconds:.2f} s"


@routes.get("/", documented=False)
def get_home(call: Call) -> Response:
    """All DAGs and the newest runs."""
    errors = call.backend.file_errors()
    broken = table(
        ("File", "Error"), ((escape(error.file), escape(error.message)) for error in errors), "All files could be read."
    )
    runs = call.backend.runs(None, limit=RECENT_RUNS)
    return page(
        "DAGs",
        _dags(call),
        "<h2>Newest runs</h2>",
        table(RUN_HEADS, map(run_row, runs), "No run yet. Trigger one with: sailplane dags trigger DAG_ID"),
        f"<h2>DAG files with errors</h2>{broken}" if errors else "",
        '<p class="muted">The API is described at <a href="/openapi.json">/openapi.json</a>; times are UTC.</p>',
    )


def _dags(call: Call) -> str:
    records = [record for record in call.backend.dags() if not record.is_stale]
    schedules = call.backend.schedules([record.dag_id for record in records])
    rows = (
        (
            link(record.display_name or record.dag_id, "dags", record.dag_id),
            escape(record.description or ""),
            escape("" if record.schedule_summary == "None" else record.schedule_summary),
            "paused" if record.is_paused else instant_cell(_next_run(schedules.get(record.dag_id))),
            escape(", ".join(record.tags)),
        )
        for record in records
    )
    return table(("DAG", "Description", "Schedule", "Next run", "Tags"), rows, "No DAG yet.")


def _next_run(schedule: DagSchedule | None) -> datetime | None:
    return schedule.run_after if schedule else None


RUN_HEADS = ("DAG", "Run", "State", "Started", "Duration")


def run_row(run: DagRun) -> tuple[str, ...]:
    dag_id, run_id = run.context.dag_id, run.context.run_id
    return (
        link(dag_id, "dags", dag_id),
        link(run_id, "dags", dag_id, "runs", run_id),
        state_cell(run.state),
        instant_cell(run.started_at),
        duration_cell(run.started_at, run.ended_at),
    )


@routes.get("/dags/{dag_id}", documented=False)
def get_dag_page(call: Call, dag_id: str) -> Response:
    """A DAG with its tasks and newest runs."""
    record = call.dag(dag_id)
    dag = call.newest(record)
    tasks = ((escape(task.task_id), escape(task.operator), escape(", ".join(task.upstream))) for task in dag.tasks)
    runs = call.backend.runs(dag_id, limit=RECENT_RUNS)
    return page(
        record.display_name or dag_id,
        f"<p>{escape(record.description or '')}</p>",
        table(RUN_HEADS, map(run_row, runs), f"No run yet. Trigger one with: sailplane dags trigger {dag_id}"),
        "<h2>Tasks</h2>",
        table(("Task", "Operator", "Waits for"), tasks, "No task."),
    )


TASK_HEADS = ("Task", "State", "Try", "Started", "Duration", "Operator")


@routes.get("/dags/{dag_id}/runs/{run_id}", documented=False)
def get_run_page(call: Call, dag_id: str, run_id: str) -> Response:
    """A run with its task instances."""
    run = call.run(dag_id, run_id)
    instances = instances_of(call, run, call.version_of(run))
    rows = (task_row(dag_id, run_id, instance) for instance in instances)
    state = (
        f"<p>{link(dag_id, 'dags', dag_id)}: {state_cell(run.state)} {duration_cell(run.started_at, run.ended_at)}</p>"
    )
    return page(run_id, state, table(TASK_HEADS, rows, "No task."))


def task_row(dag_id: str, run_id: str, instance: TaskInstance) -> tuple[str, ...]:
    query = f"?map_index={instance.map_index}&try_number={instance.try_number}"
    started = instance.try_number > 0
    name = str(instance.key)
    return (
        link(name, "dags", dag_id, "runs", run_id, "tasks", instance.task_id, query=query) if started else escape(name),
        state_cell(instance.state),
        str(instance.try_number) if started else "",
        instant_cell(instance.started_at),
        duration_cell(instance.started_at, instance.ended_at),
        escape(instance.operator),
    )


class TaskPageQuery(Page, frozen=True, kw_only=True):
    map_index: int = UNMAPPED
    try_number: int = 0


@routes.get("/dags/{dag_id}/runs/{run_id}/tasks/{task_id}", documented=False)
def get_task_page(call: Call, dag_id: str, run_id: str, task_id: str, query: TaskPageQuery) -> Response:
    """A task instance with the log of one try."""
    run = call.run(dag_id, run_id)
    instance = find(call, run, task_id, query.map_index)
    number = query.try_number or instance.try_number
    lines = call.backend.read_log(run.key, instance.key, number).lines
    links = (
        link(
            f"try {n}",
            "dags",
            dag_id,
            "runs",
            run_id,
            "tasks",
            task_id,
            query=f"?map_index={query.map_index}&try_number={n}",
        )
        for n in range(1, instance.try_number + 1)
    )
    log = "\n".join(escape(log_line(line)) for line in lines)
    return page(
        str(instance.key),
        f"<p>{link(run_id, 'dags', dag_id, 'runs', run_id)}: {state_cell(instance.state)}</p>",
        f"<p>{' · '.join(links)}</p>",
        f"<h2>Log of try {number}</h2><pre>{log or '(empty)'}</pre>",
    )
