"""Links of tasks to pages elsewhere, kept as XComs when a try has ended."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from sailplane.model import xcom

if TYPE_CHECKING:
    from sailplane.authoring.operator import BaseOperator
    from sailplane.authoring.task_instance import TaskInstance


class BaseOperatorLink:
    """A link that an operator declares in `operator_extra_links`: subclass it, give it a `name`, write `get_link`."""

    operators: ClassVar[list[type]] = []
    name: str = ""

    @property
    def xcom_key(self) -> str:
        """The key of the XCom in which the link of a task instance is kept."""
        return f"_link_{type(self).__name__}"

    def get_link(self, operator: "BaseOperator", *, ti_key: Any) -> str:
        """The link of a task instance whose try has ended."""
        raise NotImplementedError(f"{type(self).__name__} has no get_link")


def keys_of(task: "BaseOperator") -> dict[str, str]:
    """The names of the task's links, and the keys that their XComs have."""
    links: Sequence[BaseOperatorLink] = task.operator_extra_links
    return {link.name: link.xcom_key for link in links}


def made_of(task: "BaseOperator", ti: "TaskInstance") -> dict[str, str]:
    """The links of a try that has ended, as XComs. One that cannot be made is logged and left out."""
    made: dict[str, str] = {}
    for link in task.operator_extra_links:
        try:
            made[link.xcom_key] = xcom.dumps(link.get_link(operator=task, ti_key=ti), key=link.xcom_key)
        except Exception:  # The edge to user code.
            task.log.exception("the link %r could not be made", link.name)
    return made
