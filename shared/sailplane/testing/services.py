"""What tasks ask for while they run in this process."""

from collections.abc import Sequence

from sailplane.model.assets import AssetAnswer, AssetQuery
from sailplane.model.dags import SerializedDag
from sailplane.model.execution import XComItems, XComRef
from sailplane.model.ids import TaskKey
from sailplane.model.other_runs import RunAnswer, RunFacts, RunQuery, RunRequest
from sailplane.model.shelf import ShelfRequest
from sailplane.model.state_store import StateRequest
from sailplane.model.states import RunState
from sailplane.testing.assets import LocalAssets
from sailplane.testing.given import Given
from sailplane.testing.instances import Instances
from sailplane.testing.shelf import Shelf
from sailplane.testing.states import States


class LocalServices:
    """Answers from what the run was given and what its tasks have pushed; see `TaskServices`."""

    def __init__(self, given: Given, instances: Instances, dag: SerializedDag) -> None:
        self._given = given
        self._instances = instances
        self._set: dict[str, str | None] = {}
        """Variables that tasks have set; None: deleted."""
        self.states = States()
        self.local_assets = LocalAssets(dag, given.asset_events)
        self.shelf_of_run = Shelf()
        self.triggered: list[RunRequest] = []
        """Runs that tasks have asked for. None is made: each counts as one that has succeeded."""

    def xcom(self, ref: XComRef) -> str | None:
        """Of this run alone: there is no other."""
        if ref.run_id is not None:
            return None
        key = TaskKey(ref.task_id, ref.map_index)
        found = self._instances.get(key)
        return found.xcoms.get(ref.key) if found else self._given.xcoms_of(key).get(ref.key)

    def xcom_items(self, ref: XComRef, start: int, stop: int) -> XComItems:
        ended = [each for each in self._instances.of_task(ref.task_id) if each.map_index >= 0]
        pushed = [each.xcoms[ref.key] for each in ended if ref.key in each.xcoms]
        found = pushed if ended else self._given.items_of(ref.task_id, ref.key)
        return XComItems(total=len(found), envelopes=tuple(found[start:stop]))

    def variable(self, key: str) -> str | None:
        return self._set[key] if key in self._set else self._given.variable(key)

    def connection(self, conn_id: str) -> str | None:
        return self._given.connection(conn_id)

    def set_variable(self, key: str, value: str, description: str | None) -> None:
        self._set[key] = value

    def delete_variable(self, key: str) -> None:
        self._set[key] = None

    def variable_keys(self, prefix: str) -> Sequence[str]:
        known = {**dict.fromkeys(self._given.variables, ""), **self._set}
        return sorted(key for key, value in known.items() if value is not None and key.startswith(prefix))

    def trigger_run(self, request: RunRequest) -> RunAnswer:
        self.triggered.append(request)
        return RunAnswer(runs=(_succeeded(request),))

    def find_runs(self, query: RunQuery) -> RunAnswer:
        """Of the runs that tasks have asked for: there are no others."""
        asked = [each for each in self.triggered if each.dag_id == query.dag_id]
        names, dates = query.run_ids, query.logical_dates
        found = [each for each in asked if query.takes_all or each.run_id in names or each.logical_date in dates]
        return RunAnswer(runs=tuple(map(_succeeded, found)))

    def assets(self, query: AssetQuery) -> AssetAnswer:
        return self.local_assets.answer(query)

    def state(self, request: StateRequest) -> str | None:
        return self.states.answer(request)

    def shelf(self, request: ShelfRequest) -> str | None:
        return self.shelf_of_run.answer(request)

    def looked_in(self) -> str:
        return "what the test was given, then the environment (AIRFLOW_VAR_..., AIRFLOW_CONN_...)"

    def mask(self, secrets: Sequence[str]) -> None:
        """Nothing is masked: the log of a run in this process is kept nowhere."""


def _succeeded(request: RunRequest) -> RunFacts:
    return RunFacts(run_id=request.run_id, state=RunState.SUCCESS, logical_date=request.logical_date)
