"""Triggers: what a deferred task waits for, and the events that they fire."""

import logging
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sailplane.model.states import TaskState

if TYPE_CHECKING:
    from sailplane.authoring.task_instance import TaskInstance


class TriggerEvent:
    """What a trigger fires; `payload` becomes the argument `event` of the method that the task goes on with.

    It must be something that an XCom may be.
    """

    def __init__(self, payload: Any = None) -> None:
        self.payload = payload

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and vars(self) == vars(other)

    def __hash__(self) -> int:
        return hash((type(self), repr(self.payload)))

    def __repr__(self) -> str:
        return f"{type(self).__name__}<{self.payload!r}>"


class BaseTaskEndEvent(TriggerEvent):
    """Ends the task where it stands, without going on with any of its methods; `xcoms` are pushed."""

    task_instance_state: TaskState

    def __init__(self, *, xcoms: Mapping[str, Any] | None = None) -> None:
        super().__init__(str(self.task_instance_state))
        self.xcoms = dict(xcoms or {})


class TaskSuccessEvent(BaseTaskEndEvent):
    """Ends the task as a success."""

    task_instance_state = TaskState.SUCCESS


class TaskFailedEvent(BaseTaskEndEvent):
    """Ends the try as failed; another may follow."""

    task_instance_state = TaskState.FAILED


class TaskSkippedEvent(BaseTaskEndEvent):
    """Ends the task as skipped."""

    task_instance_state = TaskState.SKIPPED


@dataclass(frozen=True, kw_only=True)
class Watched:
    """What came of a trigger: its event, or for how many seconds it wants to sleep; 0 when it was only stopped."""

    event: TriggerEvent | None = None
    sleeps_for: float = 0.0


@dataclass
class StartTriggerArgs:
    """How a task would begin in a trigger. Sailplane's tasks begin with `execute`, which costs nothing more."""

    trigger_cls: str
    next_method: str
    trigger_kwargs: dict[str, Any] | None = None
    next_kwargs: dict[str, Any] | None = None
    timeout: timedelta | None = None


class BaseTrigger(ABC):
    """Waits for something outside while its task holds no worker, and says when it has come.

    `run` is an async generator that yields a `TriggerEvent`; only the first counts. There is no process in which it
    could wait: as soon as it sleeps for half a second or more, or 30 seconds have passed, it is made to end, and made
    anew from what `serialize` returns when the sleep is over. What it has to remember belongs there.
    """

    waits_for: tuple[str, ...] = ()
    """Events that end its sleep early, as `gs://bucket/object` or `gs://bucket/folder/*`."""
    looks_first: bool = False
    """True of a trigger that looks before it sleeps: made anew, it sleeps again before it looks a second time. Others
    do not sleep again what they slept already."""

    supports_triggerer_queue: bool = True

    def __init__(self, **kwargs: Any) -> None:
        self.task_instance: TaskInstance | None = None
        """Of the task that waits, while `run` runs."""

    @property
    def log(self) -> logging.Logger:
        return logging.getLogger(f"sailplane.task.{type(self).__module__}.{type(self).__qualname__}")

    @abstractmethod
    def serialize(self) -> tuple[str, dict[str, Any]]:
        """The path of the class and the arguments that make the trigger again; XComs could be such arguments."""

    @abstractmethod
    def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait, and yield the event."""

    async def cleanup(self) -> None:  # noqa: B027 - to be overridden or not
        """Give back what the trigger has opened; called whenever it ends, also when it will be made anew."""

    async def on_kill(self) -> None:  # noqa: B027 - to be overridden or not
        """End what the trigger watches. Not called: when somebody ends a deferred task, nothing of it runs."""

    def __repr__(self) -> str:
        path, kwargs = self.serialize()
        return f"<{path} {', '.join(f'{key}={value}' for key, value in kwargs.items())}>"


class BaseEventTrigger(BaseTrigger):
    """A trigger that may also watch for assets."""

    supports_triggerer_queue = False
