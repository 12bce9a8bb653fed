"""Triggers that wait for messages of Pub/Sub."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

from sailplane.authoring.trigger import BaseTrigger, TriggerEvent
from sailplane.hooks.google import DEFAULT_CONNECTION
from sailplane.hooks.pubsub import PubSubHook, message_fields

SHORT_PULL = 3.0
"""Seconds that messages are waited for by whoever will look again: meanwhile a worker is held."""


class PubsubPullTrigger(BaseTrigger):
    """Fires when there are messages, with them as dicts in `message`.

    It acknowledges none, whatever `ack_messages` says: who gets the event does, so that none is lost between the two.
    """

    looks_first = True

    def __init__(
        self,
        project_id: str | None,
        subscription: str,
        max_messages: int,
        ack_messages: bool = False,
        gcp_conn_id: str = DEFAULT_CONNECTION,
        poke_interval: float = 10.0,
        impersonation_chain: str | Sequence[str] | None = None,
        return_immediately: bool | None = None,
    ) -> None:
        super().__init__()
        self.project_id, self.subscription, self.max_messages = project_id, subscription, max_messages
        self.ack_messages, self.return_immediately = ack_messages, return_immediately
        self.gcp_conn_id, self.impersonation_chain = gcp_conn_id, impersonation_chain
        self.poke_interval = poke_interval

    def serialize(self) -> tuple[str, dict[str, Any]]:
        names = (
            "project_id",
            "subscription",
            "max_messages",
            "ack_messages",
            "gcp_conn_id",
            "poke_interval",
            "impersonation_chain",
            "return_immediately",
        )
        return f"{__name__}.PubsubPullTrigger", {name: getattr(self, name) for name in names}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        while not (found := self._pull()):
            await asyncio.sleep(self.poke_interval)
        yield TriggerEvent({"status": "success", "message": [message_fields(each) for each in found]})

    def _pull(self) -> list[Any]:
        hook = PubSubHook(self.gcp_conn_id, self.impersonation_chain)
        return hook.pull(
            self.subscription, self.max_messages, self.project_id, self.return_immediately, timeout=SHORT_PULL
        )
