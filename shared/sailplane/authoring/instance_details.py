"""Details of `ti` that few tasks ask for: its key, its page, its process, XComs for coroutines."""

import getpass
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

from sailplane.authoring.configuration import Configuration
from sailplane.model.ids import UNMAPPED

if TYPE_CHECKING:
    from sailplane.authoring.operator import BaseOperator
    from sailplane.authoring.run_questions import DagRunView


class TaskInstanceKey(NamedTuple):
    """What names one try of a task instance."""

    dag_id: str
    task_id: str
    run_id: str
    try_number: int = 1
    map_index: int = UNMAPPED


class InstanceDetails:
    """The properties of `ti` that follow from others."""

    task: "BaseOperator"
    dag_run: "DagRunView"
    map_name: str

    if TYPE_CHECKING:

        @property
        def dag_id(self) -> str: ...
        @property
        def task_id(self) -> str: ...
        @property
        def run_id(self) -> str: ...
        @property
        def try_number(self) -> int: ...
        @property
        def map_index(self) -> int: ...
        def xcom_pull(self, *args: Any, **kwargs: Any) -> Any: ...
        def xcom_push(self, key: str, value: Any, **_: Any) -> None: ...

    @property
    def key(self) -> TaskInstanceKey:
        return TaskInstanceKey(self.dag_id, self.task_id, self.run_id, self.try_number, self.map_index)

    @property
    def rendered_map_index(self) -> str | None:
        """What one of several instances is called; None of an instance that stands alone."""
        return None if self.map_index == UNMAPPED else self.map_name or str(self.map_index)

    @property
    def log_url(self) -> str:
        """The try's page, below what AIRFLOW__API__BASE_URL says is the address of the deployment."""
        base = str(Configuration().get("api", "base_url", fallback="http://localhost:8080/")).rstrip("/")
        instance = f"/mapped/{self.map_index}" if self.map_index >= 0 else ""
        run = f"{base}/dags/{self.dag_id}/runs/{quote(self.run_id)}"
        return f"{run}/tasks/{self.task_id}{instance}?try_number={self.try_number}"

    @property
    def mark_success_url(self) -> str:
        return self.log_url

    @property
    def executor_config(self) -> Mapping[str, Any]:
        return self.task.executor_config

    @property
    def priority_weight(self) -> int:
        return self.task.priority_weight

    @property
    def pid(self) -> int:
        return os.getpid()

    @property
    def unixname(self) -> str:
        return getpass.getuser()

    def get_dagrun(self) -> "DagRunView":
        return self.dag_run

    async def axcom_pull(self, *args: Any, **kwargs: Any) -> Any:
        """`xcom_pull` for coroutines."""
        return self.xcom_pull(*args, **kwargs)

    async def axcom_push(self, key: str, value: Any) -> None:
        """`xcom_push` for coroutines."""
        self.xcom_push(key, value)
