"""The base of all operators."""

import logging
from collections.abc import Mapping, MutableMapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from sailplane.authoring import operator_checks as checks
from sailplane.authoring import priorities
from sailplane.authoring.deadlines import as_deadlines
from sailplane.authoring.exceptions import TaskDeferralError, TaskDeferralTimeout, TaskDeferred
from sailplane.authoring.operator_arguments import OperatorArguments
from sailplane.authoring.operator_meta import OperatorMeta
from sailplane.authoring.origin import Origin
from sailplane.authoring.params import ParamsDict
from sailplane.authoring.relatives import TaskRelatives
from sailplane.authoring.setup_teardown import SetupTeardownMixin
from sailplane.authoring.templates import Templater
from sailplane.authoring.xcom_arg import XComArg, iter_references
from sailplane.model.dags import DEFAULT_POOL, DEFAULT_QUEUE
from sailplane.model.ids import check_task_id
from sailplane.model.states import TriggerRule

if TYPE_CHECKING:
    from sailplane.authoring.dag import DAG
    from sailplane.authoring.mapped import OperatorPartial
    from sailplane.authoring.taskgroup import TaskGroup
    from sailplane.authoring.trigger import BaseTrigger, StartTriggerArgs

FAIL = "__fail__"
"""In place of a method's name: the wait has failed, and why stands in the arguments, as in Airflow."""
TRIGGER_TIMEOUT = "Trigger timeout"
TRIGGER_FAILURE = "Trigger failure"

DEFAULT_RETRY_DELAY = timedelta(seconds=300)


class BaseOperator(OperatorArguments, Templater, SetupTeardownMixin, TaskRelatives, metaclass=OperatorMeta):
    """A task of a DAG: what it does (`execute`), when it may start, and how it is retried.

    Takes Airflow's arguments with Airflow's defaults, by keyword only. Subclasses name their own arguments in
    `__init__`, hand the rest to `super().__init__(**kwargs)` and write `execute`.
    """

    template_fields: Sequence[str] = ()
    template_ext: Sequence[str] = ()
    template_fields_renderers: ClassVar[Mapping[str, str]] = {}
    ui_color: str = "#fff"
    ui_fgcolor: str = "#000"
    is_sensor: bool = False
    is_mapped: ClassVar[bool] = False
    maps_function: ClassVar[bool] = False
    """True when `expand()` has arguments of the task's function, not of the operator."""
    operator_extra_links: Sequence[Any] = ()
    """`BaseOperatorLink`s: pages elsewhere that belong to the task."""
    returns_dag_result: bool = False
    """True when what the task returns is the result of its DAG: see `DAG.add_result`."""
    start_from_trigger: bool = False
    """True: the task begins by waiting for what `start_trigger_args` says, without `execute`."""
    start_trigger_args: "StartTriggerArgs | None" = None
    does_nothing: bool = False
    """True when `execute` has no effect, so that no process is started for it."""

    origin: Origin | None
    """The author's line that made the task."""
    _linked: bool = False

    def __init__(
        self,
        *,
        task_id: str,
        owner: str = "airflow",
        email: str | Sequence[str] | None = None,
        email_on_retry: bool = True,
        email_on_failure: bool = True,
        retries: int | None = 0,
        retry_delay: timedelta | float = DEFAULT_RETRY_DELAY,
        retry_exponential_backoff: float = 0,
        max_retry_delay: timedelta | float | None = None,
        retry_policy: Any = None,
        start_date: datetime | None = None,
        end_date: datetime | None = None,
        depends_on_past: bool = False,
        ignore_first_depends_on_past: bool = False,
        wait_for_past_depends_before_skipping: bool = False,
        wait_for_downstream: bool = False,
        dag: "DAG | None" = None,
        params: MutableMapping[str, Any] | None = None,
        default_args: Mapping[str, Any] | None = None,
        priority_weight: int = 1,
        weight_rule: Any = "downstream",
        queue: str = DEFAULT_QUEUE,
        pool: str | None = None,
        pool_slots: int = 1,
        sla: timedelta | None = None,
        execution_timeout: timedelta | None = None,
        on_execute_callback: Any = None,
        on_failure_callback: Any = None,
        on_success_callback: Any = None,
        on_retry_callback: Any = None,
        on_skipped_callback: Any = None,
        pre_execute: Any = None,
        post_execute: Any = None,
        trigger_rule: str = TriggerRule.ALL_SUCCESS,
        resources: Mapping[str, Any] | None = None,
        run_as_user: str | None = None,
        map_index_template: str | None = None,
        max_active_tis_per_dag: int | None = None,
        max_active_tis_per_dagrun: int | None = None,
        executor: str | None = None,
        executor_config: Mapping[str, Any] | None = None,
        do_xcom_push: bool = True,
        multiple_outputs: bool = False,
        inlets: Any = None,
        outlets: Any = None,
        task_group: "TaskGroup | None" = None,
        doc: str | None = None,
        doc_md: str | None = None,
        doc_json: str | None = None,
        doc_yaml: str | None = None,
        doc_rst: str | None = None,
        task_display_name: str | None = None,
        logger_name: str | None = None,
        allow_nested_operators: bool = True,
        render_template_as_native_obj: bool | None = None,
        cache_key: Any = None,
        cache_expiration: timedelta | None = None,
        deadline: Any = None,
        **kwargs: Any,
    ) -> None:
        given = {k: v for k, v in locals().items() if k not in _SET_APART}
        checks.refuse_unknown(type(self).__name__, task_id, kwargs)
        checks.check_types(task_id, given)
        vars(self).update(given)
        self._label = task_id
        self.task_id = check_task_id(task_group.child_id(task_id) if task_group else task_id)
        self.deadline = as_deadlines(deadline, f"task {self.task_id!r}")
        self.default_args = dict(default_args or {})
        self._pre_execute_hook, self._post_execute_hook = pre_execute, post_execute
        self._set_timing()
        self._set_lists()
        self.pool = pool or DEFAULT_POOL
        self.weight_rule = priorities.weight_rule(self.task_id, weight_rule)
        self.trigger_rule = checks.trigger_rule(self.task_id, trigger_rule)
        self.upstream_task_ids: set[str] = set()
        self.downstream_task_ids: set[str] = set()
        self.is_setup = self.is_teardown = self.on_failure_fail_dagrun = False
        self.task_group: TaskGroup | None = None
        self._dag: DAG | None = None
        self.params = _merged_params(dag, self.default_args, params)
        if dag is not None:
            dag.add_task(self, task_group)

    def _set_timing(self) -> None:
        task_id = self.task_id
        self.retries = checks.retries(task_id, self.retries)
        self.retry_delay = checks.duration(task_id, "retry_delay", self.retry_delay)
        if self.max_retry_delay is not None:
            self.max_retry_delay = checks.duration(task_id, "max_retry_delay", self.max_retry_delay)
        self.retry_exponential_backoff = checks.backoff(task_id, self.retry_exponential_backoff)
        checks.check_limits(self)
        self.start_date = checks.utc(self.start_date)
        self.end_date = checks.utc(self.end_date)
        if self.wait_for_downstream:
            self.depends_on_past = True

    def _set_lists(self) -> None:
        for name in CALLBACKS:
            setattr(self, name, checks.as_list(getattr(self, name)))
        self.inlets, self.outlets = checks.as_list(self.inlets), checks.as_list(self.outlets)
        self.executor_config = dict(self.executor_config or {})

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if self._linked and name in self.template_fields:
            self.link_arguments()

    def __repr__(self) -> str:
        return f"<Task({type(self).__name__}): {getattr(self, 'task_id', '?')}>"

    @property
    def dag(self) -> Any:
        """The DAG that the task is in; None while it is in none."""
        return self._dag

    @dag.setter
    def dag(self, dag: "DAG") -> None:
        if self._dag is None:
            dag.add_task(self, None)
        elif self._dag is not dag:
            raise checks.in_two_dags(self.task_id, self._dag.dag_id, dag.dag_id)

    @classmethod
    def partial(cls, **kwargs: Any) -> "OperatorPartial":
        """The arguments that all instances of a mapped task share; `.expand()` or `.expand_kwargs()` has the others."""
        from sailplane.authoring.mapped import OperatorPartial

        return OperatorPartial(cls, kwargs)

    @property
    def mapped_group(self) -> "TaskGroup | None":
        """The mapped task group that the task is in, directly or through groups in it."""
        group = self.task_group
        while group is not None and group.expand_input is None:
            group = group.parent_group
        return group

    @property
    def has_instances(self) -> bool:
        """True when the task runs as several instances: it is mapped, or a group that it is in."""
        return self.is_mapped or self.mapped_group is not None

    def has_dag(self) -> bool:
        return self._dag is not None

    @property
    def dag_id(self) -> str:
        return self._dag.dag_id if self._dag else f"adhoc_{self.owner}"

    @property
    def label(self) -> str:
        """The task's id without the prefix of its groups."""
        return self._label

    @property
    def task_type(self) -> str:
        return type(self).__name__

    @property
    def operator_name(self) -> str:
        return getattr(self, "custom_operator_name", self.task_type)

    @property
    def log(self) -> logging.Logger:
        name = self.logger_name or f"{type(self).__module__}.{type(self).__qualname__}"
        return logging.getLogger(f"sailplane.task.{name}")

    @property
    def output(self) -> XComArg:
        """What the task returns, as an argument for another."""
        return XComArg(self)

    @property
    def roots(self) -> list["BaseOperator"]:
        return [self]

    @property
    def leaves(self) -> list["BaseOperator"]:
        return [self]

    @property
    def upstream_list(self) -> list["BaseOperator"]:
        return [self.dag.task_dict[task_id] for task_id in sorted(self.upstream_task_ids)]

    @property
    def downstream_list(self) -> list["BaseOperator"]:
        return [self.dag.task_dict[task_id] for task_id in sorted(self.downstream_task_ids)]

    def get_direct_relative_ids(self, upstream: bool = False) -> set[str]:
        return self.upstream_task_ids if upstream else self.downstream_task_ids

    def get_flat_relative_ids(self, *, upstream: bool = False) -> set[str]:
        """task_ids of all tasks up- or downstream, near and far."""
        found: set[str] = set()
        waiting = set(self.get_direct_relative_ids(upstream))
        while waiting:
            task_id = waiting.pop()
            if task_id not in found:
                found.add(task_id)
                waiting |= self.dag.task_dict[task_id].get_direct_relative_ids(upstream)
        return found

    def link_arguments(self) -> None:
        """Wait for the tasks whose XComs the templated fields name."""
        object.__setattr__(self, "_linked", True)
        for operator in self.argument_tasks():
            if operator is not self:
                self.set_upstream(operator)

    def argument_tasks(self) -> list["BaseOperator"]:
        """The tasks whose XComs the templated fields name, each once."""
        found = {
            id(operator): operator
            for name in self.template_fields
            for operator, _ in iter_references(getattr(self, name, None))
        }
        return list(found.values())

    def pre_execute(self, context: Any) -> None:
        """Runs right before `execute`; what it raises fails the task."""

    def execute(self, context: Any) -> Any:
        """Do the work; what it returns becomes the XCom `return_value`."""
        raise NotImplementedError(f"{type(self).__name__} has no execute()")

    def post_execute(self, context: Any, result: Any = None) -> None:
        """Runs right after `execute`; what it raises fails the task."""

    def defer(
        self,
        *,
        trigger: "BaseTrigger",
        method_name: str | None,
        kwargs: dict[str, Any] | None = None,
        timeout: timedelta | float | None = None,
    ) -> NoReturn:
        """Give the worker back until `trigger` fires; then `method_name(context, event=..., **kwargs)` is called.

        The method belongs to a new object, made from the DAG file: what `self` was given since is gone. When `timeout`
        (seconds, if it is a number) is over first, the task fails with a `TaskDeferralTimeout`.
        """
        raise TaskDeferred(trigger=trigger, method_name=method_name, kwargs=kwargs, timeout=timeout)

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Any) -> Any:
        """Go on after a wait: called instead of `execute`. Raises what the wait failed with."""
        arguments = dict(next_kwargs or {})
        if next_method != FAIL:
            method = getattr(self, next_method, None)
            if method is None:
                raise TaskDeferralError(
                    f"task {self.task_id!r} was to go on with its method {next_method!r}, which {self.task_type} does "
                    "not have; give self.defer() the name of one"
                )
            return method(context, **arguments)
        if arguments.get("traceback"):
            self.log.error("Trigger failed:\n%s", "".join(arguments["traceback"]))
        failure = arguments.get("error", "Unknown")
        raise TaskDeferralTimeout(failure) if failure == TRIGGER_TIMEOUT else TaskDeferralError(failure)

    def on_kill(self) -> None:
        """Runs when the task is stopped by its timeout or from outside: end here what it has started elsewhere."""


CALLBACKS = (
    "on_execute_callback",
    "on_failure_callback",
    "on_success_callback",
    "on_retry_callback",
    "on_skipped_callback",
)
_SET_APART = frozenset(
    {
        "self",
        "__class__",
        "task_id",
        "dag",
        "task_group",
        "params",
        "default_args",
        "kwargs",
        "pre_execute",
        "post_execute",
    }
)


def _merged_params(dag: "DAG | None", defaults: Mapping[str, Any], own: MutableMapping[str, Any] | None) -> ParamsDict:
    if own is not None and not isinstance(own, Mapping):
        raise TypeError(f"params must be a dict, not {type(own).__name__}")
    merged = ParamsDict(dag.params if dag else None)
    merged.merge(defaults.get("params"))
    merged.merge(own)
    return merged
