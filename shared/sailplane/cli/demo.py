"""`sailplane demo`: one run of an example on real data, through all the real parts."""

import asyncio
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sailplane.cli.api_client import ApiClient, BucketClient
from sailplane.cli.output import Format, Output, make_table
from sailplane.cli.rows import INSTANCE_COLUMNS
from sailplane.cli.session import Session
from sailplane.deploy.topology import OWN_OBJECTS
from sailplane.model.states import RunState, TaskState
from sailplane.standalone.assets import example_dags, example_data
from sailplane.standalone.home import Home
from sailplane.standalone.serve import Plan, Standalone, run

DAG_ID = "weather_report"
DATA_FILE = "seattle-weather.csv"
DATA_OBJECT = f"incoming/{DATA_FILE}"
"""What the run's first task waits for."""
POLL_SECONDS = 0.15
POKES_SECONDS = 4
_ENDED = (RunState.SUCCESS, RunState.FAILED)

Rows = Sequence[Mapping[str, Any]]


def run_demo(session: Session, home: Path, *, port: int, stop_after: bool) -> bool:
    """Start everything, fly the example, and go on serving unless `stop_after`. Whether the run succeeded."""
    output = session.output
    outcome: list[bool] = []

    async def fly(standalone: Standalone) -> bool:
        stop = threading.Event()
        try:
            outcome.append(await asyncio.to_thread(Demo(standalone, output, stop, home).fly))
        finally:
            stop.set()
        if not stop_after:
            standalone.introduce()
        return not stop_after

    plan = Plan(home=home, dags=example_dags(), port=port)
    output.line(f"Starting Sailplane in {home} ...")
    asyncio.run(run(Standalone(plan, session.environment, output.line), fly))
    return outcome == [True]


class Demo:
    """One flight of the example DAG, in a thread of its own."""

    def __init__(self, standalone: Standalone, output: Output, stop: threading.Event, home: Path) -> None:
        self._api = ApiClient(standalone.url, standalone.credentials)
        self._name = standalone.environment["SAILPLANE_BUCKET"]
        self._bucket = BucketClient(standalone.environment["STORAGE_EMULATOR_HOST"], self._name)
        self._output = output
        self._stop = stop
        self._folder = Home(home).objects(self._name)
        self._is_uploaded = False
        self._looks = 0

    def fly(self) -> bool:
        """Trigger the run and show it to its end; whether it succeeded."""
        self._bucket.delete(DATA_OBJECT)  # Of an earlier demo in this home: this run shall wait, too.
        run_id = self._api.post("dags", DAG_ID, "dagRuns", body={"logical_date": datetime.now(UTC).isoformat()})[
            "dag_run_id"
        ]
        self._output.line(f"Triggered {DAG_ID}, run {run_id}")
        state = self._watch(run_id)
        rows = self._rows(run_id)
        self._output.rows(rows, INSTANCE_COLUMNS, Format.TABLE)
        self._output.line(f"\n{DAG_ID} {run_id}: {state}")
        self._tell_where(run_id)
        return state == RunState.SUCCESS

    def _watch(self, run_id: str) -> str:
        with shown_progress(self._output) as show:
            while not self._stop.wait(POLL_SECONDS):
                state: str = self._api.get("dags", DAG_ID, "dagRuns", run_id)["state"]
                rows = self._rows(run_id)
                show.update(rows)
                self._feed(rows)
                if state in _ENDED:
                    return state
        return "stopped"

    def _rows(self, run_id: str) -> Rows:
        path = ("dags", DAG_ID, "dagRuns", run_id, "taskInstances")
        rows: Rows = self._api.get(*path, limit=100)["task_instances"]
        return [{**row, "start_date": _clock(row["start_date"]), "end_date": _clock(row["end_date"])} for row in rows]

    def _feed(self, rows: Rows) -> None:
        """Once the run is seen waiting for the data, bring them: it gave its slot back, or pokes and pokes."""
        states = {row["state"] for row in rows}
        self._looks += TaskState.RUNNING in states
        if self._is_uploaded or not (
            TaskState.UP_FOR_RESCHEDULE in states or self._looks * POLL_SECONDS > POKES_SECONDS
        ):
            return
        self._bucket.upload(DATA_OBJECT, example_data(DATA_FILE).read_bytes(), "text/csv")
        self._is_uploaded = True
        self._output.line(f"Uploaded gs://{self._name}/{DATA_OBJECT}: the run was waiting for it")

    def _tell_where(self, run_id: str) -> None:
        names = self._bucket.names()
        self._output.line("Written by the run:")
        for name in names:
            if not name.startswith(OWN_OBJECTS) and name != DATA_OBJECT:
                self._output.line(f"  gs://{self._name}/{name}")
        self._output.line(f"Logs: gs://{self._name}/logs/dag_id={DAG_ID}/run_id={run_id}/")
        if self._folder.exists():  # Not where another emulator keeps the objects.
            self._output.line(f"On disk, gs://{self._name}/ is {self._folder}/")


def _clock(instant: str | None) -> str | None:
    """The time of day of an ISO instant."""
    return instant[11:19] if instant else None


class Lines:
    """Progress where there is no terminal: one line a change."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._known: dict[tuple[str, int], str] = {}

    def update(self, rows: Rows) -> None:
        for row in rows:
            key = (row["task_id"], row["map_index"])
            if row["state"] and self._known.get(key) != row["state"]:
                self._known[key] = row["state"]
                index = "" if key[1] < 0 else f"[{key[1]}]"
                self._output.line(f"  {key[0]}{index}: {row['state']}")


class LiveTable:
    """Progress on a terminal: a table that changes."""

    def __init__(self, live: Any) -> None:
        self._live = live

    def update(self, rows: Rows) -> None:
        self._live.update(make_table(rows, ("task_id", "map_index", "state", "try_number", "duration")))


@contextmanager
def shown_progress(output: Output) -> Iterator[Lines | LiveTable]:
    if not output.stdout.isatty():
        yield Lines(output)
        return
    from rich.live import Live

    with Live(console=output.console, transient=True, refresh_per_second=12) as live:
        yield LiveTable(live)
