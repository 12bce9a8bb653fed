"""Tasks that call Cloud Functions."""

from collections.abc import Mapping, Sequence
from typing import Any

from sailplane.hooks.functions import CloudFunctionsHook
from sailplane.operators.google import GoogleOperator


class CloudFunctionInvokeFunctionOperator(GoogleOperator):
    """Calls a deployed function with `input_data` as JSON; returns `{"executionId": ..., "result": text}`.

    Functions of both generations. The execution's id is the XCom `execution_id` too.
    """

    template_fields: Sequence[str] = (
        "function_id",
        "input_data",
        "location",
        "project_id",
        "impersonation_chain",
        "gcp_conn_id",
    )

    def __init__(
        self,
        *,
        function_id: str,
        input_data: Mapping[str, Any],
        location: str,
        project_id: str | None = None,
        api_version: str = "v1",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.function_id, self.input_data = function_id, input_data
        self.location, self.project_id, self.api_version = location, project_id, api_version

    def execute(self, context: Mapping[str, Any]) -> dict[str, Any]:
        self.log.info("Calling function %s.", self.function_id)
        hook = CloudFunctionsHook(**self.hook_arguments())
        answer = hook.call_function(self.function_id, self.input_data, self.location, self.project_id)
        self.log.info("Function called successfully. Execution id %s", answer.get("executionId"))
        context["ti"].xcom_push(key="execution_id", value=answer.get("executionId"))
        return answer
