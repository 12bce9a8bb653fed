"""What one worker instance knows of a run while it works on it, so that it need not read what it wrote itself."""

import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from sailplane.cloud.together import Together
from sailplane.engine import mapping
from sailplane.model.callbacks import is_callback, task_of
from sailplane.model.dags import SerializedDag, SerializedTask
from sailplane.model.errors import NotFound
from sailplane.model.execution import xcom_name
from sailplane.model.ids import RunKey, TaskKey
from sailplane.model.limits import limits_of
from sailplane.model.runs import DagRun, RunContext, TaskInstance, Token
from sailplane.model.states import TaskState
from sailplane.model.usage import NOTHING, Usage
from sailplane.model.windows import of_run

MOST_XCOM_BYTES = 16 * 1024 * 1024
"""XComs of one run that a worker keeps in memory; what comes after is read when it is needed."""


@dataclass
class Closing:
    """An attempt to close a run."""

    is_done: bool = False


@dataclass(eq=False)
class RunMemory:
    """One run, as far as this instance knows it.

    `states` holds terminal states that are committed, and live states only of task instances that this worker has in
    hand: whoever has one in hand pushes the run forward when it ends, so nobody needs to read it meanwhile. The state
    of a task instance that was handed to others is not kept, for it would be stale when the next one ends.
    """

    context: RunContext
    token: Token
    """Update time of the run's document; see `TaskWave.run_token`."""
    dag: SerializedDag
    states: dict[TaskKey, TaskState] = field(default_factory=dict)
    xcoms: dict[str, str] = field(default_factory=dict)
    branch_skips: dict[TaskKey, frozenset[str]] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)
    """As in `Snapshot`: of what is mapped, how many instances it was expanded into."""
    lengths: dict[str, int | None] = field(default_factory=dict)
    """As in `Snapshot`: of tasks that ended, how many items they returned to map over."""
    is_closed: bool = False
    is_held: bool = False
    """True while nothing may be started: it was told to wait, or is being changed from outside."""
    counts: Together = field(default_factory=Together)
    """Counts of its task instances that several threads ask for at once."""
    _limits: dict[str, Mapping[str, int]] = field(default_factory=dict)
    _left_over: Usage = NOTHING
    _xcom_bytes: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _turn: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        if self.dag.dated_tasks:
            self.dag = of_run(self.dag, self.context)

    @classmethod
    def of(cls, run: DagRun, dag: SerializedDag) -> "RunMemory":
        """Of a run as it was read just now; nothing of its task instances is known."""
        is_held = run.intervention is not None or run.hold is not None
        return cls(run.context, run.token, dag, is_held=is_held)

    @property
    def key(self) -> RunKey:
        return self.context.key

    def task(self, key: TaskKey) -> SerializedTask:
        """What the run's DAG says of a task instance. Raises `NotFound`."""
        task = self.dag.task_dict.get(key.task_id)
        if is_callback(key.task_id):
            return task_of(key.task_id)
        if task is None:
            raise NotFound(f"DAG {self.key.dag_id!r} version {self.context.version} has no task {key}")
        return task

    def limits(self, task: SerializedTask) -> Mapping[str, int]:
        """What limits the instances of `task` in this run: see `model.limits`."""
        found = self._limits.get(task.task_id)
        if found is None:
            found = limits_of(self.dag, task, self.key, limits_default_pool=self.context.limits_default_pool)
            self._limits[task.task_id] = found
        return found

    def leave_over(self, usage: Usage) -> None:
        """Keep what was used on the run's behalf and stands in none of its documents, for the next that is written."""
        with self._lock:
            self._left_over += usage

    def take_left_over(self) -> Usage:
        with self._lock:
            taken, self._left_over = self._left_over, NOTHING
            return taken

    def known_states(self) -> dict[TaskKey, TaskState]:
        with self._lock:
            return self.states.copy()

    def take_in_hand(self, keys: Iterable[TaskKey]) -> None:
        """Note that this instance will run `keys`, unless it knows that they ended."""
        with self._lock:
            for key in keys:
                if not is_callback(key.task_id):
                    self.states.setdefault(key, TaskState.QUEUED)

    def let_go(self, key: TaskKey) -> None:
        """Forget a live state: someone else has the task instance now."""
        with self._lock:
            if self.states.get(key, TaskState.SUCCESS).is_live:
                del self.states[key]

    def learn(self, instances: Iterable[TaskInstance]) -> None:
        """Remember committed task instances: the terminal ones with their XComs, live ones as in hand."""
        with self._lock:
            for instance in instances:
                if is_callback(instance.task_id):  # It is no task to anybody else.
                    continue
                self.states[instance.key] = instance.state
                if instance.skips:
                    self.branch_skips[instance.key] = frozenset(instance.skips)
                if self.dag.expansions:
                    self.sizes.update(mapping.size_of(self.dag, instance))
                    self.lengths.update(mapping.lengths_of(self.dag, instance))
                for key, value in instance.xcoms.items():
                    self._keep_xcom(xcom_name(instance.task_id, instance.map_index, key), value)

    def knows_xcoms_of(self, key: TaskKey) -> bool:
        """True when this worker saw the task instance end and has what it returned, if it returned anything."""
        if xcom_name(key.task_id, key.map_index) in self.xcoms:
            return True
        state = self.states.get(key)
        return state is not None and state.is_terminal and self._xcom_bytes <= MOST_XCOM_BYTES

    def _keep_xcom(self, name: str, value: str) -> None:
        if name not in self.xcoms:
            self._xcom_bytes += len(value)
        if self._xcom_bytes <= MOST_XCOM_BYTES:
            self.xcoms[name] = value

    @contextmanager
    def close_in_turn(self) -> Iterator[None]:
        """One thread at a time finds out whether the run is over."""
        with self._turn:
            yield

    def close_once(self) -> bool:
        """True for the first caller: only one thread of an instance closes a run."""
        with self._lock:
            was_closed, self.is_closed = self.is_closed, True
            return not was_closed

    def reopen(self) -> None:
        self.is_closed = False

    @contextmanager
    def closing(self, is_closing: bool) -> Iterator["Closing"]:
        """Guards the commit that closes the run: unless the block says that it is done, the run is open again."""
        attempt = Closing()
        try:
            yield attempt
        finally:
            if is_closing and not attempt.is_done:
                self.reopen()


class RunMemories:
    """The runs that this worker saw last. One that was changed from outside has another token: a new memory."""

    def __init__(self, most: int = 200) -> None:
        self._most = most
        self._memories: OrderedDict[tuple[RunKey, Token], RunMemory] = OrderedDict()
        self._lock = threading.Lock()

    def open(self, context: RunContext, token: Token, dag: SerializedDag) -> RunMemory:
        with self._lock:
            memory = self._memories.get((context.key, token))
            if memory is None:
                memory = self._memories[context.key, token] = RunMemory(context, token, dag)
            self._memories.move_to_end((context.key, token))
            while len(self._memories) > self._most:
                self._memories.popitem(last=False)
            return memory

    def forget(self, run: RunMemory) -> None:
        """Drop a run that is over."""
        with self._lock:
            for place, memory in list(self._memories.items()):
                if memory is run:
                    del self._memories[place]
