"""The function `web` as it is served, with the headers that Google's front ends hand on."""

import base64
import json
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from rehearsal import ROOT

from localcloud import FunctionSpec, LocalCloudThread

Ask = Callable[..., tuple[int, Any]]


@pytest.fixture
def serve(own_cloud: LocalCloudThread, own_bucket_name: str) -> Iterator[Callable[[str], Ask]]:
    """Deploys `web` with a way of knowing users; gives what asks it for the DAGs."""
    names: list[str] = []

    def deploy(auth: str) -> Ask:
        names.append(f"web-{auth}-{uuid.uuid4().hex[:6]}")
        env = {
            "SAILPLANE_AUTH": auth,
            "SAILPLANE_BUCKET": own_bucket_name,
            "GOOGLE_CLOUD_PROJECT": names[-1],
            "PYTHONPATH": str(ROOT / "shared"),
        }
        source = ROOT / "functions" / "web" / "main.py"
        url = own_cloud.add_function(FunctionSpec(name=names[-1], target="web", source=source, env=env))
        return lambda **headers: ask(f"{url.rstrip('/')}/api/v2/dags", headers)

    yield deploy
    for name in names:
        own_cloud.call(own_cloud.cloud.cloud_run.remove(name))


def ask(url: str, headers: dict[str, str]) -> tuple[int, Any]:
    request = urllib.request.Request(url, headers={name.replace("_", "-"): value for name, value in headers.items()})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=60) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read())


def token(signature: str) -> str:
    claims = {"email": "ada@example.org", "email_verified": True, "exp": int(time.time()) + 3600}
    parts = (base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in ({}, claims))
    return f"Bearer {'.'.join(parts)}.{signature}"


def test_behind_cloud_runs_own_check_only_checked_tokens_let_in(serve: Callable[[str], Ask]) -> None:
    dags = serve("id-token")
    assert dags(Authorization=token("SIGNATURE_REMOVED_BY_GOOGLE")) == (200, {"dags": [], "total_entries": 0})
    assert dags(X_Serverless_Authorization=token("SIGNATURE_REMOVED_BY_GOOGLE"))[0] == 200
    assert dags(Authorization=token("c2lnbmVk"))[0] == 403
    assert dags()[0] == 401


def test_behind_iap_nothing_but_its_signed_token_lets_in(serve: Callable[[str], Ask]) -> None:
    dags = serve("iap")
    status, answer = dags(X_Goog_Authenticated_User_Email="accounts.google.com:ada@example.org")
    assert (status, "did not come through Identity-Aware Proxy" in answer["detail"]) == (401, True)
    assert dags(Authorization=token("SIGNATURE_REMOVED_BY_GOOGLE"))[0] == 401
