"""The function `web`: REST API and pages."""

import os
import threading
from functools import cache

import flask

from sailplane.api.app import App
from sailplane.api.http import Request
from sailplane.api.wiring import app_from_environment

_once = threading.Lock()


@cache
def _app() -> App:
    return app_from_environment(os.environ)


def web(request: flask.Request) -> flask.Response:
    """Answer one HTTP request."""
    with _once:
        app = _app()
    answer = app.handle(
        Request(
            method=request.method,
            path=request.path,
            query=request.args.to_dict(flat=False),
            headers={name.lower(): value for name, value in request.headers.items()},
            body=request.get_data(),
        )
    )
    return flask.Response(answer.body, answer.status, dict(answer.headers), content_type=answer.content_type)
