"""Logging in on Google Cloud, with keys and tokens of our own in place of Google's."""

import base64
import json
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from google.auth import jwt
from google.auth.crypt import EsSigner, RSASigner

from sailplane.api.app import App
from sailplane.api.google_login import (
    IAP_HEADER,
    REMOVED_SIGNATURE,
    CloudRunLogin,
    IapLogin,
    iap_audiences,
)
from sailplane.api.wiring import authenticator_for
from sailplane.cloud.iap import Keys
from sailplane.model.errors import SettingsError, Unavailable

NOW = datetime(2026, 3, 1, tzinfo=UTC)
AUDIENCE = "/projects/12345/locations/europe-west1/services/sailplane-web"
ISSUER = "https://cloud.google.com/iap"
ADA = "ada@example.org"
DAGS = "/api/v2/dags"


def part(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def checked(signature: str = REMOVED_SIGNATURE, **claims: Any) -> str:
    """A token as Cloud Run hands it on."""
    expires = int((NOW + timedelta(hours=1)).timestamp())
    all_claims = {"iss": "https://accounts.google.com", "sub": "42", "email": ADA, "exp": expires, **claims}
    return f"Bearer {part({'alg': 'RS256'})}.{part(all_claims)}.{signature}"


@pytest.fixture
def behind_cloud_run(client_of, backend):
    return client_of(App(backend, CloudRunLogin(lambda: NOW)))


def triggers(client, backend, headers):
    """Who triggered a run, as the backend was told."""
    answer = client.ask("POST", f"{DAGS}/etl/dagRuns", {}, headers)
    assert answer.status == 200, answer
    return backend.orders[-1].user


# ID tokens, checked by Cloud Run


@pytest.mark.parametrize("header", ["authorization", "x-serverless-authorization"])
def test_the_user_is_the_one_whom_cloud_run_let_in(behind_cloud_run, backend, header):
    assert triggers(behind_cloud_run, backend, {header: checked(email_verified=True)}) == ADA


def test_the_header_that_cloud_run_checks_wins_over_the_one_that_it_passes_on(behind_cloud_run, backend):
    headers = {"authorization": checked(email="mallory@example.org"), "x-serverless-authorization": checked()}
    assert triggers(behind_cloud_run, backend, headers) == ADA


@pytest.mark.parametrize("claims", [{"email": None}, {"email_verified": False}, {"email": ["x"]}])
def test_an_account_without_a_verified_address_goes_by_its_id(behind_cloud_run, backend, claims):
    assert triggers(behind_cloud_run, backend, {"authorization": checked(**claims)}) == "42"


@pytest.mark.parametrize(
    ("header", "status", "words"),
    [
        ("", 401, "No ID token"),
        ("Basic YTpi", 401, "No ID token"),
        ("Bearer ", 401, "No ID token"),
        ("Bearer ya29.opaque", 401, "access token"),
        (f"Bearer {part({})}.???.{REMOVED_SIGNATURE}", 401, "cannot be read"),
        (f"Bearer {part({})}.{part([1])}.{REMOVED_SIGNATURE}", 401, "cannot be read"),
        (checked(signature="c2lnbmVk"), 403, "must require authentication"),
        (checked(exp=int((NOW - timedelta(minutes=1)).timestamp())), 401, "expired"),
        (checked(exp="soon"), 401, "expired"),
        (checked(email=None, sub=None), 403, "neither"),
        (f"{checked()},{checked()}", 403, "must require authentication"),
    ],
)
def test_anything_else_is_refused_with_a_reason(behind_cloud_run, header, status, words):
    answer = behind_cloud_run.get(DAGS, authorization=header)
    assert (answer.status, words in answer.body.decode()) == (status, True), answer


def test_there_are_no_passwords_on_google_cloud(behind_cloud_run):
    answer = behind_cloud_run.ask("POST", "/auth/token", {"username": "a", "password": "b"})
    assert answer.status == 403
    assert b"no password" in answer.body


# Identity-Aware Proxy


def pem(key: Any) -> tuple[bytes, str]:
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return private, public.decode()


PRIVATE, PUBLIC = pem(ec.generate_private_key(ec.SECP256R1()))
OTHER_PRIVATE, OTHER_PUBLIC = pem(ec.generate_private_key(ec.SECP256R1()))
RSA_PRIVATE, _RSA_PUBLIC = pem(rsa.generate_private_key(65537, 2048))


def assertion(private: bytes = PRIVATE, key_id: str = "one", age: float = 0, **claims: Any) -> str:
    issued = int(time.time() - age)
    all_claims = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "iat": issued,
        "exp": issued + 600,
        "sub": "42",
        "email": ADA,
        **claims,
    }
    token: bytes = jwt.encode(EsSigner.from_string(private, key_id), all_claims)
    return token.decode()


class Published:
    """The keys that Google publishes."""

    def __init__(self) -> None:
        self.keys = {"one": PUBLIC}
        self.looks = 0
        self.now = NOW
        self.is_away = False

    def fetch(self) -> dict[str, str]:
        if self.is_away:
            raise Unavailable("the keys cannot be read")
        self.looks += 1
        return dict(self.keys)

    def clock(self) -> datetime:
        return self.now


@pytest.fixture
def published():
    return Published()


@pytest.fixture
def behind_iap(client_of, backend, published):
    login = IapLogin(lambda: (AUDIENCE,), Keys(published.fetch, published.clock))
    return client_of(App(backend, login))


def test_the_user_is_the_one_whom_iap_signed_for(behind_iap, backend):
    assert triggers(behind_iap, backend, {IAP_HEADER: assertion()}) == ADA


def test_headers_that_iap_does_not_sign_say_nothing(behind_iap):
    answer = behind_iap.get(DAGS, **{"x-goog-authenticated-user-email": f"accounts.google.com:{ADA}"})
    assert answer.status == 401
    assert b"did not come through" in answer.body


@pytest.mark.parametrize(
    ("token", "words"),
    [
        (lambda: "", "did not come through"),
        (lambda: "x.y.z", "refused"),
        (lambda: "nonsense", "refused"),
        (lambda: assertion(aud="/projects/12345/locations/europe-west1/services/other"), "wrong audience"),
        (lambda: assertion(iss="https://accounts.google.com"), "issued by"),
        (lambda: assertion(age=700), "expired"),
        (lambda: assertion(age=-60), "too early"),
        (lambda: assertion(private=OTHER_PRIVATE), "signature"),
        (lambda: assertion(key_id="unknown"), "unknown"),
        (lambda: assertion()[:-8] + "AAAAAAAA", "signature"),
        (lambda: jwt.encode(RSASigner.from_string(RSA_PRIVATE, "one"), {"iss": ISSUER}).decode(), "RS256"),
        (lambda: f"{part({'alg': 'none', 'kid': 'one'})}.{part({'iss': ISSUER})}.", "none"),
    ],
)
def test_a_token_that_iap_did_not_make_for_us_is_refused_with_a_reason(behind_iap, token, words):
    answer = behind_iap.get(DAGS, **{IAP_HEADER: token()})
    assert (answer.status, words in answer.body.decode()) == (401, True), answer


def test_a_clock_half_a_minute_off_is_allowed(behind_iap):
    assert behind_iap.get(DAGS, **{IAP_HEADER: assertion(age=-20)}).status == 200
    assert behind_iap.get(DAGS, **{IAP_HEADER: assertion(age=610)}).status == 200


def test_keys_are_fetched_once_an_hour(behind_iap, published):
    for minutes in (0, 10, 40, 20):
        published.now += timedelta(minutes=minutes)
        assert behind_iap.get(DAGS, **{IAP_HEADER: assertion()}).status == 200
    assert published.looks == 2


def test_a_new_key_is_looked_for_when_a_token_names_it(behind_iap, published):
    behind_iap.get(DAGS, **{IAP_HEADER: assertion()})
    published.keys["two"] = OTHER_PUBLIC
    published.now += timedelta(minutes=1)
    assert behind_iap.get(DAGS, **{IAP_HEADER: assertion(OTHER_PRIVATE, "two")}).status == 200
    assert published.looks == 2


def test_made_up_key_ids_make_no_traffic(behind_iap, published):
    for number in range(5):
        assert behind_iap.get(DAGS, **{IAP_HEADER: assertion(key_id=f"made-up-{number}")}).status == 401
    assert published.looks == 1


def test_keys_that_cannot_be_fetched_are_passing_trouble(behind_iap, published):
    published.is_away = True
    assert behind_iap.get(DAGS, **{IAP_HEADER: assertion()}).status == 503
    published.is_away = False
    assert behind_iap.get(DAGS, **{IAP_HEADER: assertion()}).status == 200


# Which of them, and for whom


def test_the_audience_of_iap_on_cloud_run_follows_from_service_and_region():
    found = iap_audiences({"K_SERVICE": "sailplane-web"}, lambda: "projects/12345/regions/europe-west1")
    assert found == [AUDIENCE]


def test_audiences_that_are_set_are_taken_as_they_are():
    environment = {"SAILPLANE_IAP_AUDIENCE": "/projects/1/global/backendServices/2, /projects/1/apps/x"}
    assert iap_audiences(environment, no_region) == ["/projects/1/global/backendServices/2", "/projects/1/apps/x"]


def no_region() -> str:
    raise AssertionError("nobody needs the region")


def test_iap_elsewhere_than_on_cloud_run_needs_its_audience():
    with pytest.raises(SettingsError, match="SAILPLANE_IAP_AUDIENCE"):
        iap_audiences({}, no_region)


def test_a_region_that_makes_no_sense_is_a_clear_error():
    with pytest.raises(SettingsError, match="metadata server names the region as '<html>'"):
        iap_audiences({"K_SERVICE": "web"}, lambda: "<html>")


@pytest.mark.parametrize(
    ("environment", "kind"),
    [
        ({"SAILPLANE_AUTH": "id-token", "K_SERVICE": "sailplane-web"}, CloudRunLogin),
        ({"SAILPLANE_AUTH": "iap", "K_SERVICE": "sailplane-web"}, IapLogin),
        ({"SAILPLANE_AUTH": "iap", "SAILPLANE_IAP_AUDIENCE": "/projects/1/global/backendServices/2"}, IapLogin),
    ],
)
def test_the_setting_says_how_users_are_known(environment, kind):
    assert isinstance(authenticator_for(environment), kind)


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"SAILPLANE_AUTH": "none"}, "must be one of password, id-token, iap"),
        ({"SAILPLANE_AUTH": "password"}, "needs SAILPLANE_AUTH_FILE"),
        ({"SAILPLANE_AUTH": "id-token"}, "works on Cloud Run only"),
        ({"SAILPLANE_AUTH": "iap"}, "SAILPLANE_IAP_AUDIENCE"),
    ],
)
def test_a_setting_that_makes_no_sense_is_a_clear_error(environment, words):
    with pytest.raises(SettingsError, match=words):
        authenticator_for(environment)


def test_a_cold_start_does_not_pay_for_what_iap_alone_needs():
    code = "import sys, sailplane.api.wiring, sailplane.api.google_login; print('cryptography' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
