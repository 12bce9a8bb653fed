"""What tasks ask people: kept beside the task instance that waits, which goes on in the commit that has the answer."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from functools import partial

from sailplane.cloud.changes import Change, Replace
from sailplane.cloud.committer import Committed
from sailplane.cloud.wiring import Cloud
from sailplane.engine import draft, turns
from sailplane.engine.memory import RunMemory
from sailplane.engine.metering import written
from sailplane.engine.progress import Progress
from sailplane.model import xcom
from sailplane.model.errors import AlreadyExists, NotFound, RequestError
from sailplane.model.evolve import evolve
from sailplane.model.human_steps import (
    HumanAnswer,
    HumanReply,
    HumanRequest,
    HumanStep,
    check_answer,
    default_answer,
    event_of,
)
from sailplane.model.ids import RunKey, TaskKey
from sailplane.model.runs import TaskInstance
from sailplane.model.states import TaskState

LONGEST_INPUT = 100_000
"""Characters of an answer, as JSON: it travels in the task's document and its message."""
_MOST_TRIES = 5


def asked(instance: TaskInstance, request: HumanRequest, now: datetime) -> HumanStep:
    """The question that `instance`, which waits from now on, asks."""
    return HumanStep(run=instance.run, task=instance.key, try_number=instance.try_number, request=request, asked_at=now)


def answer(cloud: Cloud, run: RunKey, task: TaskKey, reply: HumanReply, clock: Callable[[], datetime]) -> HumanStep:
    """Record the answer to what a task instance asks, and let it go on.

    Raises `NotFound` when it asks nothing, `AlreadyExists` when it does not wait (any more), `Forbidden` for somebody
    who may not answer, `RequestError` for what is no answer.
    """
    given: HumanAnswer | None = None
    for _ in range(_MOST_TRIES):
        instance, step = _waiting(cloud, run, task)
        if given is not None and step.answer == given:
            return step  # The commit had gone through, and its result was lost: an alarm hands the task on.
        check_answer(step, reply)
        now = clock()
        given = HumanAnswer(
            chosen_options=reply.chosen_options,
            params_input=reply.params_input,
            answered_at=now,
            answered_by=reply.by,
        )
        answered = replace(step, answer=given)
        queued = _queued(instance, given, now, writes=1)
        result = cloud.store.commit([Replace(queued), Replace(answered)])
        if isinstance(result, Committed):
            _publish(cloud, written(queued, result.tokens[0]), clock)
            return replace(answered, token=result.tokens[1])
    raise AlreadyExists(f"task instance {task} of run {run} keeps changing; look at it and answer again")


def time_out(cloud: Cloud, progress: Progress, run: RunMemory, instance: TaskInstance, now: datetime) -> bool:
    """Let a task instance go on that nobody has answered in time. False when somebody just did."""
    step = cloud.store.question(instance.run, instance.key, instance.try_number)
    given = default_answer(step.request, now) if step is not None else None
    changes: list[Change] = []
    if step is not None and given is not None:
        changes.append(Replace(replace(step, answer=given)))
    queued = _queued(instance, given, now, writes=len(changes))
    result = cloud.store.commit([Replace(queued), *changes])
    if not isinstance(result, Committed):
        return False
    progress.publish(run, [written(queued, result.tokens[0])])
    return True


def _waiting(cloud: Cloud, run: RunKey, task: TaskKey) -> tuple[TaskInstance, HumanStep]:
    instance = cloud.store.task(run, task)
    if instance is None:
        raise NotFound(f"run {run} has no task instance {task}")
    step = cloud.store.question(run, task, instance.try_number)
    if step is None:
        raise NotFound(f"task instance {task} of run {run} asks nothing in its try {instance.try_number}")
    if instance.state is not TaskState.AWAITING_INPUT and step.answer is None:
        raise AlreadyExists(f"task instance {task} of run {run} is {instance.state}: it waits for no answer any more")
    return instance, step


def _queued(instance: TaskInstance, given: HumanAnswer | None, now: datetime, *, writes: int) -> TaskInstance:
    """`instance`, going on with the answer; `writes` are made beside its own."""
    if instance.resumption is None:
        raise NotFound(f"task instance {instance.key} of run {instance.run} does not say how it goes on")
    event = xcom.dumps(event_of(given), key="event", where="an answer")
    if len(event) > LONGEST_INPUT:
        raise RequestError(f"the answer has {len(event):,} characters as JSON; {LONGEST_INPUT:,} are allowed")
    told = evolve(instance, resumption=replace(instance.resumption, event=event))
    queued = draft.requeued(told, now)
    for _ in range(writes):
        queued = evolve(queued, usage=queued.usage.written())
    return queued


def _publish(cloud: Cloud, queued: TaskInstance, clock: Callable[[], datetime]) -> None:
    """Hand it to a worker; should that not come off, its alarm does it. In a run that is held nothing starts."""
    run = cloud.store.run(queued.run)
    if run is None:
        return
    memory = RunMemory.of(run, cloud.store.version(queued.run.dag_id, run.context.version))
    if memory.is_held:
        return
    progress = Progress(cloud, clock, on_close=partial(turns.start_waiting, cloud, clock))
    progress.publish(memory, [queued])
