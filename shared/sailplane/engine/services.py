"""What running user code may ask for: XComs of other tasks, Variables and Connections."""

from collections.abc import Callable, Sequence
from datetime import datetime

from sailplane.cloud.wiring import Cloud
from sailplane.engine import asset_answers, other_runs, past_runs, shelf, state_store, xcoms
from sailplane.engine.mapped_xcoms import MappedXComs
from sailplane.engine.memory import RunMemory
from sailplane.engine.values import Values
from sailplane.model.assets import AssetAnswer, AssetQuery
from sailplane.model.dags import SerializedTask
from sailplane.model.execution import XComItems, XComRef, xcom_name
from sailplane.model.ids import UNMAPPED, RunKey, TaskKey
from sailplane.model.other_runs import RunAnswer, RunQuery, RunRequest
from sailplane.model.shelf import ShelfRequest
from sailplane.model.state_store import StateRequest
from sailplane.model.usage import NOTHING

RETURN_VALUE = "return_value"


class Services:
    """Answers for the tasks of one run; see `ChildServices`."""

    def __init__(self, cloud: Cloud, run: RunMemory, values: Values, clock: Callable[[], datetime]) -> None:
        self._cloud = cloud
        self._values = values
        self._clock = clock
        self._run = run
        self._items = MappedXComs(cloud, run)

    def inputs(self, task: SerializedTask, map_index: int = UNMAPPED) -> dict[str, str]:
        """The return values that the arguments of `task` name, by `xcom_name`; unknown ones are read together.

        Of tasks in its own mapped group those of the same instance; of others with several instances none, as these
        are read piece by piece.
        """
        keys = self._inputs_of(task, map_index) if task.reads else []
        missing = [key for key in keys if not self._run.knows_xcoms_of(key)]
        read = self._read(missing) if missing else {}
        names = [xcom_name(key.task_id, key.map_index) for key in keys]
        known = {name: self._run.xcoms.get(name) for name in names}
        values = {name: envelope for name, envelope in (known | read).items() if envelope is not None}
        return {name: xcoms.resolve(self._cloud, envelope) for name, envelope in values.items()}

    def _inputs_of(self, task: SerializedTask, map_index: int) -> list[TaskKey]:
        mapped_by = self._run.dag.mapped_by
        if not mapped_by:
            return [TaskKey(upstream) for upstream in task.reads]
        own = mapped_by.get(task.task_id)
        near = [upstream for upstream in task.reads if own is not None and mapped_by.get(upstream) == own]
        alone = [upstream for upstream in task.reads if upstream not in mapped_by]
        return [TaskKey(upstream) for upstream in alone] + [TaskKey(upstream, map_index) for upstream in near]

    def xcom_items(self, ref: XComRef, start: int, stop: int) -> XComItems:
        return self._items.between(ref.task_id, ref.key, start, stop)

    def trigger_run(self, request: RunRequest) -> RunAnswer:
        return other_runs.trigger(self._cloud, request, self._clock)

    def find_runs(self, query: RunQuery) -> RunAnswer:
        return other_runs.find(self._cloud, query)

    def assets(self, query: AssetQuery) -> AssetAnswer:
        return asset_answers.answer(self._cloud, self._run.key, query)

    def xcom(self, ref: XComRef) -> str | None:
        own = self._run.key
        run = RunKey(ref.dag_id or own.dag_id, ref.run_id or own.run_id)
        if run == own:
            envelope = self._run.xcoms.get(xcom_name(ref.task_id, ref.map_index, ref.key))
            if envelope is not None:
                return xcoms.resolve(self._cloud, envelope)
        instance = self._cloud.store.task(run, TaskKey(ref.task_id, ref.map_index))
        if instance is not None and ref.key in instance.xcoms:
            return xcoms.resolve(self._cloud, instance.xcoms[ref.key])
        if not ref.include_prior:
            return None
        stored = self._cloud.store.run(run) if run != own else None
        context = stored.context if stored is not None else self._run.context
        return past_runs.xcom_before(self._cloud, run.dag_id, context, ref)

    def variable(self, key: str) -> str | None:
        return self._values.variable(key)

    def connection(self, conn_id: str) -> str | None:
        return self._values.connection(conn_id)

    def set_variable(self, key: str, value: str, description: str | None) -> None:
        self._values.set_variable(key, value, description)

    def delete_variable(self, key: str) -> None:
        self._values.delete_variable(key)

    def variable_keys(self, prefix: str) -> list[str]:
        return self._values.variable_keys(prefix)

    def state(self, request: StateRequest) -> str | None:
        value, spent = state_store.answer(self._cloud.store, self._run.key, request, self._clock())
        if spent is not NOTHING:
            self._run.leave_over(spent)
        return value

    def shelf(self, request: ShelfRequest) -> str | None:
        return shelf.answer(self._cloud.blobs, self._run.key.dag_id, request)

    def looked_in(self) -> str:
        return self._values.looked_in()

    def _read(self, keys: Sequence[TaskKey]) -> dict[str, str]:
        """What the task instances `keys` returned, of those that have ended."""
        ended = [each for each in self._cloud.store.tasks(self._run.key, keys) if each.state.is_terminal]
        self._run.learn(ended)
        returned = ((each, each.xcoms.get(RETURN_VALUE)) for each in ended)
        return {xcom_name(each.task_id, each.map_index): value for each, value in returned if value is not None}
