"""Which task waits for which: `>>`, `<<`, `chain` and their relatives."""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from sailplane.authoring.exceptions import AirflowDagCycleException, AirflowException

if TYPE_CHECKING:
    from sailplane.authoring.operator import BaseOperator


class DependencyMixin:
    """Anything that has tasks at its front (`roots`) and at its end (`leaves`) and can stand beside `>>`."""

    @property
    def roots(self) -> Sequence["BaseOperator"]:
        raise NotImplementedError

    @property
    def leaves(self) -> Sequence["BaseOperator"]:
        raise NotImplementedError

    def set_upstream(self, other: Any, edge_modifier: "EdgeModifier | None" = None) -> None:
        """Make this wait for `other`: a task, group, XComArg, label, or a list of them."""
        for node in _nodes(other, self):
            if isinstance(node, EdgeModifier):
                node.set_downstream(self)
            else:
                _join(node, self, edge_modifier)

    def set_downstream(self, other: Any, edge_modifier: "EdgeModifier | None" = None) -> None:
        """Make `other` wait for this."""
        for node in _nodes(other, self):
            if isinstance(node, EdgeModifier):
                node.set_upstream(self)
            else:
                _join(self, node, edge_modifier)

    def note_neighbours(
        self, *, upstream: Sequence["BaseOperator"] = (), downstream: Sequence["BaseOperator"] = ()
    ) -> None:
        """Hear which tasks were put before and after this."""

    def __rshift__(self, other: Any) -> Any:
        self.set_downstream(other)
        return other

    def __lshift__(self, other: Any) -> Any:
        self.set_upstream(other)
        return other

    def __rrshift__(self, other: Any) -> Any:
        self.set_upstream(other)
        return self

    def __rlshift__(self, other: Any) -> Any:
        self.set_downstream(other)
        return self


class EdgeModifier(DependencyMixin):
    """A label that stands between two sides of `>>`; the edge is made once both are known."""

    def __init__(self, label: str | None = None) -> None:
        self.label = label
        self._upstream: list[DependencyMixin] = []
        self._downstream: list[DependencyMixin] = []

    @property
    def roots(self) -> Sequence["BaseOperator"]:
        return [root for node in self._downstream for root in node.roots]

    @property
    def leaves(self) -> Sequence["BaseOperator"]:
        return [leaf for node in self._upstream for leaf in node.leaves]

    def set_upstream(self, other: Any, edge_modifier: "EdgeModifier | None" = None) -> None:
        nodes = _nodes(other, self)
        self._upstream.extend(nodes)
        for node in nodes:
            for follower in self._downstream:
                _join(node, follower, self)

    def set_downstream(self, other: Any, edge_modifier: "EdgeModifier | None" = None) -> None:
        nodes = _nodes(other, self)
        self._downstream.extend(nodes)
        for node in nodes:
            for leader in self._upstream:
                _join(leader, node, self)


def Label(label: str) -> EdgeModifier:  # noqa: N802 (Airflow's name)
    """A text for the edge between the two sides of `a >> Label("yes") >> b`."""
    return EdgeModifier(label)


def chain(*tasks: Any) -> None:
    """Link each argument to the next. Two lists beside each other must be equally long and are linked pairwise."""
    for up, down in pairwise(tasks):
        if isinstance(up, DependencyMixin):
            up.set_downstream(down)
        elif isinstance(down, DependencyMixin):
            down.set_upstream(up)
        else:
            _chain_pairwise(up, down)


def _chain_pairwise(up: Any, down: Any) -> None:
    if not isinstance(up, Sequence) or not isinstance(down, Sequence):
        raise TypeError(f"chain() cannot link a {type(up).__name__} to a {type(down).__name__}")
    if len(up) != len(down):
        raise ValueError(
            f"chain() links two lists beside each other pairwise, but they have {len(up)} and {len(down)} items"
        )
    for one, other in zip(up, down, strict=True):
        one.set_downstream(other)


def cross_downstream(from_tasks: Sequence[Any], to_tasks: Any) -> None:
    """Make each of `to_tasks` wait for all of `from_tasks`."""
    for task in from_tasks:
        task.set_downstream(to_tasks)


def chain_linear(*elements: Any) -> None:
    """Link all of each argument to all of the next. As in Airflow, an empty list parts what stands around it."""
    if not elements:
        raise ValueError("chain_linear() needs at least one task or list of tasks")
    previous: Sequence[Any] | None = None
    linked = False
    for element in elements:
        current = [element] if isinstance(element, DependencyMixin) else list(element)
        if previous and current:
            cross_downstream(previous, current)
            linked = True
        previous = current
    if not linked:
        raise ValueError("chain_linear() found no two neighbours to link")


def _nodes(other: Any, beside: object) -> list[DependencyMixin]:
    items = [other] if isinstance(other, DependencyMixin) else other
    if not isinstance(items, Iterable) or isinstance(items, str | bytes):
        raise _not_linkable(other, beside)
    nodes = list(items)
    for node in nodes:
        if not isinstance(node, DependencyMixin):
            raise _not_linkable(node, beside)
    return nodes


def _not_linkable(value: object, beside: object) -> TypeError:
    hint = "; call the @task function to get a task" if callable(value) else ""
    return TypeError(
        f"{value!r} cannot be up- or downstream of {beside!r}: only tasks, task groups, XComArgs, labels and lists "
        f"of them can{hint}"
    )


def _join(before: DependencyMixin, after: DependencyMixin, label: EdgeModifier | None) -> None:
    ups, downs = before.leaves, after.roots
    for up in ups:
        for down in downs:
            _connect(up, down, label)
    before.note_neighbours(downstream=downs)
    after.note_neighbours(upstream=ups)


def _connect(up: "BaseOperator", down: "BaseOperator", label: EdgeModifier | None) -> None:
    dag = up.dag or down.dag
    if dag is None:
        raise AirflowException(
            f"tasks {up.task_id!r} and {down.task_id!r} cannot be linked: neither is in a DAG. Create them inside "
            "`with DAG(...):` or pass dag="
        )
    for task in (up, down):
        if task.dag is None:
            task.dag = dag
    if up.dag is not down.dag:
        raise AirflowException(
            f"tasks {up.task_id!r} of DAG {up.dag.dag_id!r} and {down.task_id!r} of DAG {down.dag.dag_id!r} cannot be "
            "linked: they are in two DAGs"
        )
    if up is down:
        raise AirflowDagCycleException(f"task {up.task_id!r} waits for itself")
    up.downstream_task_ids.add(down.task_id)
    down.upstream_task_ids.add(up.task_id)
    if label is not None and label.label:
        dag.edge_info.setdefault(up.task_id, {})[down.task_id] = {"label": label.label}
