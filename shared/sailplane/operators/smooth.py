"""A task that plays nothing, smoothly."""

from collections.abc import Mapping
from typing import Any

from sailplane.authoring.operator import BaseOperator


class SmoothOperator(BaseOperator):
    """Logs where to listen to Sade's "Smooth Operator"."""

    ui_color = "#e8f7e4"
    yt_link: str = "https://www.youtube.com/watch?v=4TYv2PhG89A"

    def execute(self, context: Mapping[str, Any]) -> None:
        self.log.info("Enjoy Sade - Smooth Operator: %s", self.yt_link)
