"""Channels to Google's services, with the credentials that the environment gives."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sailplane.cloud.settings import Settings
from sailplane.model.errors import SettingsError


def google_channel(host: str, scopes: Sequence[str], options: Sequence[tuple[str, int]]) -> Any:
    """The channel that Google's own client would use. Raises SettingsError without credentials."""
    from google.api_core.grpc_helpers import create_channel

    with _credentials_wanted():
        return create_channel(host, default_scopes=scopes, options=list(options))


def check_credentials(settings: Settings) -> None:
    """Raises SettingsError when there are none and `settings` lead to Google Cloud. Calls nobody's service."""
    if settings.firestore_host and settings.pubsub_host and settings.storage_url:
        return
    import google.auth

    with _credentials_wanted():
        google.auth.default()


@contextmanager
def _credentials_wanted() -> Iterator[None]:
    from google.auth.exceptions import DefaultCredentialsError

    try:
        yield
    except DefaultCredentialsError as error:
        raise SettingsError(
            "no credentials for Google Cloud: log in with `gcloud auth application-default login`, or name a key "
            f"or workload identity file in GOOGLE_APPLICATION_CREDENTIALS ({error})"
        ) from error
