"""Credentials and projects of hooks for Google Cloud."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from google_key import connection, key_of, token_answer
from rest_server import Answer, Request, RestServer, rest_server

from sailplane import GCSHook
from sailplane.authoring.exceptions import AirflowException, AirflowNotFoundException
from sailplane.hooks.google import GoogleBaseHook

VARIABLE = "AIRFLOW_CONN_GOOGLE_CLOUD_DEFAULT"


def answer(request: Request) -> Answer:
    return (
        token_answer(request) if request.path == "/token" else Answer(content={"by": request.headers["authorization"]})
    )


@pytest.fixture(autouse=True)
def google(monkeypatch: pytest.MonkeyPatch) -> Iterator[RestServer]:
    monkeypatch.delenv("STORAGE_EMULATOR_HOST", raising=False)
    monkeypatch.delenv("GOOGLE_CLOUD_PROJECT", raising=False)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")  # Nothing is asked of Google itself.
    with rest_server(answer) as server:
        monkeypatch.setenv(VARIABLE, connection(f"{server.url}/token"))
        yield server


def test_a_key_in_the_connection_is_signed_with(google: RestServer) -> None:
    hook = GoogleBaseHook()
    assert hook.project_id == "keys-project"
    with hook.get_session() as session:
        assert session.get(f"{google.url}/x").json() == {"by": "Bearer t0ken"}
    assert [request.path for request in google.requests] == ["/token", "/x"]


def test_a_key_may_be_a_file_or_text(google: RestServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "key.json"
    file.write_text(json.dumps(key_of(f"{google.url}/token", "files-project")))
    monkeypatch.setenv(VARIABLE, json.dumps({"conn_type": "google_cloud_platform", "extra": {"key_path": str(file)}}))
    assert GoogleBaseHook().project_id == "files-project"
    prefixed = {"extra__google_cloud_platform__keyfile_dict": file.read_text(), "project": "named"}
    monkeypatch.setenv(VARIABLE, json.dumps({"conn_type": "google_cloud_platform", "extra": prefixed}))
    assert GoogleBaseHook().get_credentials().project_id == "files-project"
    assert GoogleBaseHook().project_id == "named"


@pytest.mark.parametrize("chain", [["a@x.iam", "b@x.iam"], "a@x.iam, b@x.iam"])
def test_a_chain_ends_in_the_account_that_is_impersonated(
    google: RestServer, monkeypatch: pytest.MonkeyPatch, chain: Any
) -> None:
    given = GoogleBaseHook(impersonation_chain=chain).get_credentials()
    monkeypatch.setenv(VARIABLE, connection(f"{google.url}/token", impersonation_chain=chain, quota_project_id="payer"))
    named = GoogleBaseHook().get_credentials()
    for credentials in (given, named):
        assert credentials.service_account_email == "b@x.iam"
        assert credentials._delegates == ["a@x.iam"]
    assert (given.quota_project_id, named.quota_project_id) == (None, "payer")


def test_scopes_are_the_connections(google: RestServer, monkeypatch: pytest.MonkeyPatch) -> None:
    assert GoogleBaseHook().get_credentials().scopes == ["https://www.googleapis.com/auth/cloud-platform"]
    monkeypatch.setenv(VARIABLE, connection(f"{google.url}/token", scope="one, two"))
    assert GoogleBaseHook().get_credentials().scopes == ["one", "two"]


def test_an_emulator_needs_no_credentials_and_no_project(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE)
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", "http://127.0.0.1:9")
    assert GCSHook().project_id == "local"
    assert GCSHook(project_id="mine").client.project == "mine"


def test_what_is_not_to_be_had_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(AirflowNotFoundException, match="'gone' is not set"):
        GoogleBaseHook("gone").get_credentials()
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "missing.json"))
    monkeypatch.delenv(VARIABLE)
    with pytest.raises(
        AirflowException, match="GoogleBaseHook has no credentials for Google Cloud: run the task under"
    ):
        GoogleBaseHook().get_credentials()
    for extra, told in (({"keyfile_dict": "{"}, "a key that is not JSON"), ({"key_secret_name": "s"}, "not acted on")):
        monkeypatch.setenv(VARIABLE, json.dumps({"conn_type": "google_cloud_platform", "extra": extra}))
        with pytest.raises(AirflowException, match=f"'google_cloud_default' has .*{told}"):
            GoogleBaseHook().get_credentials()
    monkeypatch.setenv(VARIABLE, '{"conn_type": "google_cloud_platform", "extra": {"is_anonymous": true}}')
    assert GoogleBaseHook().project() == "local"
