"""Sensors on subscriptions of Pub/Sub."""

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

from sailplane.hooks.google import DEFAULT_CONNECTION
from sailplane.hooks.pubsub import PubSubHook, message_fields, received_messages
from sailplane.sensors.base import PokeReturnValue
from sailplane.sensors.deferrable import DeferrableSensor
from sailplane.triggers.pubsub import SHORT_PULL, PubsubPullTrigger


class PubSubPullSensor(DeferrableSensor):
    """Waits for messages; returns them as dicts, or what `messages_callback(messages, context)` makes of them.

    With `ack_messages` they are acknowledged after that, so that a callback that fails loses none.
    """

    template_fields: Sequence[str] = ("project_id", "subscription", "impersonation_chain", "gcp_conn_id")
    ui_color = "#ff7f50"

    def __init__(
        self,
        *,
        project_id: str,
        subscription: str,
        max_messages: int = 5,
        return_immediately: bool | None = None,
        ack_messages: bool = False,
        gcp_conn_id: str = DEFAULT_CONNECTION,
        messages_callback: Callable[[list[Any], Mapping[str, Any]], Any] | None = None,
        impersonation_chain: str | Sequence[str] | None = None,
        poke_interval: float = 10.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(poke_interval=poke_interval, **kwargs)
        self.project_id, self.subscription, self.max_messages = project_id, subscription, max_messages
        self.return_immediately, self.ack_messages = return_immediately, ack_messages
        self.gcp_conn_id, self.impersonation_chain = gcp_conn_id, impersonation_chain
        self.messages_callback = messages_callback

    @cached_property
    def hook(self) -> PubSubHook:
        return PubSubHook(self.gcp_conn_id, self.impersonation_chain)

    def poke(self, context: Mapping[str, Any]) -> PokeReturnValue:
        hook = self.hook
        timeout = SHORT_PULL if self.reschedule else None
        found = hook.pull(self.subscription, self.max_messages, self.project_id, self.return_immediately, timeout)
        return PokeReturnValue(bool(found), self._take(found, context, hook) if found else None)

    def trigger(self, context: Mapping[str, Any]) -> PubsubPullTrigger:
        return PubsubPullTrigger(
            project_id=self.project_id,
            subscription=self.subscription,
            max_messages=self.max_messages,
            ack_messages=self.ack_messages,
            gcp_conn_id=self.gcp_conn_id,
            poke_interval=self.poke_interval,
            impersonation_chain=self.impersonation_chain,
            return_immediately=self.return_immediately,
        )

    def execute_complete(self, context: Mapping[str, Any], event: Any = None) -> Any:
        return self._take(received_messages(event["message"]), context, self.hook)

    def _take(self, found: list[Any], context: Mapping[str, Any], hook: PubSubHook) -> Any:
        result = self.messages_callback(found, context) if self.messages_callback else None
        if self.ack_messages:
            hook.acknowledge(self.subscription, self.project_id, messages=found)
        return result if self.messages_callback else [message_fields(each) for each in found]
