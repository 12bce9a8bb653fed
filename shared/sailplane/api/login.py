"""Logging in."""

from sailplane.api import models
from sailplane.api.context import Call
from sailplane.api.routes import Routes

routes = Routes("/auth", "Login")


@routes.post("/token", public=True, status=201)
def create_token(call: Call, body: models.LoginBody) -> models.LoginResponse:
    """A bearer token for a name and a password."""
    return models.LoginResponse(access_token=call.log_in(body.username, body.password))
