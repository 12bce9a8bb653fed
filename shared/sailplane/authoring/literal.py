"""Arguments that look like templates and are none."""

from collections.abc import Mapping
from typing import Any

from sailplane.authoring.xcom_arg import Resolvable


class LiteralValue(Resolvable):
    """What a task is given as it stands, even where its argument is a template."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def resolve(self, context: Mapping[str, Any]) -> Any:
        return self.value


def literal(value: Any) -> LiteralValue:
    """`value`, for a templated argument, without templates in it being rendered or files read."""
    return LiteralValue(value)
