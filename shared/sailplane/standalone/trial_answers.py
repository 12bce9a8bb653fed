"""Tasks that ask a person, in a run that `sailplane dags test` makes: whoever sits there is asked."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from sailplane.cloud.wiring import Cloud
from sailplane.engine import answering
from sailplane.engine.runs import utc_now
from sailplane.model.errors import RequestError
from sailplane.model.human_steps import HumanReply, HumanRequest
from sailplane.model.ids import TaskKey
from sailplane.model.runs import TaskInstance
from sailplane.model.states import TaskState

Ask = Callable[[TaskKey, HumanRequest], HumanReply | None]
"""What is answered to a question; None: nothing."""


@dataclass(kw_only=True)
class Answers:
    """Gets the answers of one run, each question's once."""

    cloud: Cloud
    ask: Ask | None
    """None: nobody is there."""
    say: Callable[[str], None]
    asked: set[tuple[TaskKey, int]] = field(default_factory=set)

    def give(self, instances: Iterable[TaskInstance]) -> None:
        """Answer what is asked. Raises `RequestError` when a task would wait for ever."""
        for instance in instances:
            if instance.state is TaskState.AWAITING_INPUT and (instance.key, instance.try_number) not in self.asked:
                self._give(instance)

    def _give(self, instance: TaskInstance) -> None:
        step = self.cloud.store.question(instance.run, instance.key, instance.try_number)
        reply = self.ask(instance.key, step.request) if self.ask is not None and step is not None else None
        if reply is None:
            self._leave(instance)
            return
        try:
            answering.answer(self.cloud, instance.run, instance.key, reply, utc_now)
        except RequestError as error:
            self.say(str(error))

    def _leave(self, instance: TaskInstance) -> None:
        if instance.alarm_at is None and self.ask is None:
            raise RequestError(
                f"task {instance.key} waits for a person, and nobody is there: run it at a terminal, or give the task "
                "a response_timeout"
            )
        if instance.alarm_at is not None:
            self.asked.add((instance.key, instance.try_number))
