"""A task that does nothing."""

from collections.abc import Mapping
from typing import Any

from sailplane.authoring.operator import BaseOperator


class EmptyOperator(BaseOperator):
    """A mark in the graph, to gather or part ways. Without callbacks it ends without a process."""

    ui_color = "#e8f7e4"
    does_nothing = True

    def execute(self, context: Mapping[str, Any]) -> None:
        """Succeed."""
