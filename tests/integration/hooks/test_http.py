"""HTTP operator and sensor against a server of this process."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from sailplane import DAG, HttpOperator, HttpSensor, PokeReturnValue
from sailplane.authoring.exceptions import AirflowException


class Echo(BaseHTTPRequestHandler):
    """Says what it was asked; `/status/404` answers with that status."""

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        said = {"method": self.command, "path": self.path, "body": body, "auth": self.headers.get("Authorization")}
        payload = json.dumps({**said, "x": self.headers.get("X-Test")}).encode()
        status = int(self.path.rsplit("/", 1)[1]) if self.path.startswith("/status/") else 200
        self.send_response(status)
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    do_GET = do_POST = do_PUT = answer

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing."""


@pytest.fixture(autouse=True)
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    made = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    port = made.server_address[1]
    monkeypatch.setenv("AIRFLOW_CONN_ECHO", f"http://me:word@127.0.0.1:{port}/?X-Test=yes")
    yield port
    made.shutdown()
    thread.join()
    made.server_close()


def call(**arguments: Any) -> Any:
    with DAG("x"):
        task = HttpOperator(task_id="t", **{"http_conn_id": "echo", "method": "GET", **arguments})
    return task.execute({"ds": "2024-05-01"})


def test_an_endpoint_is_called_with_what_the_connection_says() -> None:
    said = json.loads(call(endpoint="v1/flights", data={"q": "far"}, headers={"X-Test": "own"}))
    assert (said["method"], said["path"], said["x"]) == ("GET", "/v1/flights?q=far", "own")
    assert said["auth"] == "Basic bWU6d29yZA=="
    assert json.loads(call(endpoint="/v1"))["x"] == "yes"


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_data_is_the_body_where_there_is_one(method: str) -> None:
    said = json.loads(call(endpoint="x", method=method, data="far"))
    assert (said["method"], said["path"], said["body"]) == (method, "/x", "far")


def test_an_answer_is_checked_and_filtered_with_the_context() -> None:
    assert call(endpoint="x", response_filter=lambda response, ds: (response.json()["path"], ds)) == (
        "/x",
        "2024-05-01",
    )
    with pytest.raises(AirflowException, match=r"task 't': response_check returned False for http://"):
        call(endpoint="x", response_check=lambda response: response.json()["path"] == "/y")


def test_pages_are_followed_to_the_last() -> None:
    def following(response: Any) -> dict[str, Any] | None:
        page = int(response.json()["path"][-1])
        return {"endpoint": f"page/{page + 1}"} if page < 3 else None

    paths = call(
        endpoint="page/1", pagination_function=following, response_filter=lambda response: response.json()["path"]
    )
    assert paths == ["/page/1", "/page/2", "/page/3"]


def test_an_error_status_fails_the_task_unless_it_is_not_checked() -> None:
    with pytest.raises(AirflowException, match=r"GET http://127\.0\.0\.1:\d+/status/500 answered 500: "):
        call(endpoint="status/500")
    assert (
        call(endpoint="status/500", extra_options={"check_response": False}, response_filter=lambda r: r.status_code)
        == 500
    )


def test_mistakes_say_what_would_be_right(server: int) -> None:
    with pytest.raises(AirflowException, match=r"extra_options has 'timeuot'; it may have .*timeout"):
        call(endpoint="x", extra_options={"timeuot": 1})
    with pytest.raises(AirflowException, match="'http_default' that would complete it is not set"):
        call(endpoint="x", http_conn_id="http_default")
    with pytest.raises(AirflowException, match="the Connection 'gone' is not set"):
        call(endpoint="x", http_conn_id="gone")
    assert (
        json.loads(call(endpoint=f"http://127.0.0.1:{server}/whole", http_conn_id="http_default"))["path"] == "/whole"
    )


def test_an_address_that_nobody_answers_is_named() -> None:
    with pytest.raises(AirflowException, match=r"GET http://127\.0\.0\.1:9/x failed: "):
        call(endpoint="http://127.0.0.1:9/x")


SENSORS: list[tuple[dict[str, Any], bool]] = [
    ({"endpoint": "x"}, True),
    ({"endpoint": "status/404"}, False),
    ({"endpoint": "status/503", "response_error_codes_allowlist": ["503"]}, False),
    ({"endpoint": "x", "response_check": lambda response: "path" in response.json()}, True),
    ({"endpoint": "x", "response_check": lambda response, ds: ds == "2024-05-02"}, False),
    ({"endpoint": "x", "response_check": lambda response: PokeReturnValue(True, 7)}, True),
]


@pytest.mark.parametrize(("arguments", "is_over"), SENSORS, ids=[str(number) for number in range(len(SENSORS))])
def test_a_sensor_waits_for_an_answer(arguments: dict[str, Any], is_over: bool) -> None:
    with DAG("x"):
        sensor = HttpSensor(task_id="s", http_conn_id="echo", **arguments)
    assert bool(sensor.poke({"ds": "2024-05-01"})) is is_over


def test_a_sensor_fails_at_any_other_error() -> None:
    with DAG("x"):
        sensor = HttpSensor(task_id="s", http_conn_id="echo", endpoint="status/500")
    with pytest.raises(AirflowException, match="answered 500"):
        sensor.poke({})
