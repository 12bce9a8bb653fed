"""What running user code may ask for: XComs of other tasks, Variables and Connections."""

from collections.abc import Iterable

from sailplane.cloud.wiring import Cloud
from sailplane.engine import xcoms
from sailplane.engine.memory import RunMemory
from sailplane.model.dags import SerializedTask
from sailplane.model.execution import XComRef, xcom_name
from sailplane.model.ids import RunKey, TaskKey
from sailplane.model.runs import TaskInstance


class Services:
    """Answers for the tasks of one run; see `ChildServices`."""

    def __init__(self, cloud: Cloud, run: RunMemory) -> None:
        self._cloud = cloud
        self._run = run

    def inputs(self, task: SerializedTask) -> dict[str, str]:
        """The return values that the arguments of `task` name, by `xcom_name`; unknown ones are read together."""
        missing = [upstream for upstream in task.reads if not self._knows(upstream)]
        if missing:
            self._run.learn(self._ended(TaskKey(task_id) for task_id in missing))
        found = {}
        for upstream in task.reads:
            name = xcom_name(upstream)
            envelope = self._run.xcoms.get(name)
            if envelope is not None:
                found[name] = xcoms.resolve(self._cloud, envelope)
        return found

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

    def _knows(self, task_id: str) -> bool:
        """True when this instance saw the task end: what it returned, if anything, is in memory."""
        state = self._run.states.get(TaskKey(task_id))
        return xcom_name(task_id) in self._run.xcoms or (state is not None and state.is_terminal)

    def _ended(self, keys: Iterable[TaskKey]) -> list[TaskInstance]:
        return [each for each in self._cloud.store.tasks(self._run.key, keys) if each.state.is_terminal]
