"""Sensors on BigQuery."""

from collections.abc import Mapping, Sequence
from typing import Any

from sailplane.hooks.google import DEFAULT_CONNECTION
from sailplane.sensors.deferrable import DeferrableSensor
from sailplane.triggers.bigquery import BigQueryTableExistenceTrigger


class BigQueryTableExistenceSensor(DeferrableSensor):
    """Waits until the table is there."""

    template_fields: Sequence[str] = ("project_id", "dataset_id", "table_id", "impersonation_chain", "gcp_conn_id")
    ui_color = "#f0eee4"

    def __init__(
        self,
        *,
        project_id: str,
        dataset_id: str,
        table_id: str,
        gcp_conn_id: str = DEFAULT_CONNECTION,
        impersonation_chain: str | Sequence[str] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.project_id, self.dataset_id, self.table_id = project_id, dataset_id, table_id
        self.gcp_conn_id, self.impersonation_chain = gcp_conn_id, impersonation_chain

    @property
    def partition(self) -> str | None:
        """The partition that must be there too."""
        return None

    def poke(self, context: Mapping[str, Any]) -> bool:
        self.log.info("Sensor checks existence of %s.%s.%s", self.project_id, self.dataset_id, self.table_id)
        return self.trigger(context).is_there()

    def trigger(self, context: Mapping[str, Any]) -> BigQueryTableExistenceTrigger:
        return BigQueryTableExistenceTrigger(
            project_id=self.project_id,
            dataset_id=self.dataset_id,
            table_id=self.table_id,
            gcp_conn_id=self.gcp_conn_id,
            hook_params={"impersonation_chain": self.impersonation_chain},
            partition_id=self.partition,
            poll_interval=self.poke_interval,
        )

    def execute_complete(self, context: Mapping[str, Any], event: Any = None) -> Any:
        return event["message"]


class BigQueryTablePartitionExistenceSensor(BigQueryTableExistenceSensor):
    """Waits until the table has the partition."""

    template_fields: Sequence[str] = (
        "project_id",
        "dataset_id",
        "table_id",
        "partition_id",
        "impersonation_chain",
        "gcp_conn_id",
    )

    def __init__(self, *, partition_id: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.partition_id = partition_id

    @property
    def partition(self) -> str | None:
        return self.partition_id
