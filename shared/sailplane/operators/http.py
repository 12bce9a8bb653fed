"""Tasks that call an HTTP endpoint."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from sailplane.authoring.calling import keywords_for
from sailplane.authoring.exceptions import AirflowException
from sailplane.authoring.operator import BaseOperator
from sailplane.hooks.http import DEFAULT_CONNECTION, HttpHook


class HttpOperator(BaseOperator):
    """Calls an endpoint; returns the answer's text, or what `response_filter(response)` makes of it.

    `response_check(response)` fails the task when it is false. `pagination_function(response)` gives the arguments of a
    further call, or None after the last; the result is then the list of all answers. `deferrable` changes nothing: the
    call itself is what takes time.
    """

    template_fields: Sequence[str] = ("endpoint", "data", "headers")
    template_fields_renderers: ClassVar[Mapping[str, str]] = {"headers": "json", "data": "py"}
    template_ext: Sequence[str] = ()
    ui_color = "#f4a460"

    def __init__(
        self,
        *,
        endpoint: str | None = None,
        method: str = "POST",
        data: Any = None,
        headers: Mapping[str, str] | None = None,
        pagination_function: Callable[..., Any] | None = None,
        response_check: Callable[..., bool] | None = None,
        response_filter: Callable[..., Any] | None = None,
        extra_options: Mapping[str, Any] | None = None,
        request_kwargs: Mapping[str, Any] | None = None,
        http_conn_id: str = DEFAULT_CONNECTION,
        log_response: bool = False,
        auth_type: Any = None,
        deferrable: bool | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.endpoint, self.method, self.data, self.headers = endpoint, method, data, headers or {}
        self.pagination_function = pagination_function
        self.response_check, self.response_filter = response_check, response_filter
        self.extra_options, self.request_kwargs = extra_options or {}, request_kwargs or {}
        self.http_conn_id, self.auth_type = http_conn_id, auth_type
        self.log_response = log_response

    def execute(self, context: Mapping[str, Any]) -> Any:
        call: dict[str, Any] | None = {
            "endpoint": self.endpoint,
            "data": self.data,
            "headers": self.headers,
            "extra_options": self.extra_options,
        }
        results = []
        while call is not None:
            response = self._call(call)
            results.append(self._result(response, context))
            following = self.pagination_function(response) if self.pagination_function else None
            call = {**call, **following} if following else None
        return results if self.pagination_function else results[0]

    def _call(self, call: Mapping[str, Any]) -> Any:
        hook = HttpHook(self.method, http_conn_id=self.http_conn_id, auth_type=self.auth_type)
        self.log.info("Calling HTTP method %s of %s", self.method, call["endpoint"])
        response = hook.run(**call, **self.request_kwargs)
        if self.log_response:
            self.log.info("%s", response.text)
        return response

    def _result(self, response: Any, context: Mapping[str, Any]) -> Any:
        if self.response_check is not None and not _called(self.response_check, response, context):
            raise AirflowException(f"task {self.task_id!r}: response_check returned False for {response.url}")
        return _called(self.response_filter, response, context) if self.response_filter else response.text


def _called(function: Callable[..., Any], response: Any, context: Mapping[str, Any]) -> Any:
    """The author's function gets of the context what it names, as a task's does."""
    return function(response, **keywords_for(function, (response,), {}, context))
