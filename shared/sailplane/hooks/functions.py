"""Cloud Functions for tasks."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from sailplane.authoring.exceptions import AirflowException
from sailplane.hooks.google_rest import GoogleApiError, GoogleRestHook


class CloudFunctionsHook(GoogleRestHook):
    """Calls deployed functions: those of the first generation over the API, others at their own address."""

    def __init__(self, *arguments: Any, api_version: str = "v1", **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.api_version = api_version

    endpoint = "https://cloudfunctions.googleapis.com"
    emulator_variable = "CLOUD_FUNCTIONS_EMULATOR_HOST"

    def call_function(
        self, function_id: str, input_data: Mapping[str, Any], location: str, project_id: str | None = None
    ) -> dict[str, Any]:
        """What the function says, `{"executionId": ..., "result": text}`. Raises `AirflowException` when it fails."""
        name = f"projects/{self.project(project_id)}/locations/{location}/functions/{function_id}"
        try:
            answer = self.call("POST", f"/v1/{name}:call", dict(input_data))
        except GoogleApiError as error:
            # What the first generation's API says of a function that is none of its own.
            if error.status not in (HTTPStatus.NOT_FOUND, HTTPStatus.BAD_REQUEST):
                raise
            function = self.call("GET", f"/v2/{name}")
            if function.get("environment") == "GEN_1":
                raise
            return self._call_address(name, function, input_data)
        if "error" in answer:
            raise AirflowException(f"the function {function_id} failed: {answer['error']}")
        return answer

    def _call_address(self, name: str, function: Mapping[str, Any], input_data: Mapping[str, Any]) -> dict[str, Any]:
        """Call a function of the second generation at its own address."""
        url = function.get("serviceConfig", {}).get("uri") or function.get("url")
        if not url:
            raise AirflowException(f"the function {name} has no address; it is {function.get('state', 'not deployed')}")
        answer = self.send("POST", url, session=self._identified_session(url), json=dict(input_data))
        if answer.status_code >= HTTPStatus.BAD_REQUEST:
            raise GoogleApiError(f"POST {url}", answer.status_code, answer.text[:500] or answer.reason)
        execution = answer.headers.get("Function-Execution-Id") or answer.headers.get("X-Cloud-Trace-Context", "")
        return {"executionId": execution.partition("/")[0], "result": answer.text}

    def _identified_session(self, audience: str) -> Any:
        """A session that says who calls, which is what functions are let be called by."""
        if self.emulator:
            return self.session
        from google.auth.transport.requests import AuthorizedSession

        return AuthorizedSession(self.get_id_token_credentials(audience))
