"""Triggers that wait for jobs of BigQuery."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from sailplane.authoring.exceptions import AirflowException
from sailplane.authoring.trigger import BaseTrigger, TriggerEvent
from sailplane.hooks.bigquery import BigQueryHook
from sailplane.hooks.google import DEFAULT_CONNECTION


class BigQueryInsertJobTrigger(BaseTrigger):
    """Fires when the job has ended, with `status` "success" or "error", `message` and `job_id`."""

    looks_first = True

    def __init__(
        self,
        conn_id: str,
        job_id: str | None,
        project_id: str | None = None,
        location: str | None = None,
        poll_interval: float = 4.0,
        impersonation_chain: str | Sequence[str] | None = None,
        cancel_on_kill: bool = True,
    ) -> None:
        super().__init__()
        self.conn_id, self.job_id = conn_id or DEFAULT_CONNECTION, job_id
        self.project_id, self.location = project_id, location
        self.poll_interval, self.cancel_on_kill = poll_interval, cancel_on_kill
        self.impersonation_chain = impersonation_chain

    def serialize(self) -> tuple[str, dict[str, Any]]:
        names = (
            "conn_id",
            "job_id",
            "project_id",
            "location",
            "poll_interval",
            "impersonation_chain",
            "cancel_on_kill",
        )
        return f"{__name__}.BigQueryInsertJobTrigger", {name: getattr(self, name) for name in names}

    @property
    def hook(self) -> BigQueryHook:
        return BigQueryHook(self.conn_id, self.impersonation_chain, location=self.location)

    async def run(self) -> AsyncIterator[TriggerEvent]:
        assert self.job_id is not None
        hook = self.hook
        while (job := hook.get_job(self.job_id, self.project_id, self.location)).state != "DONE":
            await asyncio.sleep(self.poll_interval)
        try:
            hook.check(job)
        except AirflowException as error:
            yield TriggerEvent({"status": "error", "message": str(error), "job_id": self.job_id})
        else:
            yield TriggerEvent({"status": "success", "message": "Job completed", "job_id": self.job_id})

    async def on_kill(self) -> None:
        if self.cancel_on_kill and self.job_id:
            self.hook.cancel_job(self.job_id, self.project_id, self.location)


class BigQueryTableExistenceTrigger(BaseTrigger):
    """Fires when the table is there, and has the partition `partition_id` if one is given."""

    looks_first = True

    def __init__(
        self,
        project_id: str,
        dataset_id: str,
        table_id: str,
        gcp_conn_id: str = DEFAULT_CONNECTION,
        hook_params: Mapping[str, Any] | None = None,
        poll_interval: float = 4.0,
        partition_id: str | None = None,
    ) -> None:
        super().__init__()
        self.project_id, self.dataset_id, self.table_id = project_id, dataset_id, table_id
        self.gcp_conn_id, self.hook_params = gcp_conn_id, dict(hook_params or {})
        self.poll_interval, self.partition_id = poll_interval, partition_id

    def serialize(self) -> tuple[str, dict[str, Any]]:
        names = (
            "project_id",
            "dataset_id",
            "table_id",
            "gcp_conn_id",
            "hook_params",
            "poll_interval",
            "partition_id",
        )
        return f"{__name__}.BigQueryTableExistenceTrigger", {name: getattr(self, name) for name in names}

    def is_there(self) -> bool:
        hook = BigQueryHook(self.gcp_conn_id, self.hook_params.get("impersonation_chain"))
        if self.partition_id is None:
            return hook.table_exists(self.dataset_id, self.table_id, self.project_id)
        return hook.table_partition_exists(self.dataset_id, self.table_id, self.partition_id, self.project_id)

    async def run(self) -> AsyncIterator[TriggerEvent]:
        while not self.is_there():
            await asyncio.sleep(self.poll_interval)
        yield TriggerEvent({"status": "success", "message": "success"})
