import json
from typing import Any

import pytest

from sailplane.api.app import App, description, router
from sailplane.api.users import Open
from sailplane.model.errors import InternalError, Unavailable


class Failing:
    """A backend whose every question ends in `error`."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def __getattr__(self, name: str) -> Any:
        def fail(*args: Any, **kwargs: Any) -> Any:
            raise self._error

        return fail


@pytest.mark.parametrize(
    ("error", "status"), [(Unavailable("no answer"), 503), (InternalError("secret"), 500), (ValueError("secret"), 500)]
)
def test_trouble_becomes_a_status_and_no_secret_is_told(client_of, error, status):
    answer = client_of(App(Failing(error), Open())).get("/api/v2/dags")
    assert answer.status == status
    assert b"secret" not in answer.body


def test_health_tells_when_the_state_cannot_be_read(client_of):
    answer = client_of(App(Failing(Unavailable()), Open())).get("/api/v2/monitor/health")
    assert answer.status == 200
    assert json.loads(answer.body)["metadatabase"]["status"] == "unhealthy"


def test_health_and_version_are_shown(client):
    assert client.read("/api/v2/monitor/health")["metadatabase"]["status"] == "healthy"
    assert client.read("/api/v2/version")["version"]


def test_every_route_is_described_and_every_reference_leads_somewhere(client):
    document = client.read("/openapi.json")
    described = {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}
    wanted = {(one.method, one.template.replace(":path}", "}")) for one in router().routes if one.documented}
    assert described == wanted
    references = [part.split('"')[0] for part in json.dumps(document).split("#/components/schemas/")[1:]]
    assert set(references) <= set(document["components"]["schemas"])


def test_operation_ids_are_unique():
    paths: Any = description()["paths"]
    ids = [operation["operationId"] for methods in paths.values() for operation in methods.values()]
    assert len(ids) == len(set(ids))


def test_every_handler_says_what_it_does():
    assert all(route.summary for route in router().routes)


def test_the_home_page_lists_dags_runs_and_errors(client):
    answer = client.get("/")
    text = answer.body.decode()
    assert answer.content_type.startswith("text/html")
    for part in ("etl", "Extract &amp; load", "nightly", "second", "bad.py"):
        assert part in text


def test_the_pages_lead_from_the_dag_to_the_log(client):
    assert 'href="/dags/etl/runs/first"' in client.get("/dags/etl").body.decode()
    run = client.get("/dags/etl/runs/first").body.decode()
    assert 'href="/dags/etl/runs/first/tasks/extract?map_index=-1&amp;try_number=2"' in run
    log = client.get("/dags/etl/runs/first/tasks/extract?try_number=2").body.decode()
    assert "bye &lt;b&gt;" in log


def test_a_page_that_is_not_there_says_so(client):
    assert client.get("/dags/absent").status == 404
    assert client.get("/dags/etl/runs/absent").status == 404


def test_a_head_request_is_answered_like_a_get(client):
    assert client.ask("HEAD", "/api/v2/version").status == 200
