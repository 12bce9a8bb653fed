"""Slack's hook, operator and notifier against a server that answers as Slack's webhooks do."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from rest_server import Answer, Request, RestServer, rest_server

from sailplane import (
    DAG,
    SlackAPIOperator,
    SlackAPIPostOperator,
    SlackHook,
    SlackNotifier,
    SlackWebhookHook,
    SlackWebhookNotifier,
    SlackWebhookOperator,
)
from sailplane.authoring.exceptions import AirflowException, AirflowNotFoundException

TOKEN = "T0/B0/secretword"


def answer(request: Request) -> Answer:
    if request.path.startswith("/api/"):
        return api(request)
    if request.path != f"/services/{TOKEN}":
        return Answer(status=404, content=b"no_service")
    return Answer(content=b"ok") if request.json.get("text") else Answer(status=400, content=b"no_text")


def api(request: Request) -> Answer:
    """The Web API, which answers 200 to whatever it understands, also when it refuses it."""
    if request.headers["authorization"] != "Bearer xoxb-secretword":
        return Answer(content={"ok": False, "error": "invalid_auth"})
    if request.json.get("channel") == "#gone":
        return Answer(content={"ok": False, "error": "channel_not_found"})
    return Answer(content={"ok": True, "ts": "17.5", "method": request.path.removeprefix("/api/")})


@pytest.fixture
def slack(monkeypatch: pytest.MonkeyPatch) -> Iterator[RestServer]:
    with rest_server(answer) as server:
        set_connection(monkeypatch, host=f"{server.url}/services", password=TOKEN)
        fields = {"conn_type": "slack", "password": "xoxb-secretword", "extra": {"base_url": f"{server.url}/api/"}}
        monkeypatch.setenv("AIRFLOW_CONN_SLACK_API_DEFAULT", json.dumps(fields))
        yield server


def set_connection(monkeypatch: pytest.MonkeyPatch, **fields: Any) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_SLACK_DEFAULT", json.dumps({"conn_type": "slackwebhook", **fields}))


def test_an_operator_posts_what_it_is_given(slack: RestServer) -> None:
    with DAG("x"):
        task = SlackWebhookOperator(
            task_id="t", slack_webhook_conn_id="slack_default", message="landed", blocks=[{"type": "divider"}]
        )
    task.execute({})
    (request,) = slack.requests
    assert request.json == {"text": "landed", "blocks": [{"type": "divider"}]}


def test_a_notifier_renders_what_it_posts(slack: RestServer) -> None:
    notifier = SlackWebhookNotifier(
        text="{{ ds }}", blocks=[{"type": "header", "text": "{{ ds }}"}], unfurl_links=False
    )
    notifier({"ds": "2024-05-01"})
    assert slack.requests[0].json == {
        "text": "2024-05-01",
        "blocks": [{"type": "header", "text": "2024-05-01"}],
        "unfurl_links": False,
    }


def test_the_address_may_be_the_password(slack: RestServer, monkeypatch: pytest.MonkeyPatch) -> None:
    set_connection(monkeypatch, password=f"{slack.url}/services/{TOKEN}")
    hook = SlackWebhookHook()
    hook.send_text("one")
    hook.send_dict('{"text": "two"}')
    assert [request.json["text"] for request in slack.requests] == ["one", "two"]


def test_too_many_calls_are_waited_for(slack: RestServer) -> None:
    waits = [Answer(status=429, headers={"Retry-After": "0"}, content=b"rate_limited")]
    slack.answer = lambda request: waits.pop() if waits else answer(request)
    SlackWebhookHook().send_text("hello")
    assert len(slack.requests) == 2


def test_what_slack_says_is_in_the_error_and_the_token_is_not(
    slack: RestServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(AirflowException, match="Connection 'slack_default' answered 400: no_text") as caught:
        SlackWebhookHook().send(blocks=[])
    assert "secretword" not in str(caught.value)
    set_connection(monkeypatch, host="http://127.0.0.1:9", password=TOKEN)
    with pytest.raises(AirflowException, match="could not be reached: ConnectionError") as unreached:
        SlackWebhookHook().send_text("hello")
    assert "secretword" not in str(unreached.value)


def test_mistakes_say_what_would_be_right(slack: RestServer, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(AirflowException, match="a Slack message must be a dict, or JSON; 'hello' is not"):
        SlackWebhookHook().send_dict("hello")
    with pytest.raises(TypeError, match="must be a dict, not list"):
        SlackWebhookHook().send_dict("[]")
    with pytest.raises(AirflowException, match="use the task's retries"):
        SlackWebhookHook(retry_handlers=[object()])
    set_connection(monkeypatch, host="hooks.slack.com")
    with pytest.raises(AirflowNotFoundException, match="has no password: it must be the Slack webhook's token"):
        SlackWebhookHook().send_text("hello")


def test_the_web_api_posts_to_channels_and_threads(slack: RestServer) -> None:
    with DAG("x"):
        post = SlackAPIPostOperator(
            task_id="t", channel="#air", text="landed", thread_ts="17.4", blocks=[{"type": "divider"}]
        )
        archive = SlackAPIOperator(task_id="u", method="conversations.archive", api_params={"channel": "C1"})
    assert post.execute({})["ts"] == "17.5"
    assert archive.execute({})["method"] == "conversations.archive"
    SlackNotifier(text="{{ ds }}", channel="#{{ ds }}", unfurl_links=False)({"ds": "2024-05-01"})
    assert [request.json for request in slack.requests] == [
        {"channel": "#air", "text": "landed", "thread_ts": "17.4", "blocks": [{"type": "divider"}]},
        {"channel": "C1"},
        {"channel": "#2024-05-01", "text": "2024-05-01", "unfurl_links": False, "unfurl_media": True},
    ]


def test_what_the_web_api_refuses_is_an_error(slack: RestServer, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(
        AirflowException, match=r"Slack's chat\.postMessage, .* 'slack_api_default', answered: channel_not"
    ):
        SlackHook().call("chat.postMessage", json={"channel": "#gone"})
    slack.answer = lambda request: Answer(status=502, content=b"bad gateway")
    with pytest.raises(AirflowException, match="answered: HTTP 502: bad gateway"):
        SlackHook().call("api.test")
    monkeypatch.setenv("AIRFLOW_CONN_SLACK_API_DEFAULT", '{"conn_type": "slack"}')
    with pytest.raises(
        AirflowNotFoundException, match="it must be a token of Slack's Web API, which begins with xoxb-"
    ):
        SlackHook().call("api.test")
