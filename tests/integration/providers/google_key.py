"""A service account's key whose tokens a server of this process gives out, by Google's protocol."""

import json
from functools import cache
from typing import Any
from urllib.parse import parse_qs

from rest_server import Answer, Request


@cache
def _private_key() -> str:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()


def key_of(token_uri: str, project: str = "keys-project") -> dict[str, Any]:
    return {
        "type": "service_account",
        "project_id": project,
        "private_key_id": "1",
        "private_key": _private_key(),
        "client_email": "worker@keys-project.iam.gserviceaccount.com",
        "client_id": "1",
        "token_uri": token_uri,
    }


def connection(token_uri: str, **extra: Any) -> str:
    """A Connection with such a key, in Airflow's JSON form."""
    return json.dumps({"conn_type": "google_cloud_platform", "extra": {"keyfile_dict": key_of(token_uri), **extra}})


def token_answer(request: Request) -> Answer:
    """What Google's token endpoint says to a signed assertion; an identity token when the assertion asks for one."""
    import base64

    (assertion,) = parse_qs(request.body.decode())["assertion"]
    payload = assertion.split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    if "target_audience" in claims:
        header = base64.urlsafe_b64encode(b'{"alg":"none"}').decode().rstrip("=")
        body = json.dumps({"aud": claims["target_audience"], "exp": claims["exp"]}).encode()
        return Answer(content={"id_token": f"{header}.{base64.urlsafe_b64encode(body).decode().rstrip('=')}.eA"})
    return Answer(content={"access_token": "t0ken", "expires_in": 3600, "token_type": "Bearer"})
