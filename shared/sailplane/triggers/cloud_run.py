"""Triggers that wait for executions of Cloud Run jobs."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

from sailplane.authoring.trigger import BaseTrigger, TriggerEvent
from sailplane.hooks.cloud_run import CloudRunHook, failure_of, has_ended
from sailplane.hooks.google import DEFAULT_CONNECTION


class CloudRunJobFinishedTrigger(BaseTrigger):
    """Fires when the execution has ended, with `status` "succeeded" or "failed", `message` and `execution`."""

    looks_first = True

    def __init__(
        self,
        execution: str,
        gcp_conn_id: str = DEFAULT_CONNECTION,
        impersonation_chain: str | Sequence[str] | None = None,
        polling_period_seconds: float = 10.0,
    ) -> None:
        super().__init__()
        self.execution, self.polling_period_seconds = execution, polling_period_seconds
        self.gcp_conn_id, self.impersonation_chain = gcp_conn_id, impersonation_chain

    def serialize(self) -> tuple[str, dict[str, Any]]:
        names = ("execution", "gcp_conn_id", "impersonation_chain", "polling_period_seconds")
        return f"{__name__}.CloudRunJobFinishedTrigger", {name: getattr(self, name) for name in names}

    @property
    def hook(self) -> CloudRunHook:
        return CloudRunHook(self.gcp_conn_id, self.impersonation_chain)

    async def run(self) -> AsyncIterator[TriggerEvent]:
        hook = self.hook
        while not has_ended(execution := hook.get_execution(self.execution)):
            await asyncio.sleep(self.polling_period_seconds)
        failure = failure_of(execution)
        status, message = ("failed", failure) if failure else ("succeeded", "the execution has succeeded")
        yield TriggerEvent({"status": status, "message": message, "execution": self.execution})

    async def on_kill(self) -> None:
        self.hook.cancel_execution(self.execution)
