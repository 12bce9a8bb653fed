"""Makes the web application from an environment."""

from collections.abc import Mapping
from pathlib import Path

from sailplane.api.app import App
from sailplane.api.backend import EngineBackend, utc_now
from sailplane.api.users import AUTH_FILE, Authenticator, Closed, Credentials, Open, PasswordLogin
from sailplane.engine.wiring import cloud_from


def app_from(environment: Mapping[str, str]) -> App:
    """The application over the cloud that the environment names. Nothing is called yet."""
    return App(EngineBackend(cloud_from(environment)), authenticator_for(environment))


def authenticator_for(environment: Mapping[str, str]) -> Authenticator:
    """Who may come in: the login of the file that is named; all on a bare emulator; nobody otherwise."""
    file = environment.get(AUTH_FILE)
    if file:
        return PasswordLogin(Credentials.read(Path(file)), utc_now)
    if environment.get("FIRESTORE_EMULATOR_HOST"):
        return Open()
    return Closed()
