"""Sensors that ask an HTTP endpoint."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from sailplane.authoring.calling import keywords_for
from sailplane.hooks.http import DEFAULT_CONNECTION, AirflowHttpError, HttpHook
from sailplane.sensors.base import PokeReturnValue, SensorMode
from sailplane.sensors.deferrable import DeferrableSensor
from sailplane.triggers.http import HttpSensorTrigger


class HttpSensor(DeferrableSensor):
    """Waits until the endpoint answers without error, and `response_check(response)` is true if it is given.

    An error status in `response_error_codes_allowlist` means "not yet"; any other fails the task. With `deferrable`
    it is rescheduled between two looks when it has a `response_check`, for a trigger cannot call that.
    """

    template_fields: Sequence[str] = ("endpoint", "request_params", "headers")
    template_fields_renderers: ClassVar[Mapping[str, str]] = {"headers": "json", "request_params": "py"}

    def __init__(
        self,
        *,
        endpoint: str,
        http_conn_id: str = DEFAULT_CONNECTION,
        method: str = "GET",
        request_params: Any = None,
        headers: Mapping[str, str] | None = None,
        response_error_codes_allowlist: Sequence[str] | None = None,
        response_check: Callable[..., bool | PokeReturnValue] | None = None,
        extra_options: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.endpoint, self.http_conn_id, self.method = endpoint, http_conn_id, method
        self.request_params, self.headers = request_params, headers or {}
        codes = ("404",) if response_error_codes_allowlist is None else response_error_codes_allowlist
        self.response_error_codes_allowlist = tuple(str(code) for code in codes)
        self.response_check = response_check
        self.extra_options = extra_options or {}
        if self.deferrable and response_check is not None:
            self.deferrable, self.mode = False, SensorMode.RESCHEDULE

    def trigger(self, context: Mapping[str, Any]) -> HttpSensorTrigger:
        return HttpSensorTrigger(
            self.endpoint,
            http_conn_id=self.http_conn_id,
            data=self.request_params,
            headers=self.headers,
            method=self.method,
            extra_options=self.extra_options,
            poke_interval=self.poke_interval,
            response_error_codes_allowlist=self.response_error_codes_allowlist,
        )

    def execute_complete(self, context: Mapping[str, Any], event: Any = None) -> None:
        self.log.info("%s completed successfully.", self.task_id)

    def poke(self, context: Mapping[str, Any]) -> bool | PokeReturnValue:
        self.log.info("Poking: %s", self.endpoint)
        hook = HttpHook(self.method, http_conn_id=self.http_conn_id)
        try:
            response = hook.run(
                self.endpoint, data=self.request_params, headers=self.headers, extra_options=self.extra_options
            )
        except AirflowHttpError as error:
            if str(error.status) in self.response_error_codes_allowlist:
                return False
            raise
        if self.response_check is None:
            return True
        keywords = keywords_for(self.response_check, (response,), {}, context)
        answer = self.response_check(response, **keywords)
        return answer if isinstance(answer, PokeReturnValue) else bool(answer)
