"""Bundles of DAG files in a temporary folder, read and run as a worker's child reads and runs them."""

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sailplane.authoring.dag import DAG
from sailplane.authoring.execution import execute
from sailplane.authoring.loading import load_file
from sailplane.model import xcom
from sailplane.model.assets import AssetAnswer, AssetQuery
from sailplane.model.execution import Outcome, TaskJob, XComItems, XComRef, xcom_name
from sailplane.model.other_runs import RunAnswer, RunQuery, RunRequest
from sailplane.model.runs import RunContext
from sailplane.model.shelf import ShelfRequest
from sailplane.model.state_store import StateRequest
from sailplane.model.states import RunType
from sailplane.testing.shelf import Shelf
from sailplane.testing.states import States

LOGICAL_DATE = datetime(2024, 5, 1, 6, tzinfo=UTC)


@dataclass
class Services:
    """The supervisor's answers, from dicts."""

    xcoms: dict[XComRef, str] = field(default_factory=dict)
    requests: list[RunRequest] = field(default_factory=list)
    queries: list[RunQuery] = field(default_factory=list)
    answers: list[RunAnswer] = field(default_factory=list)
    """What is answered to these, in that order."""
    variables: dict[str, str] = field(default_factory=dict)
    connections: dict[str, str] = field(default_factory=dict)
    masked: list[str] = field(default_factory=list)
    asset_queries: list[AssetQuery] = field(default_factory=list)
    asset_answer: AssetAnswer = field(default_factory=AssetAnswer)
    states: States = field(default_factory=States)
    left: Shelf = field(default_factory=Shelf)

    def xcom(self, ref: XComRef) -> str | None:
        return self.xcoms.get(ref)

    def xcom_items(self, ref: XComRef, start: int, stop: int) -> XComItems:
        found = sorted(
            (known.map_index, envelope)
            for known, envelope in self.xcoms.items()
            if (known.task_id, known.key) == (ref.task_id, ref.key) and known.map_index >= 0
        )
        return XComItems(total=len(found), envelopes=tuple(envelope for _, envelope in found[start:stop]))

    def trigger_run(self, request: RunRequest) -> RunAnswer:
        self.requests.append(request)
        return self.answers.pop(0)

    def find_runs(self, query: RunQuery) -> RunAnswer:
        self.queries.append(query)
        return RunAnswer() if query.before is not None and not self.answers else self.answers.pop(0)

    def variable(self, key: str) -> str | None:
        return self.variables.get(key)

    def connection(self, conn_id: str) -> str | None:
        return self.connections.get(conn_id)

    def set_variable(self, key: str, value: str, description: str | None) -> None:
        self.variables[key] = value

    def delete_variable(self, key: str) -> None:
        self.variables.pop(key, None)

    def variable_keys(self, prefix: str) -> list[str]:
        return sorted(key for key in self.variables if key.startswith(prefix))

    def assets(self, query: AssetQuery) -> AssetAnswer:
        self.asset_queries.append(query)
        return self.asset_answer

    def state(self, request: StateRequest) -> str | None:
        return self.states.answer(request)

    def shelf(self, request: ShelfRequest) -> str | None:
        return self.left.answer(request)

    def looked_in(self) -> str:
        return "the test's dicts"

    def mask(self, secrets: Sequence[str]) -> None:
        self.masked.extend(secrets)


class Bundle:
    """A folder of DAG files."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.services = Services()

    def write(self, file: str, text: str) -> None:
        path = self.root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text).lstrip("\n"))

    def load(self, text: str, file: str = "flow.py") -> Mapping[str, DAG]:
        self.write(file, text)
        return load_file(self.root, file)

    def one(self, text: str) -> DAG:
        """The only DAG of a file with this text."""
        (dag,) = self.load(text).values()
        return dag

    def run(self, dag: DAG, task_id: str, *, xcoms: Mapping[str, Any] | None = None, **job: Any) -> Outcome:
        """One try of a task. `xcoms` are return values by task_id; `job` replaces fields of the job or its run."""
        run_fields = {name: job.pop(name) for name in list(job) if name in RunContext.__dataclass_fields__}
        known = {xcom_name(name): xcom.dumps(value) for name, value in (xcoms or {}).items()}
        task = dag.get_task(task_id)
        fields = {
            "run": run_context(dag, **run_fields),
            "task_id": job.pop("job_task_id", task_id),
            "try_number": 1,
            "max_tries": task.retries + 1,
            "started_at": LOGICAL_DATE + timedelta(hours=1),
            "execution_timeout": task.execution_timeout,
            "xcoms": known,
            **job,
        }
        return execute(dag, TaskJob(**fields), self.services)

    def value(self, dag: DAG, task_id: str, **job: Any) -> Any:
        """What a task returns, out of its XCom. Fails the test when the task fails."""
        outcome = self.run(dag, task_id, **job)
        assert outcome.error is None, outcome.error
        envelope = outcome.xcoms.get("return_value")
        return None if envelope is None else xcom.loads(envelope)


def run_context(dag: DAG, **fields: Any) -> RunContext:
    default: dict[str, Any] = {
        "dag_id": dag.dag_id,
        "run_id": "scheduled__2024-05-01",
        "version": 1,
        "bundle": "abc",
        "file": "flow.py",
        "run_type": RunType.SCHEDULED,
        "logical_date": LOGICAL_DATE,
        "data_interval_start": LOGICAL_DATE,
        "data_interval_end": LOGICAL_DATE + timedelta(days=1),
        "run_after": LOGICAL_DATE,
        "started_at": LOGICAL_DATE,
    }
    return RunContext(**{**default, **fields})
