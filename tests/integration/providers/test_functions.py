"""Cloud Functions' operator against a server that answers as Google's API and as functions do."""

import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from google_key import connection, token_answer
from rest_server import Answer, Request, RestServer, rest_server

from sailplane import DAG, CloudFunctionInvokeFunctionOperator
from sailplane.authoring.exceptions import AirflowException
from sailplane.hooks.functions import CloudFunctionsHook
from sailplane.hooks.google_rest import GoogleApiError, Unreachable

FUNCTIONS = "projects/p/locations/us-central1/functions"


class Functions:
    """`first` is of the first generation, `second` of the second, `broken` fails in either way."""

    def __init__(self) -> None:
        self.url = ""
        self.busy, self.status = 0, 429

    def answer(self, request: Request) -> Answer:
        if request.path == "/token":
            return token_answer(request)
        if self.busy:
            self.busy -= 1
            return Answer(status=self.status, content={"error": {"message": "busy"}})
        if request.path == f"/v1/{FUNCTIONS}/first:call":
            return Answer(content={"executionId": "e1", "result": json.dumps(request.json)})
        if request.path == f"/v1/{FUNCTIONS}/broken:call":
            return Answer(content={"executionId": "e2", "error": "Error: function crashed"})
        if request.path.endswith("/odd:call"):
            return Answer(status=400, content={"error": {"message": "data is wrong"}})
        if request.path == f"/v2/{FUNCTIONS}/odd":
            return Answer(content={"state": "ACTIVE", "environment": "GEN_1"})
        if request.path.startswith("/v2/") and request.path.rsplit("/", 1)[1] in ("second", "fails"):
            uri = f"{self.url}/run/{request.path.rsplit('/', 1)[1]}"
            return Answer(content={"state": "ACTIVE", "serviceConfig": {"uri": uri}})
        if request.path == "/run/second":
            return Answer(content=b"flown", headers={"Function-Execution-Id": "e3"})
        if request.path == "/run/fails":
            return Answer(status=500, content=b"no lift")
        return Answer(status=404, content={"error": {"code": 404, "message": f"{request.path} not found"}})


@pytest.fixture
def functions() -> Functions:
    return Functions()


@pytest.fixture(autouse=True)
def server(functions: Functions, monkeypatch: pytest.MonkeyPatch) -> Iterator[RestServer]:
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "p")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")  # Nothing is asked of Google itself.
    with rest_server(functions.answer) as made:
        functions.url = made.url
        monkeypatch.setenv("CLOUD_FUNCTIONS_EMULATOR_HOST", made.url.removeprefix("http://"))
        yield made


def call(name: str) -> tuple[Any, dict[str, Any]]:
    pushed: dict[str, Any] = {}
    ti = SimpleNamespace(xcom_push=lambda key, value: pushed.update({key: value}))
    with DAG("x"):
        task = CloudFunctionInvokeFunctionOperator(
            task_id="t", function_id=name, location="us-central1", input_data={"far": 3}
        )
    return task.execute({"ti": ti}), pushed


def test_a_function_of_the_first_generation_is_called_over_the_api() -> None:
    assert call("first") == ({"executionId": "e1", "result": '{"far": 3}'}, {"execution_id": "e1"})


def test_a_function_of_the_second_generation_is_called_at_its_address(server: RestServer) -> None:
    assert call("second") == ({"executionId": "e3", "result": "flown"}, {"execution_id": "e3"})
    assert server.requests[-1].json == {"far": 3}


def test_a_function_that_fails_fails_the_task() -> None:
    with pytest.raises(AirflowException, match="the function broken failed: Error: function crashed"):
        call("broken")
    with pytest.raises(GoogleApiError, match=r"POST http://127\.0\.0\.1:\d+/run/fails answered 500: no lift"):
        call("fails")


def test_what_the_first_generation_refuses_is_told() -> None:
    with pytest.raises(GoogleApiError, match="odd:call answered 400: data is wrong"):
        call("odd")


def test_a_function_that_is_not_there_is_named() -> None:
    with pytest.raises(GoogleApiError, match=r"functions/gone answered 404: .*gone not found"):
        call("gone")


def test_a_call_that_the_api_is_too_busy_for_is_repeated(functions: Functions, server: RestServer) -> None:
    functions.busy = 1
    assert call("first")[0]["executionId"] == "e1"
    assert len(server.requests) == 2


def test_a_call_that_may_have_done_its_work_is_not_made_again(functions: Functions, server: RestServer) -> None:
    functions.busy, functions.status = 1, 503
    with pytest.raises(GoogleApiError, match=r"first:call answered 503: busy"):
        call("first")
    functions.busy = 1
    assert CloudFunctionsHook().call("GET", f"/v2/{FUNCTIONS}/second")["state"] == "ACTIVE"
    assert len(server.requests) == 3


def test_a_question_that_got_no_answer_is_asked_again(server: RestServer) -> None:
    class Shaky(CloudFunctionsHook):
        failures = 2

        def send(self, method: str, url: str, session: Any = None, **options: Any) -> Any:
            if self.failures:
                self.failures -= 1
                raise Unreachable(f"{method} {url} failed: cut")
            return super().send(method, url, session, **options)

    assert Shaky().call("GET", f"/v2/{FUNCTIONS}/second")["state"] == "ACTIVE"
    with pytest.raises(Unreachable, match="first:call failed: cut"):
        Shaky().call("POST", f"/v1/{FUNCTIONS}/first:call", {})
    assert len(server.requests) == 1


def test_a_function_is_told_who_calls(
    server: RestServer, functions: Functions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CLOUD_FUNCTIONS_EMULATOR_HOST")
    monkeypatch.setenv("AIRFLOW_CONN_GOOGLE_CLOUD_DEFAULT", connection(f"{server.url}/token", project="p"))

    class Here(CloudFunctionsHook):
        endpoint = server.url

    assert Here().call_function("second", {}, "us-central1")["result"] == "flown"
    called = {request.path: request.headers.get("authorization", "") for request in server.requests}
    assert called[f"/v2/{FUNCTIONS}/second"] == "Bearer t0ken"
    assert called["/run/second"].count(".") == 2
