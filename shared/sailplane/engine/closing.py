"""Closing a run: once its last task has ended, whoever ended it records the run's state and lets the next one start."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from sailplane.cloud.changes import Change, Create, EndRun, Replace
from sailplane.cloud.committer import Committed
from sailplane.cloud.wiring import Cloud
from sailplane.engine import deadlines, mapping, run_callbacks
from sailplane.engine.draft import nonce
from sailplane.engine.looking import feeding
from sailplane.engine.memory import RunMemory
from sailplane.engine.stopping import Stop
from sailplane.model.evolve import evolve
from sailplane.model.ids import UNMAPPED, TaskKey
from sailplane.model.runs import DagRun, TaskInstance, Token
from sailplane.model.states import RunState, TaskState
from sailplane.model.usage import Usage
from sailplane.planner import closing, joins

_log = logging.getLogger(__name__)
_MOST_TRIES = 5


@dataclass(frozen=True, kw_only=True)
class Ending:
    """A run's end, ready to be written."""

    state: RunState
    changes: tuple[Change, ...]
    callback: TaskInstance | None
    """What calls the DAG's callbacks: the last of `changes` creates it."""

    @classmethod
    def of(
        cls,
        run: RunMemory,
        state: RunState | None,
        states: Mapping[TaskKey, TaskState],
        now: datetime,
        *,
        is_late: bool = False,
    ) -> "Ending":
        """`run`, ended in `state`; `is_late`: because it took too long."""
        if state is None:
            raise ValueError("a run that goes on has no end")
        callback = run_callbacks.due(run, state, now, is_late=is_late)
        met = deadlines.met(run.context, state, now) if run.context.deadlines else ()
        if met:
            run.leave_over(Usage(deletes=len(met)))
        end = EndRun(run.key, run.token, ended_run(run, state, states, now))
        return cls(state=state, changes=(end, *met, *([Create(callback)] if callback else [])), callback=callback)


Closed = tuple[Ending, Sequence[Token]]
"""The end that was written, and the update times that its commit gave."""


def close(
    cloud: Cloud, run: RunMemory, is_known: bool, clock: Callable[[], datetime], stop: Stop | None = None
) -> Closed | None:
    """Close `run` if all its task instances have ended; `is_known` says that memory has them all.

    Not None when this call closed it: the caller then calls its callbacks and lets a waiting run start. A run that
    was stopped ends as `stop` says.
    """
    with run.close_in_turn():  # Of threads that find it over at once only the first reads all its states.
        return None if run.is_closed else _close(cloud, run, is_known, clock, stop)


def _close(
    cloud: Cloud, run: RunMemory, is_known: bool, clock: Callable[[], datetime], stop: Stop | None
) -> Closed | None:
    was_cleared = run.context.clear_number > 0
    if is_known:
        states: Mapping[TaskKey, TaskState] | None = _all_states(cloud, run) if was_cleared else run.known_states()
    else:
        states = _read_states(cloud, run)
    if states is None or not closing.is_over(run.dag, states, run.sizes) or not run.close_once():
        return None
    if was_cleared:
        states = {**states, **_remove_left_over(cloud, run, states)}
    with run.closing(True) as attempt:
        closed = _end(cloud, run, states, clock, stop)
        attempt.is_done = closed is not Verdict.OPEN
    return None if isinstance(closed, Verdict) else closed


def _remove_left_over(cloud: Cloud, run: RunMemory, states: Mapping[TaskKey, TaskState]) -> dict[TaskKey, TaskState]:
    """Mark what was cleared and is there no more: a mapped task that ran again may have fewer instances."""
    keys = [key for key, state in states.items() if state is TaskState.NONE and key.map_index != UNMAPPED]
    for blank in cloud.store.tasks(run.key, keys):
        if blank.state is TaskState.NONE:
            cloud.store.commit([Replace(evolve(blank, state=TaskState.REMOVED))])
    return dict.fromkeys(keys, TaskState.REMOVED)


class Verdict(Enum):
    """Why an attempt to close a run did not."""

    FOUND_CLOSED = "found closed"
    """Someone else had closed it, or it was deleted."""
    OPEN = "open"


def _read_states(cloud: Cloud, run: RunMemory) -> Mapping[TaskKey, TaskState] | None:
    """The states of all task instances; None when a count says that some have not ended."""
    expected = closing.expected(run.dag, run.known_states(), run.sizes)
    # By the DAG's own tasks, as `joins.feeds` says who is counted: the gates of groups come on top of these.
    is_counted = len(run.dag.tasks) > joins.WIDE or run.dag.expansions
    if is_counted and feeding(cloud, run, joins.RUN_JOIN) < expected:
        return None
    return _all_states(cloud, run)


def _all_states(cloud: Cloud, run: RunMemory) -> Mapping[TaskKey, TaskState]:
    """The states of all task instances; memory learns their numbers."""
    found = cloud.store.task_states(run.key)
    run.sizes.update(mapping.sizes_of(run.dag, found))
    return {instance.key: instance.state for instance in found}


def _end(
    cloud: Cloud,
    run: RunMemory,
    states: Mapping[TaskKey, TaskState],
    clock: Callable[[], datetime],
    stop: Stop | None,
) -> Closed | Verdict:
    """Write the run's end."""
    is_late = stop is not None and stop.fails_run
    for _ in range(_MOST_TRIES):
        run.leave_over(cloud.tally.take())
        state = RunState.FAILED if is_late else closing.run_state(run.dag, states, run.sizes)
        ending = Ending.of(run, state, states, clock(), is_late=is_late)
        result = cloud.store.commit(ending.changes)
        if isinstance(result, Committed):
            return ending, result.tokens
        stored = cloud.store.run(run.key)
        if stored is None or stored.state.is_terminal:
            return Verdict.FOUND_CLOSED
        if stored.context.clear_number != run.context.clear_number:
            return Verdict.OPEN  # What is known of it is not true any more; whoever changed it goes on with it.
        # The document was changed since the message was made: a note, another alarm, a cleared task.
        run.token = stored.token
        run.context = evolve(run.context, is_awaited=stored.context.is_awaited)
        states = _all_states(cloud, run)
        if not closing.is_over(run.dag, states, run.sizes):
            return Verdict.OPEN
    _log.warning("run=%s could not be closed: its document keeps changing; its alarm will try again", run.key)
    return Verdict.OPEN


def ended_run(run: RunMemory, state: RunState, states: Mapping[TaskKey, TaskState], now: datetime) -> DagRun:
    """What is written into the run's document."""
    return DagRun(
        context=run.context,
        state=state,
        queued_at=now,
        ended_at=now,
        claim=nonce(),
        summary=closing.summary(states),
        usage=run.take_left_over(),
    )
