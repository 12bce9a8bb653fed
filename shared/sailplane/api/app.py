"""The web application: finds the route, checks the login, calls the handler, and turns errors into answers."""

import logging
from collections.abc import Mapping
from functools import cache
from typing import Any

from sailplane.api import (
    asset_states,
    assets,
    connections,
    costs,
    dag_runs,
    dags,
    human_steps,
    login,
    logs,
    monitor,
    openapi,
    pages,
    pools,
    question_page,
    queued_assets,
    reruns,
    run_results,
    task_instances,
    task_states,
    tasks,
    variables,
    xcoms,
)
from sailplane.api.backend import Backend
from sailplane.api.context import Call
from sailplane.api.http import HttpError, Request, Response, error_response, json_response
from sailplane.api.release import version
from sailplane.api.routes import Route, Router, Routes
from sailplane.api.users import Authenticator, User
from sailplane.model.errors import (
    AlreadyExists,
    AuthorError,
    Forbidden,
    NotFound,
    RequestError,
    SailplaneError,
    TransientError,
)

log = logging.getLogger(__name__)
NOBODY = User(name="")

own = Routes("", "OpenAPI")


@own.get("/openapi.json", public=True, documented=False)
def get_openapi(call: Call) -> Response:
    """This API, described."""
    return json_response(description())


@cache
def router() -> Router:
    # Logs and XComs stand before the task instances, whose `{task_id}/{map_index}` would take some of their paths.
    tables = (
        own,
        login,
        monitor,
        dags,
        costs,
        dag_runs,
        tasks,
        logs,
        xcoms,
        human_steps,
        task_states,
        asset_states,
        assets,
        queued_assets,
        reruns,
        run_results,
        task_instances,
        variables,
        connections,
        pools,
        question_page,
        pages,
    )
    routes: list[Route] = []
    for table in tables:
        routes += table.all if isinstance(table, Routes) else table.routes.all
    return Router(routes)


@cache
def description() -> dict[str, Any]:
    return openapi.document(router().routes, version())


class App:
    """Answers requests over one backend."""

    def __init__(self, backend: Backend, authenticator: Authenticator) -> None:
        self._backend = backend
        self._authenticator = authenticator

    def handle(self, request: Request) -> Response:
        """The answer to `request`. Never raises."""
        try:
            return self._answer(request)
        except HttpError as error:
            return error_response(error)
        except SailplaneError as error:
            return error_response(_translate(error))
        except Exception:  # The edge of the process: an unknown error becomes a 500, and its trace goes to the log.
            log.exception("%s %s failed", request.method, request.path)
            return error_response(HttpError(500, "Internal Server Error"))

    def _answer(self, request: Request) -> Response:
        route, parts = router().find(request.method, request.path)
        user = NOBODY if route.public else self._authenticator.authenticate(request)
        call = Call(backend=self._backend, request=request, user=user, log_in=self._authenticator.log_in)
        result = route.handler(call, **route.arguments(parts, request))
        return result if isinstance(result, Response) else json_response(result, route.status)


_STATUS: Mapping[type[SailplaneError], int] = {
    NotFound: 404,
    AlreadyExists: 409,
    Forbidden: 403,
    RequestError: 400,
    AuthorError: 400,
    TransientError: 503,
}


def _translate(error: SailplaneError) -> HttpError:
    for kind, status in _STATUS.items():
        if isinstance(error, kind):
            headers = {"Retry-After": "1"} if status == 503 else {}
            return HttpError(status, str(error), headers)
    log.error("request failed: %s", error, exc_info=error)
    return HttpError(500, "Internal Server Error")
