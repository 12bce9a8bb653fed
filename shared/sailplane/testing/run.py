"""A run that has ended, and what a test wants to know of it."""

import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sailplane.authoring.xcom_arg import XCOM_RETURN_KEY
from sailplane.model import xcom
from sailplane.model.assets import AssetUpdate
from sailplane.model.callbacks import is_callback
from sailplane.model.errors import NotFound
from sailplane.model.ids import UNMAPPED, TaskKey
from sailplane.model.other_runs import RunRequest
from sailplane.model.runs import ErrorInfo, RunContext, TaskInstance
from sailplane.model.states import RunState
from sailplane.testing.instances import Instances
from sailplane.testing.logbook import LogBook, LogLine


@dataclass(frozen=True, kw_only=True)
class FinishedRun:
    """How a run, or one task of it, went. The `assert_` methods say in full what happened when it was otherwise."""

    context: RunContext
    state: RunState
    instances: Instances
    book: LogBook
    triggered: Sequence[RunRequest] = ()
    """Runs of other DAGs that tasks have asked for; none of them was made."""
    asset_updates: Sequence[AssetUpdate] = ()
    """What tasks have updated, in that order."""

    def __repr__(self) -> str:
        return f"<FinishedRun: {self.context.dag_id} [{self.state}] {self.states}>"

    @property
    def run_id(self) -> str:
        return self.context.run_id

    @property
    def states(self) -> dict[str, str]:
        """task_id, of one of several instances with its map index as in `task[0]`, -> state; sorted by task_id."""
        return {str(each.key): str(each.state) for each in sorted(self.instances, key=lambda one: one.key)}

    def instance(self, task_id: str, map_index: int = UNMAPPED) -> TaskInstance:
        """Raises `NotFound` when the run has no such task instance."""
        found = self.instances.get(TaskKey(task_id, map_index))
        if found is None:
            known = ", ".join(self.states) or "none"
            raise NotFound(f"the run has no task instance {TaskKey(task_id, map_index)}; it has: {known}")
        return found

    def get_task_instances(self) -> list[TaskInstance]:
        """All of them, under Airflow's name."""
        return list(self.instances)

    def get_task_instance(self, task_id: str, map_index: int = UNMAPPED) -> TaskInstance | None:
        return self.instances.get(TaskKey(task_id, map_index))

    def state_of(self, task_id: str, map_index: int = UNMAPPED) -> str:
        return str(self.instance(task_id, map_index).state)

    def tries(self, task_id: str, map_index: int = UNMAPPED) -> int:
        """How many tries it had; 0 when it did not run."""
        return self.instance(task_id, map_index).try_number

    def xcom(self, task_id: str, key: str = XCOM_RETURN_KEY, map_index: int | None = None) -> Any:
        """What the task pushed, None when it pushed nothing; of a mapped task, the list of what its instances did."""
        several = [each for each in self.instances.of_task(task_id) if each.map_index != UNMAPPED]
        if map_index is None and several:
            return [xcom.loads(each.xcoms[key]) for each in several if key in each.xcoms]
        found = self.instance(task_id, UNMAPPED if map_index is None else map_index)
        return xcom.loads(found.xcoms[key]) if key in found.xcoms else None

    def xcoms(self, task_id: str, map_index: int = UNMAPPED) -> dict[str, Any]:
        """All that one task instance pushed, by key."""
        return {key: xcom.loads(text) for key, text in self.instance(task_id, map_index).xcoms.items()}

    def map_name(self, task_id: str, map_index: int) -> str:
        """Its rendered `map_index_template`."""
        return self.instance(task_id, map_index).map_name

    def log_lines(self, task_id: str, map_index: int = UNMAPPED, try_number: int | None = None) -> list[LogLine]:
        key = TaskKey(task_id, map_index)
        return [line for line in self.book.lines if line.key == key and try_number in (None, line.try_number)]

    def log(self, task_id: str, map_index: int = UNMAPPED, try_number: int | None = None) -> str:
        """What the task logged and printed, line by line; of all its tries unless one is named."""
        return "\n".join(line.text for line in self.log_lines(task_id, map_index, try_number))

    @property
    def callback_log(self) -> str:
        """What the DAG's own callbacks logged and printed."""
        return "\n".join(line.text for line in self.book.lines if is_callback(line.key.task_id))

    def error(self, task_id: str, map_index: int = UNMAPPED) -> ErrorInfo | None:
        """Why its last try failed, and on which line."""
        return self.instance(task_id, map_index).error

    def exception(self, task_id: str, map_index: int = UNMAPPED) -> BaseException | None:
        """What its last failing try raised."""
        return self.book.errors.get(TaskKey(task_id, map_index))

    def assert_success(self) -> None:
        """The run, or the one task that ran, succeeded."""
        __tracebackhide__ = True
        if self.state is not RunState.SUCCESS:
            raise self._failure(f"the run should have succeeded, but it {_ended(self.state)}") from self._first_error()

    def assert_failed(self) -> None:
        __tracebackhide__ = True
        if self.state is not RunState.FAILED:
            raise self._failure(f"the run should have failed, but it {_ended(self.state)}")

    def assert_states(self, expected: Mapping[str, str] | None = None, /, **more: str) -> None:
        """The task instances named, as in `states`, ended so; others may have ended in any way."""
        __tracebackhide__ = True
        actual = self.states
        wanted = {**(expected or {}), **more}
        wrong = [
            f"{name}: {actual.get(name, 'not there')}, not {state!s}"
            for name, state in wanted.items()
            if actual.get(name) != str(state)
        ]
        if wrong:
            raise self._failure("; ".join(wrong))

    def assert_skipped(self, *names: str) -> None:
        __tracebackhide__ = True
        self.assert_states(dict.fromkeys(names, "skipped"))

    def assert_xcom(
        self, task_id: str, expected: Any, key: str = XCOM_RETURN_KEY, map_index: int | None = None
    ) -> None:
        __tracebackhide__ = True
        actual = self.xcom(task_id, key, map_index)
        if actual != expected:
            raise self._failure(f"XCom {key!r} of {task_id} is {actual!r}, not {expected!r}")

    def assert_logged(self, task_id: str, text: str, map_index: int = UNMAPPED) -> None:
        """A line that the task logged or printed has `text` in it."""
        __tracebackhide__ = True
        if text not in self.log(task_id, map_index):
            shown = self.log(task_id, map_index) or "(nothing)"
            raise self._failure(f"{TaskKey(task_id, map_index)} has not logged {text!r}; it logged:\n{shown}\n")

    def _failure(self, message: str) -> AssertionError:
        return AssertionError(f"{message}\n{self.describe()}")

    def describe(self) -> str:
        """Every task instance with its state, and the errors."""
        lines = [f"{self.context.dag_id} {self.run_id}: {self.state}"]
        for each in sorted(self.instances, key=lambda one: one.key):
            again = f", try {each.try_number} of {each.max_tries}" if each.max_tries > 1 else ""
            error = f": {_error_text(each.error)}" if each.error else ""
            lines.append(f"  {each.key}: {each.state}{again}{error}")
        return "\n".join(lines)

    def _first_error(self) -> BaseException | None:
        return next(iter(self.book.errors.values()), None)

    def traceback(self, task_id: str, map_index: int = UNMAPPED) -> str:
        """Of what its last failing try raised; empty when it did not fail."""
        error = self.exception(task_id, map_index)
        return "".join(traceback.format_exception(error)) if error else ""


def _ended(state: RunState) -> str:
    return "has not ended" if state is RunState.RUNNING else f"ended as {state}"


def _error_text(error: ErrorInfo) -> str:
    where = f" ({error.file}:{error.line})" if error.file else ""
    return f"{error.kind}: {error.message}{where}"
