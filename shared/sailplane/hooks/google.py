"""Google Cloud for tasks: credentials, project and sessions, as a Connection says or the process has them."""

import json
import os
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from sailplane.authoring.exceptions import AirflowException, AirflowNotFoundException
from sailplane.hooks.base import BaseHook

DEFAULT_CONNECTION = "google_cloud_default"
CLOUD_PLATFORM = "https://www.googleapis.com/auth/cloud-platform"
_PREFIX = "extra__google_cloud_platform__"
"""In front of each key of the extra, in Connections from Airflow 1."""
_LOCAL_PROJECT = "local"


def google_errors() -> Any:
    """Google's module of errors, such as `google_errors().NotFound`; imported when one is caught or raised."""
    from google.api_core import exceptions

    return exceptions


class GoogleBaseHook(BaseHook):
    """Base of hooks for Google Cloud.

    Without a Connection, or with one that is silent, credentials and project are those of the process: the worker's
    service account. The extra of a Connection may have `project`, `keyfile_dict` or `key_path` (a service account's
    key), `credential_config_file` (workload identity federation), `impersonation_chain`, `scope`, `quota_project_id`,
    `is_anonymous` and `num_retries`. `google_cloud_default` need not be set.
    """

    conn_type = "google_cloud_platform"
    conn_name_attr = "gcp_conn_id"
    default_conn_name = DEFAULT_CONNECTION
    hook_name = "Google Cloud"
    emulator_variable = ""
    """Names the emulator of the service, if there is one; it is called without credentials."""

    def __init__(
        self,
        gcp_conn_id: str = DEFAULT_CONNECTION,
        impersonation_chain: str | Sequence[str] | None = None,
        *,
        project_id: str | None = None,
        quota_project_id: str | None = None,
    ) -> None:
        super().__init__()
        self.gcp_conn_id = gcp_conn_id
        self.impersonation_chain = impersonation_chain
        self.quota_project_id = quota_project_id
        self._given_project = project_id

    @cached_property
    def extras(self) -> Mapping[str, Any]:
        try:
            found = self.get_connection(self.gcp_conn_id).extra_dejson
        except AirflowNotFoundException:
            if self.gcp_conn_id != DEFAULT_CONNECTION:
                raise
            return {}
        return {name.removeprefix(_PREFIX): value for name, value in found.items() if value not in ("", None)}

    @property
    def emulator(self) -> str | None:
        """The address of the service's emulator, where the environment names one."""
        return os.environ.get(self.emulator_variable) if self.emulator_variable else None

    @property
    def scopes(self) -> Sequence[str]:
        named = str(self.extras.get("scope", ""))
        return [each.strip() for each in named.split(",") if each.strip()] or [CLOUD_PLATFORM]

    @property
    def num_retries(self) -> int:
        return int(self.extras.get("num_retries", 5))

    @property
    def project_id(self) -> str | None:
        """The project that is meant where none is given; None when nobody says."""
        named = self._given_project or self.extras.get("project")
        return named or self.get_credentials_and_project_id()[1]

    def project(self, given: str | None = None) -> str:
        """`given`, or `project_id`. Raises `AirflowException` when nobody says."""
        found = given or self.project_id
        if not found:
            raise AirflowException(
                f"{type(self).__name__} knows no project: give project_id, set `project` in the extra of the "
                f"Connection {self.gcp_conn_id!r}, or the variable GOOGLE_CLOUD_PROJECT"
            )
        return found

    def get_credentials(self) -> Any:
        return self.get_credentials_and_project_id()[0]

    def get_credentials_and_project_id(self) -> tuple[Any, str | None]:
        """The credentials, as google-auth has them, and the project that they belong to, if they say."""
        return self._identity

    @cached_property
    def _identity(self) -> tuple[Any, str | None]:
        if self.emulator or self.extras.get("is_anonymous"):
            from google.auth.credentials import AnonymousCredentials

            return AnonymousCredentials(), os.environ.get("GOOGLE_CLOUD_PROJECT") or _LOCAL_PROJECT
        credentials, project = self._own_credentials()
        chain = self.chain
        if chain:
            from google.auth import impersonated_credentials

            credentials = impersonated_credentials.Credentials(
                credentials, target_principal=chain[-1], delegates=chain[:-1], target_scopes=self.scopes
            )
        quota_project = self.quota_project_id or self.extras.get("quota_project_id")
        return credentials.with_quota_project(quota_project) if quota_project else credentials, project

    @property
    def chain(self) -> list[str]:
        """Whom to impersonate: each account grants the one before it the role of Service Account Token Creator."""
        given = self.impersonation_chain or self.extras.get("impersonation_chain") or ()
        listed = given.split(",") if isinstance(given, str) else given
        return [each.strip() for each in listed]

    def _own_credentials(self) -> tuple[Any, str | None]:
        key = self._key()
        if key is not None:
            return self._from_key(key), key.get("project_id") or os.environ.get("GOOGLE_CLOUD_PROJECT")
        import google.auth
        from google.auth.exceptions import DefaultCredentialsError

        try:
            found: tuple[Any, str | None] = google.auth.default(scopes=self.scopes)
        except DefaultCredentialsError as error:
            raise AirflowException(
                f"{type(self).__name__} has no credentials for Google Cloud: run the task under a service account, log "
                "in with `gcloud auth application-default login`, or give the Connection "
                f"{self.gcp_conn_id!r} a keyfile_dict ({error})"
            ) from error
        return found

    def _key(self) -> Mapping[str, Any] | None:
        extras = self.extras
        if "key_secret_name" in extras:
            raise AirflowException(
                f"the Connection {self.gcp_conn_id!r} has key_secret_name, which is not acted on; keep the whole "
                "Connection in Secret Manager instead, with the key as keyfile_dict"
            )
        file = extras.get("key_path") or extras.get("credential_config_file")
        key = extras.get("keyfile_dict") or (Path(str(file)).read_text() if file else None)
        if isinstance(key, str):
            try:
                key = json.loads(key)
            except ValueError:
                raise AirflowException(
                    f"the Connection {self.gcp_conn_id!r} has a key that is not JSON: keyfile_dict must be the content "
                    "of a service account's key file, and key_path the name of one"
                ) from None
        return key

    def _from_key(self, key: Mapping[str, Any]) -> Any:
        if key.get("type") == "service_account":
            from google.oauth2 import service_account

            return service_account.Credentials.from_service_account_info(key, scopes=self.scopes)
        from google.auth import load_credentials_from_dict

        return load_credentials_from_dict(dict(key), scopes=self.scopes)[0]

    def get_id_token_credentials(self, audience: str) -> Any:
        """Credentials that tell the service at `audience` who calls, as Cloud Run and Cloud Functions want it."""
        chain = self.chain
        if chain:
            from google.auth import impersonated_credentials

            return impersonated_credentials.IDTokenCredentials(
                self.get_credentials(), target_audience=audience, include_email=True
            )
        key = self._key()
        if key is not None and key.get("type") == "service_account":
            from google.oauth2 import service_account

            return service_account.IDTokenCredentials.from_service_account_info(key, target_audience=audience)
        from google.oauth2 import id_token

        return id_token.fetch_id_token_credentials(audience)

    def get_session(self) -> Any:
        """A `requests.Session` with the credentials; a plain one for an emulator."""
        if self.emulator:
            import requests

            plain = requests.Session()
            plain.trust_env = False  # No proxy for this machine.
            return plain
        from google.auth.transport.requests import AuthorizedSession

        return AuthorizedSession(self.get_credentials())
