"""Makes the web application from an environment."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path

from sailplane.api.app import App
from sailplane.api.backend import EngineBackend, utc_now
from sailplane.api.users import AUTH, AUTH_FILE, Authenticator, AuthKind, Closed, Credentials, Open, PasswordLogin
from sailplane.engine.wiring import cloud_from
from sailplane.model.errors import SettingsError


def app_from(environment: Mapping[str, str]) -> App:
    """The application over the cloud that the environment names. Nothing is called yet."""
    return App(EngineBackend(cloud_from(environment)), authenticator_for(environment))


def authenticator_for(environment: Mapping[str, str]) -> Authenticator:
    """Who may come in, as SAILPLANE_AUTH says. Without it: the login of the file that is named; all on a bare emulator;
    nobody otherwise. Raises `SettingsError`."""
    match _kind(environment):
        case AuthKind.PASSWORD:
            return PasswordLogin(Credentials.read(_login_file(environment)), utc_now)
        case AuthKind.ID_TOKEN:
            return _behind_cloud_run(environment)
        case AuthKind.IAP:
            return _behind_iap(environment)
        case None:
            return Open() if environment.get("FIRESTORE_EMULATOR_HOST") else Closed()


def _kind(environment: Mapping[str, str]) -> AuthKind | None:
    named = environment.get(AUTH, "")
    if not named:
        return AuthKind.PASSWORD if environment.get(AUTH_FILE) else None
    try:
        return AuthKind(named)
    except ValueError:
        raise SettingsError(f"{AUTH}={named!r} must be one of {', '.join(AuthKind)}") from None


def _login_file(environment: Mapping[str, str]) -> Path:
    file = environment.get(AUTH_FILE)
    if not file:
        raise SettingsError(f"{AUTH}={AuthKind.PASSWORD} needs {AUTH_FILE}, the file with the login")
    return Path(file)


def _behind_cloud_run(environment: Mapping[str, str]) -> Authenticator:
    """Raises `SettingsError` elsewhere than on Cloud Run: without its check anybody could write any token."""
    from sailplane.api.google_login import CloudRunLogin

    if not environment.get("K_SERVICE"):
        raise SettingsError(f"{AUTH}={AuthKind.ID_TOKEN} works on Cloud Run only, which checks the tokens")
    return CloudRunLogin(utc_now)


def _behind_iap(environment: Mapping[str, str]) -> Authenticator:
    """Raises `SettingsError` elsewhere than on Cloud Run, unless the audience is named."""
    from sailplane.api.google_login import IapLogin, iap_audiences
    from sailplane.cloud import iap

    audiences = partial(iap_audiences, environment, partial(iap.region_of_instance, environment))
    if not environment.get("K_SERVICE"):
        audiences()  # Raises now what it would with the first request.
    return IapLogin(audiences, iap.Keys(iap.fetch_keys, utc_now))
