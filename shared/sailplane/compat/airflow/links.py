"""Links that operators show in Airflow's pages."""

from typing import Any, ClassVar


class BaseOperatorLink:
    """Base of links that operators declare. Sailplane's pages show none."""

    operators: ClassVar[list[type]] = []
    name: str = ""

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        return ""
