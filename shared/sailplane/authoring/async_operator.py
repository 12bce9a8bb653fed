"""The base of operators whose work is a coroutine."""

import asyncio
from typing import Any

from sailplane.authoring.operator import BaseOperator


class BaseAsyncOperator(BaseOperator):
    """An operator that is written as `async def aexecute(self, context)`. It holds its worker while it waits.

    For waits of minutes defer instead: then nothing is running meanwhile.
    """

    is_async = True

    async def aexecute(self, context: Any) -> Any:
        """Do the work; what it returns becomes the XCom `return_value`."""
        raise NotImplementedError(f"{type(self).__name__} has no aexecute()")

    def execute(self, context: Any) -> Any:
        """Runs `aexecute` to its end; the task's `execution_timeout` holds for it."""
        return asyncio.run(self.aexecute(context))
