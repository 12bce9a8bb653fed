"""Triggers that ask an HTTP endpoint."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from sailplane.authoring.trigger import BaseTrigger, TriggerEvent
from sailplane.hooks.http import DEFAULT_CONNECTION, AirflowHttpError, HttpHook


class HttpSensorTrigger(BaseTrigger):
    """Fires with True once the endpoint answers without an error.

    An error status in `response_error_codes_allowlist` means "not yet"; any other fails the task.
    """

    looks_first = True

    def __init__(
        self,
        endpoint: str | None = None,
        http_conn_id: str = DEFAULT_CONNECTION,
        data: Any = None,
        headers: Mapping[str, str] | None = None,
        method: str = "GET",
        extra_options: Mapping[str, Any] | None = None,
        poke_interval: float = 5.0,
        response_error_codes_allowlist: Sequence[str] | None = None,
    ) -> None:
        super().__init__()
        self.endpoint, self.http_conn_id, self.method = endpoint, http_conn_id, method
        self.data, self.headers = data, dict(headers or {})
        self.extra_options, self.poke_interval = dict(extra_options or {}), poke_interval
        codes = ("404",) if response_error_codes_allowlist is None else response_error_codes_allowlist
        self.response_error_codes_allowlist = [str(code) for code in codes]

    def serialize(self) -> tuple[str, dict[str, Any]]:
        names = (
            "endpoint",
            "http_conn_id",
            "data",
            "headers",
            "method",
            "extra_options",
            "poke_interval",
            "response_error_codes_allowlist",
        )
        return f"{__name__}.HttpSensorTrigger", {name: getattr(self, name) for name in names}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        from asyncio import sleep

        while not self._answers():
            await sleep(self.poke_interval)
        yield TriggerEvent(True)

    def _answers(self) -> bool:
        hook = HttpHook(self.method, http_conn_id=self.http_conn_id)
        try:
            hook.run(self.endpoint, data=self.data, headers=self.headers, extra_options=self.extra_options)
        except AirflowHttpError as error:
            if str(error.status) in self.response_error_codes_allowlist:
                return False
            raise
        return True
