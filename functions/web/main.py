"""The function `web`: REST API and pages."""

import os
from functools import partial

import flask

from sailplane.api.http import Request
from sailplane.api.wiring import app_from
from sailplane.engine.journal import set_up as set_up_logging
from sailplane.engine.wiring import Once

set_up_logging(os.environ)
_app = Once(partial(app_from, os.environ))


def web(request: flask.Request) -> flask.Response:
    """Answer one HTTP request."""
    answer = _app().handle(
        Request(
            method=request.method,
            path=request.path,
            query=request.args.to_dict(flat=False),
            headers={name.lower(): value for name, value in request.headers.items()},
            body=request.get_data(),
        )
    )
    return flask.Response(answer.body, answer.status, dict(answer.headers), content_type=answer.content_type)
