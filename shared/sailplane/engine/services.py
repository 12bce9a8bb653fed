"""What running user code may ask for: XComs of other tasks, Variables and Connections."""

from collections.abc import Sequence

from sailplane.cloud.wiring import Cloud
from sailplane.engine import xcoms
from sailplane.engine.memory import RunMemory
from sailplane.model.dags import SerializedTask
from sailplane.model.execution import XComRef, xcom_name
from sailplane.model.ids import RunKey, TaskKey

RETURN_VALUE = "return_value"


class Services:
    """Answers for the tasks of one run; see `ChildServices`."""

    def __init__(self, cloud: Cloud, run: RunMemory) -> None:
        self._cloud = cloud
        self._run = run

    def inputs(self, task: SerializedTask) -> dict[str, str]:
        """The return values that the arguments of `task` name, by `xcom_name`; unknown ones are read together."""
        missing = [TaskKey(upstream) for upstream in task.reads if not self._run.knows_xcoms_of(upstream)]
        read = self._read(missing) if missing else {}
        known = {xcom_name(upstream): self._run.xcoms.get(xcom_name(upstream)) for upstream in task.reads}
        values = {name: envelope for name, envelope in (known | read).items() if envelope is not None}
        return {name: xcoms.resolve(self._cloud, envelope) for name, envelope in values.items()}

    def xcom(self, ref: XComRef) -> str | None:
        own = self._run.key
        run = RunKey(ref.dag_id or own.dag_id, ref.run_id or own.run_id)
        if run == own:
            envelope = self._run.xcoms.get(xcom_name(ref.task_id, ref.map_index, ref.key))
            if envelope is not None:
                return xcoms.resolve(self._cloud, envelope)
        instance = self._cloud.store.task(run, TaskKey(ref.task_id, ref.map_index))
        if instance is None or ref.key not in instance.xcoms:
            return None
        return xcoms.resolve(self._cloud, instance.xcoms[ref.key])

    def variable(self, key: str) -> str | None:
        return self._cloud.settings.environment.get(f"AIRFLOW_VAR_{key.upper()}")

    def connection(self, conn_id: str) -> str | None:
        return self._cloud.settings.environment.get(f"AIRFLOW_CONN_{conn_id.upper()}")

    def _read(self, keys: Sequence[TaskKey]) -> dict[str, str]:
        """What the task instances `keys` returned, of those that have ended."""
        ended = [each for each in self._cloud.store.tasks(self._run.key, keys) if each.state.is_terminal]
        self._run.learn(ended)
        returned = ((each, each.xcoms.get(RETURN_VALUE)) for each in ended)
        return {xcom_name(each.task_id): value for each, value in returned if value is not None}
