import base64
import json
from datetime import UTC, datetime, timedelta

import pytest

from sailplane.api.app import App
from sailplane.api.users import TOKEN_LIFE, Closed, Credentials, PasswordLogin, sign
from sailplane.api.wiring import authenticator_for
from sailplane.model.errors import SettingsError

CREDENTIALS = Credentials(username="admin", password="pä:ss", secret="k" * 32)


class Clock:
    now = datetime(2026, 3, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def guarded(client_of, backend, clock):
    return client_of(App(backend, PasswordLogin(CREDENTIALS, clock)))


def basic(name: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


def log_in(client, password="pä:ss"):
    return client.ask("POST", "/auth/token", {"username": "admin", "password": password})


@pytest.mark.parametrize("path", ["/", "/api/v2/dags", "/api/v2/dags/etl/dagRuns", "/dags/etl/runs/first"])
def test_nothing_is_shown_without_a_login(guarded, path):
    answer = guarded.get(path)
    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"].startswith("Basic ")


@pytest.mark.parametrize("path", ["/api/v2/version", "/api/v2/monitor/health", "/openapi.json"])
def test_what_airflow_shows_to_all_is_shown(guarded, path):
    assert guarded.get(path).status == 200


def test_name_and_password_let_in(guarded):
    assert guarded.get("/api/v2/dags", authorization=basic("admin", "pä:ss")).status == 200


@pytest.mark.parametrize(
    "header", [basic("admin", "wrong"), basic("other", "pä:ss"), "Basic ???", "Bearer x.y.z", "Bearer", "Digest x"]
)
def test_anything_else_does_not(guarded, header):
    assert guarded.get("/api/v2/dags", authorization=header).status == 401


def test_a_token_lets_in_until_it_expires(guarded, clock):
    answer = log_in(guarded)
    assert answer.status == 201
    bearer = "Bearer " + json.loads(answer.body)["access_token"]
    assert guarded.get("/api/v2/dags", authorization=bearer).status == 200
    clock.now += TOKEN_LIFE
    assert guarded.get("/api/v2/dags", authorization=bearer).status == 401


def test_a_wrong_password_gives_no_token(guarded):
    assert log_in(guarded, "guess").status == 401


def test_a_token_signed_with_another_key_is_refused(guarded, clock):
    claims = {"sub": "admin", "exp": (clock.now + timedelta(hours=1)).timestamp()}
    assert guarded.get("/api/v2/dags", authorization=f"Bearer {sign(claims, 'other')}").status == 401


def test_the_user_of_a_token_is_the_one_who_triggers(guarded, backend):
    bearer = "Bearer " + json.loads(log_in(guarded).body)["access_token"]
    guarded.ask("POST", "/api/v2/dags/etl/dagRuns", {}, {"authorization": bearer})
    assert backend.orders[0].user == "admin"


def test_a_deployment_that_configured_nothing_is_closed(client_of, backend):
    assert client_of(App(backend, Closed())).get("/api/v2/dags").status == 403
    assert isinstance(authenticator_for({}), Closed)


def test_a_bare_emulator_is_open(client_of, backend):
    authenticator = authenticator_for({"FIRESTORE_EMULATOR_HOST": "127.0.0.1:1"})
    assert client_of(App(backend, authenticator)).get("/api/v2/dags").status == 200


def test_the_login_file_is_read(tmp_path):
    file = tmp_path / "auth.json"
    file.write_text(json.dumps({"username": "a", "password": "b", "secret": "c"}))
    assert isinstance(authenticator_for({"SAILPLANE_AUTH_FILE": str(file)}), PasswordLogin)


def test_a_login_file_that_cannot_be_read_is_a_clear_error(tmp_path):
    with pytest.raises(SettingsError, match=r"auth\.json"):
        authenticator_for({"SAILPLANE_AUTH_FILE": str(tmp_path / "auth.json")})
