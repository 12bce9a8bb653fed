"""Bases of classes that Airflow loads as plugins. Sailplane takes the declarations and loads none of them."""

from typing import Any


class AirflowPlugin:
    """Base of a plugin's declaration. What it lists is used where a DAG file names it itself."""

    name: str | None = None


class PriorityWeightStrategy:
    """Base of a rule for priorities of one's own, as `weight_rule=` takes it."""

    def get_weight(self, ti: Any) -> int:
        """The priority of a task instance. Subclasses say it."""
        raise NotImplementedError(f"{type(self).__name__} has no get_weight")

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self)

    def __hash__(self) -> int:
        return hash(type(self))
