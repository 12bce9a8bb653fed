"""The DAG: what a file declares."""

import re
from collections.abc import Callable, Collection, Iterable, Mapping, MutableMapping
from datetime import datetime, timedelta, tzinfo
from functools import wraps
from importlib import import_module
from inspect import signature
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from sailplane.authoring import dag_checks as checks
from sailplane.authoring import scopes
from sailplane.authoring.arguments import NOTSET
from sailplane.authoring.deadlines import as_deadlines
from sailplane.authoring.exceptions import DuplicateTaskIdFound, TaskNotFound
from sailplane.authoring.group_retries import DEFAULT_DELAY, checked
from sailplane.authoring.operator_checks import as_list, utc
from sailplane.authoring.origin import origin_of_call
from sailplane.authoring.params import DagParam, ParamsDict
from sailplane.authoring.relatives import DagShape
from sailplane.authoring.taskgroup import TaskGroup
from sailplane.authoring.templates import make_environment
from sailplane.authoring.timetables import to_schedule
from sailplane.authoring.xcom_arg import XCOM_RETURN_KEY, XComArg
from sailplane.model.ids import check_dag_id

if TYPE_CHECKING:
    import jinja2

    from sailplane.authoring.operator import BaseOperator

DEFAULT_MAX_ACTIVE_RUNS = 16
_SUFFIXED = re.compile(r"(.+)__(\d+)")


class DAG(DagShape):
    """Tasks, the order they run in, and when. Takes Airflow's arguments with Airflow's defaults.

    Used as `with DAG("name", ...) as dag:`; tasks made inside belong to it.
    """

    def __init__(
        self,
        dag_id: str,
        *,
        description: str | None = None,
        default_args: Mapping[str, Any] | None = None,
        start_date: datetime | None = None,
        end_date: datetime | None = None,
        schedule: Any = None,
        template_searchpath: str | Iterable[str] | None = None,
        template_undefined: Any = None,
        user_defined_macros: Mapping[str, Any] | None = None,
        user_defined_filters: Mapping[str, Any] | None = None,
        max_active_tasks: int = 0,
        max_active_runs: int = DEFAULT_MAX_ACTIVE_RUNS,
        max_consecutive_failed_dag_runs: int = 0,
        dagrun_timeout: timedelta | None = None,
        deadline: Any = None,
        sla_miss_callback: None = None,
        catchup: bool = False,
        on_success_callback: Any = None,
        on_failure_callback: Any = None,
        doc_md: str | None = None,
        params: MutableMapping[str, Any] | None = None,
        access_control: Mapping[str, Any] | None = None,
        is_paused_upon_creation: bool | None = None,
        jinja_environment_kwargs: Mapping[str, Any] | None = None,
        render_template_as_native_obj: bool = False,
        tags: Collection[str] | None = None,
        owner_links: Mapping[str, str] | None = None,
        auto_register: bool = True,
        fail_fast: bool = False,
        retries: int = 0,
        retry_delay: timedelta | float = DEFAULT_DELAY,
        allowed_run_types: Any = None,
        dag_display_name: str = "",
        task_group: TaskGroup | None = None,
        disable_bundle_versioning: bool = False,
        rerun_with_latest_version: bool | None = None,
        **unknown: Any,
    ) -> None:
        given = {k: v for k, v in locals().items() if k not in ("self", "unknown", "task_group", "__class__")}
        with scopes.blaming(dag_id):
            self.dag_id = check_dag_id(dag_id)
            checks.refuse_unknown(unknown)
            self._keep(given)
        file = scopes.current_file()
        self.origin = origin_of_call(file.path if file else None)
        self.fileloc = (file.path if file else None) or (self.origin.file if self.origin else "")
        self.relative_fileloc: str | None = None
        self.task_dict: dict[str, BaseOperator] = {}
        self.group_dict: dict[str, TaskGroup] = {}
        self.highest_suffixes: dict[str, int] = {}
        """For each `task` of which there is a `task__7`, the highest such number."""
        self.edge_info: dict[str, dict[str, dict[str, Any]]] = {}
        self._environments: dict[bool, jinja2.Environment] = {}
        self.task_group = task_group or TaskGroup(None, dag=self)

    def _keep(self, given: Mapping[str, Any]) -> None:
        checks.check_types(given)
        self.description: str | None = given["description"]
        self.doc_md: str | None = checks.markdown(given["doc_md"])
        self.dag_display_name: str = given["dag_display_name"] or self.dag_id
        self.tags = tuple(sorted(checks.tags(given["tags"] or ())))
        self.owner_links = dict(given["owner_links"] or {})
        self.params = ParamsDict(given["params"])
        self._keep_defaults(given)
        self._keep_limits(given)
        self._keep_templating(given)
        self.on_success_callback = as_list(given["on_success_callback"])
        self.on_failure_callback = as_list(given["on_failure_callback"])
        for name in _KEPT:
            setattr(self, name, given[name])
        self.allowed_run_types = checks.run_types(given["allowed_run_types"], self.timetable)
        self.auto_register: bool = given["auto_register"]

    def _keep_defaults(self, given: Mapping[str, Any]) -> None:
        self.default_args = dict(given["default_args"] or {})
        self.params.merge(self.default_args.pop("params", None))
        start_date = given["start_date"] or self.default_args.get("start_date")
        end_date = given["end_date"] or self.default_args.get("end_date")
        checks.check_dates(start_date, end_date)
        self.start_date, self.end_date = utc(start_date), utc(end_date)
        self.timezone: tzinfo | None = self.start_date.tzinfo if self.start_date else None

    def _keep_limits(self, given: Mapping[str, Any]) -> None:
        self.schedule: Any = given["schedule"]
        self.timetable = to_schedule(self.schedule, self.timezone)
        self.catchup: bool = given["catchup"]
        self.max_active_runs: int = given["max_active_runs"]
        self.max_active_tasks: int = given["max_active_tasks"]
        self.dagrun_timeout: timedelta | None = given["dagrun_timeout"]
        self.fail_fast: bool = given["fail_fast"]
        self.deadline = as_deadlines(given["deadline"], f"DAG {self.dag_id!r}")
        self.retries, self.retry_delay = checked(f"DAG {self.dag_id!r}", given["retries"], given["retry_delay"])
        self.rerun_with_latest_version: bool | None = given["rerun_with_latest_version"]
        self.max_consecutive_failed_dag_runs: int = given["max_consecutive_failed_dag_runs"]
        self.is_paused_upon_creation: bool | None = given["is_paused_upon_creation"]
        checks.check_continuous(self.timetable, self.max_active_runs)

    def _keep_templating(self, given: Mapping[str, Any]) -> None:
        paths = given["template_searchpath"]
        self.template_searchpath = [paths] if isinstance(paths, str) else list(paths or ())
        self.template_undefined = given["template_undefined"]
        self.user_defined_macros = dict(given["user_defined_macros"] or {})
        self.user_defined_filters = dict(given["user_defined_filters"] or {})
        self.jinja_environment_kwargs = dict(given["jinja_environment_kwargs"] or {})
        self.render_template_as_native_obj: bool = given["render_template_as_native_obj"]

    def __repr__(self) -> str:
        return f"<DAG: {self.dag_id}>"

    def __enter__(self) -> "DAG":
        scopes.dags.append(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        scopes.dags.pop()
        if error is not None:
            scopes.blame(error, self.dag_id)
        file = scopes.current_file()
        if file is not None and self.auto_register and self not in file.dags:
            file.dags.append(self)

    @property
    def folder(self) -> str:
        """The folder of the DAG's file."""
        return str(Path(self.fileloc).parent)

    @property
    def filepath(self) -> str:
        return self.fileloc

    @property
    def tasks(self) -> list["BaseOperator"]:
        return list(self.task_dict.values())

    @property
    def task_ids(self) -> list[str]:
        return list(self.task_dict)

    @property
    def owner(self) -> str:
        return ", ".join(sorted({task.owner for task in self.tasks}))

    @property
    def roots(self) -> list["BaseOperator"]:
        return [task for task in self.tasks if not task.upstream_task_ids]

    @property
    def leaves(self) -> list["BaseOperator"]:
        return [task for task in self.tasks if not task.downstream_task_ids]

    def has_task(self, task_id: str) -> bool:
        return task_id in self.task_dict

    def get_task(self, task_id: str) -> "BaseOperator":
        try:
            return self.task_dict[task_id]
        except KeyError:
            raise TaskNotFound(f"DAG {self.dag_id!r} has no task {task_id!r}") from None

    def has_node(self, node_id: str) -> bool:
        return node_id in self.task_dict or node_id in self.group_dict

    def add_task(self, task: "BaseOperator", group: TaskGroup | None = None) -> None:
        """Put `task` into this DAG and into `group`, the open group when None."""
        if self.has_node(task.task_id):
            raise DuplicateTaskIdFound(checks.taken(self, task.task_id))
        self.task_dict[task.task_id] = task
        if match := _SUFFIXED.fullmatch(task.task_id):
            self.highest_suffixes[match[1]] = max(int(match[2]), self.highest_suffixes.get(match[1], 0))
        (group or scopes.current_group(self) or self.task_group).add(task)
        task._dag = self
        task.start_date = task.start_date or self.start_date
        task.end_date = task.end_date or self.end_date

    def add_tasks(self, tasks: Iterable["BaseOperator"]) -> None:
        for task in tasks:
            self.add_task(task)

    def add_group(self, group: TaskGroup) -> None:
        if self.has_node(group.node_id):
            raise DuplicateTaskIdFound(checks.taken(self, group.node_id))
        self.group_dict[group.node_id] = group

    def add_result(self, value: XComArg) -> XComArg:
        """Say that what a task returns is the result of the DAG, which the REST API's `wait` gives."""
        if not (isinstance(value, XComArg) and value.key == XCOM_RETURN_KEY):
            raise ValueError(f"only what a task returns can be the result of a DAG, not {value!r}")
        value.operator.returns_dag_result = True
        return value

    def param(self, name: str, default: Any = NOTSET) -> DagParam:
        """The run's param `name` as an argument for a task."""
        return DagParam(self, name, default)

    def test(
        self,
        run_after: datetime | None = None,
        logical_date: Any = NOTSET,
        run_conf: Mapping[str, Any] | None = None,
        conn_file_path: str | None = None,
        variable_file_path: str | None = None,
        use_executor: bool = False,
        mark_success_pattern: re.Pattern[str] | str | None = None,
    ) -> Any:
        """Run this DAG once, in this process: breakpoints in tasks work, and nothing has to be deployed or started.

        Retries are not waited for, rescheduled sensors are. Variables and Connections come from the files, then from
        the environment. Tasks whose task_id the pattern matches as a whole do not run and succeed. Returns a
        `sailplane.testing.FinishedRun`: states, XComs, errors.
        """
        # By name: what authors import stands below the engine, which this runs on.
        return import_module("sailplane.testing.debugging").test(
            self,
            run_after=run_after,
            logical_date=logical_date,
            run_conf=run_conf,
            conn_file_path=conn_file_path,
            variable_file_path=variable_file_path,
            use_executor=use_executor,
            mark_success_pattern=mark_success_pattern,
        )

    def get_template_env(self, *, native: bool | None = None) -> "jinja2.Environment":
        """The Jinja environment of this DAG, made once."""
        native = self.render_template_as_native_obj if native is None else native
        if native not in self._environments:
            self._environments[native] = make_environment(
                native=native,
                searchpath=[self.folder, *self.template_searchpath],
                undefined=self.template_undefined,
                options=self.jinja_environment_kwargs,
                macros=self.user_defined_macros,
                filters=self.user_defined_filters,
            )
        return self._environments[native]


_KEPT = (
    "access_control",
    "disable_bundle_versioning",
)
"""Arguments that are kept for code that reads them, and not acted on."""


def dag(dag_id_or_func: Any = None, **options: Any) -> Any:
    """Make of a function that declares tasks a function that makes a DAG. Its arguments become the DAG's params."""

    def decorate(function: Callable[..., Any]) -> Callable[..., DAG]:
        named = dag_id_or_func if isinstance(dag_id_or_func, str) else None
        dag_id = options.get("dag_id") or named or function.__name__

        @wraps(function)
        def make(*args: Any, **kwargs: Any) -> DAG:
            bound = signature(function).bind(*args, **kwargs)
            bound.apply_defaults()
            with DAG(**{**options, "dag_id": dag_id}) as made:
                made.doc_md = made.doc_md or function.__doc__
                returned = function(**{name: made.param(name, value) for name, value in bound.arguments.items()})
                if isinstance(returned, XComArg) and returned.key == XCOM_RETURN_KEY:
                    made.add_result(returned)
            return made

        return make

    return decorate(dag_id_or_func) if callable(dag_id_or_func) else decorate
