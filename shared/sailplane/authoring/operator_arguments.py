"""The arguments that every operator takes, as attributes of it."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sailplane.authoring.params import ParamsDict
from sailplane.model.states import TriggerRule


class OperatorArguments:
    """What `BaseOperator.__init__` keeps. Those marked so are kept for code that reads them, and not acted on."""

    task_id: str
    """With the prefixes of the task's groups."""
    owner: str
    email: str | Sequence[str] | None
    """Not acted on; use callbacks."""
    email_on_retry: bool
    email_on_failure: bool
    retries: int
    retry_delay: timedelta
    retry_exponential_backoff: float
    max_retry_delay: timedelta | None
    retry_policy: Any
    """Not acted on."""
    start_date: datetime | None
    end_date: datetime | None
    depends_on_past: bool
    ignore_first_depends_on_past: bool
    wait_for_past_depends_before_skipping: bool
    wait_for_downstream: bool
    params: ParamsDict
    default_args: dict[str, Any]
    priority_weight: int
    weight_rule: Any
    queue: str
    pool: str
    pool_slots: int
    sla: timedelta | None
    execution_timeout: timedelta | None
    on_execute_callback: list[Any]
    on_failure_callback: list[Any]
    on_success_callback: list[Any]
    on_retry_callback: list[Any]
    on_skipped_callback: list[Any]
    trigger_rule: TriggerRule
    resources: Mapping[str, Any] | None
    """Not acted on."""
    run_as_user: str | None
    """Not acted on."""
    map_index_template: str | None
    max_active_tis_per_dag: int | None
    max_active_tis_per_dagrun: int | None
    executor: str | None
    """Not acted on."""
    executor_config: dict[str, Any]
    """Not acted on."""
    do_xcom_push: bool
    multiple_outputs: bool
    inlets: list[Any]
    outlets: list[Any]
    doc: str | None
    doc_md: str | None
    doc_json: str | None
    doc_yaml: str | None
    doc_rst: str | None
    task_display_name: str | None
    logger_name: str | None
    allow_nested_operators: bool
    render_template_as_native_obj: bool | None
    cache_key: Any
    """A template or a function of the context: under which text the result is kept for later runs, or found."""
    cache_expiration: timedelta | None
    """How old a kept result may be."""
