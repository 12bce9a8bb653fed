"""What can be asked about the shape of a DAG, of its tasks and of the DAG itself, under Airflow's names."""

from collections.abc import Iterable, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sailplane.authoring.dag import DAG
    from sailplane.authoring.operator import BaseOperator
    from sailplane.authoring.taskgroup import TaskGroup


class TaskRelatives:
    """Of a task."""

    if TYPE_CHECKING:
        dag: Any
        task_id: str
        does_nothing: bool
        inlets: list[Any]
        outlets: list[Any]
        operator_extra_links: Any

        def get_direct_relative_ids(self, upstream: bool = False) -> set[str]: ...
        def get_flat_relative_ids(self, *, upstream: bool = False) -> set[str]: ...

    @property
    def node_id(self) -> str:
        return self.task_id

    @property
    def extra_links(self) -> list[str]:
        """The names of its links."""
        return sorted(link.name for link in self.operator_extra_links)

    @property
    def inherits_from_empty_operator(self) -> bool:
        return self.does_nothing

    def get_dag(self) -> "DAG | None":
        found: DAG | None = self.dag
        return found

    def get_direct_relatives(self, upstream: bool = False) -> "Iterable[BaseOperator]":
        """The tasks right before it, or right behind."""
        return [self.dag.task_dict[each] for each in sorted(self.get_direct_relative_ids(upstream))]

    def get_flat_relatives(self, upstream: bool = False) -> "list[BaseOperator]":
        """All tasks before it, or behind, near and far."""
        return [self.dag.task_dict[each] for each in sorted(self.get_flat_relative_ids(upstream=upstream))]

    def add_inlets(self, inlets: Iterable[Any]) -> None:
        self.inlets.extend(inlets)

    def add_outlets(self, outlets: Iterable[Any]) -> None:
        self.outlets.extend(outlets)

    def get_inlet_defs(self) -> list[Any]:
        return self.inlets

    def get_outlet_defs(self) -> list[Any]:
        return self.outlets

    @staticmethod
    def xcom_push(context: Mapping[str, Any], key: str, value: Any) -> None:
        """Push an XCom of the task that runs."""
        context["ti"].xcom_push(key=key, value=value)

    @staticmethod
    def xcom_pull(context: Mapping[str, Any], *args: Any, **kwargs: Any) -> Any:
        """Pull XComs as the task that runs."""
        return context["ti"].xcom_pull(*args, **kwargs)


class DagShape:
    """Of a DAG."""

    task_dict: "dict[str, BaseOperator]"
    group_dict: "dict[str, TaskGroup]"
    edge_info: dict[str, dict[str, dict[str, Any]]]

    @property
    def task_count(self) -> int:
        return len(self.task_dict)

    @property
    def task_group_dict(self) -> "Mapping[str, TaskGroup]":
        """The DAG's groups by their id."""
        return self.group_dict

    def topological_sort(self) -> "tuple[BaseOperator, ...]":
        """The tasks, each behind those that it waits for. Raises `AirflowDagCycleException`."""
        return tuple(_checks().find_order(self))

    def check_cycle(self) -> None:
        """Raise `AirflowDagCycleException` when tasks wait for each other."""
        self.topological_sort()

    def validate(self) -> None:
        """Raise what is wrong with the DAG as a whole."""
        _checks().check_dag(self)

    def get_edge_info(self, upstream_task_id: str, downstream_task_id: str) -> dict[str, Any]:
        """What a `Label` said of the edge; empty when none did."""
        return self.edge_info.get(upstream_task_id, {}).get(downstream_task_id, {})

    def set_edge_info(self, upstream_task_id: str, downstream_task_id: str, info: dict[str, Any]) -> None:
        self.edge_info.setdefault(upstream_task_id, {})[downstream_task_id] = info


def _checks() -> Any:
    # By name: the checks of a DAG stand on what is here.
    return import_module("sailplane.authoring.dag_checks")
