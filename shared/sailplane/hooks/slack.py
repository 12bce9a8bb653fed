"""Slack for tasks: incoming webhooks, and the Web API."""

import json
from collections.abc import Mapping
from typing import Any

from sailplane.authoring.connection import Connection
from sailplane.authoring.exceptions import AirflowException, AirflowNotFoundException
from sailplane.hooks.base import BaseHook

DEFAULT_CONNECTION = "slack_default"
DEFAULT_API_CONNECTION = "slack_api_default"
_API = "https://slack.com/api"
_HOME = "hooks.slack.com/services"
_TIMEOUT = 30
_TRIES = 3
"""Of one call, when Slack says that it gets too many."""


class _CallingSlack(BaseHook):
    """Posts JSON; waits when Slack says that it gets too many calls."""

    def __init__(self, *, timeout: float | None, proxy: str | None, retry_handlers: Any) -> None:
        super().__init__()
        if retry_handlers is not None:
            raise AirflowException(
                f"{type(self).__name__} uses no slack_sdk, and takes none of its retry_handlers; use the task's retries"
            )
        self.timeout, self.proxy = timeout, proxy

    def post(self, what: str, url: str, connection: Connection, **options: Any) -> Any:
        """The `requests.Response`. `what` is called so in an error."""
        extra = connection.extra_dejson
        proxy = self.proxy or extra.get("proxy")
        options["timeout"] = float(self.timeout or extra.get("timeout") or _TIMEOUT)
        if proxy:
            options["proxies"] = {"http": proxy, "https": proxy}
        for attempt in range(1, _TRIES + 1):
            response = _post(what, url, options)
            if response.status_code != 429 or attempt == _TRIES:
                break
            _wait(response)
        return response

    def token(self, conn_id: str, what: str) -> tuple[Connection, str]:
        """The Connection and its password. Raises `AirflowNotFoundException` when it has none."""
        found = self.get_connection(conn_id)
        token = (found.password or "").strip()
        if not token:
            raise AirflowNotFoundException(f"the Connection {conn_id!r} has no password: it must be {what}")
        return found, token


class SlackWebhookHook(_CallingSlack):
    """Posts messages to the incoming webhook of a Connection.

    Its password is the webhook's address, or the token that follows the host's; its extra may have `timeout` (seconds)
    and `proxy`.
    """

    conn_type = "slackwebhook"
    conn_name_attr = "slack_webhook_conn_id"
    default_conn_name = DEFAULT_CONNECTION
    hook_name = "Slack Incoming Webhook"

    def __init__(
        self,
        *,
        slack_webhook_conn_id: str = DEFAULT_CONNECTION,
        timeout: float | None = None,
        proxy: str | None = None,
        retry_handlers: Any = None,
    ) -> None:
        super().__init__(timeout=timeout, proxy=proxy, retry_handlers=retry_handlers)
        self.slack_webhook_conn_id = slack_webhook_conn_id

    def send(self, *, headers: Mapping[str, str] | None = None, **message: Any) -> Any:
        """Post a message: `text`, `blocks`, `attachments`, `unfurl_links`, `unfurl_media` and whatever Slack knows."""
        return self.send_dict({name: value for name, value in message.items() if value is not None}, headers=headers)

    def send_text(
        self,
        text: str,
        *,
        unfurl_links: bool | None = None,
        unfurl_media: bool | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        return self.send(text=text, unfurl_links=unfurl_links, unfurl_media=unfurl_media, headers=headers)

    def send_dict(self, body: Mapping[str, Any] | str, *, headers: Mapping[str, str] | None = None) -> Any:
        """Post `body`, a message or the JSON of one; the `requests.Response`.

        Raises `AirflowException` with what Slack answered.
        """
        message = _message(body)
        what = f"the Slack webhook of the Connection {self.slack_webhook_conn_id!r}"
        found, token = self.token(self.slack_webhook_conn_id, "the Slack webhook's token, or its whole address")
        response = self.post(what, _webhook(found, token), found, json=message, headers=headers)
        if response.status_code != 200:
            raise AirflowException(
                f"{what} answered {response.status_code}: {response.text[:200]}; see "
                "https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks"
            )
        return response


class SlackHook(_CallingSlack):
    """Calls methods of Slack's Web API with the token that is the password of a Connection.

    Its extra may have `timeout` (seconds), `proxy` and `base_url`.
    """

    conn_type = "slack"
    conn_name_attr = "slack_conn_id"
    default_conn_name = DEFAULT_API_CONNECTION
    hook_name = "Slack API"

    def __init__(
        self,
        *,
        slack_conn_id: str = DEFAULT_API_CONNECTION,
        base_url: str | None = None,
        timeout: float | None = None,
        proxy: str | None = None,
        retry_handlers: Any = None,
    ) -> None:
        super().__init__(timeout=timeout, proxy=proxy, retry_handlers=retry_handlers)
        self.slack_conn_id, self.base_url = slack_conn_id, base_url

    def call(self, api_method: str, *, json: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """What the method answers, such as `call("chat.postMessage", json={"channel": "#air", "text": "landed"})`.

        Raises `AirflowException` with Slack's name of the error.
        """
        what = f"Slack's {api_method}, called with the token of the Connection {self.slack_conn_id!r},"
        found, token = self.token(self.slack_conn_id, "a token of Slack's Web API, which begins with xoxb-")
        base = self.base_url or found.extra_dejson.get("base_url") or _API
        headers = {"Authorization": f"Bearer {token}"}
        response = self.post(what, f"{base.rstrip('/')}/{api_method}", found, json=dict(json or {}), headers=headers)
        try:
            answer: dict[str, Any] = response.json()
        except ValueError:
            answer = {}
        if not answer.get("ok"):
            reason = answer.get("error") or f"HTTP {response.status_code}: {response.text[:200]}"
            raise AirflowException(
                f"{what} answered: {reason}; see https://docs.slack.dev/reference/methods/{api_method}"
            )
        return answer


def _webhook(connection: Connection, token: str) -> str:
    """The webhook's address."""
    if "://" in token:
        return token
    host = connection.host or _HOME
    base = host if "://" in host else f"{connection.schema or 'https'}://{host}"
    port = f":{connection.port}" if connection.port else ""
    return f"{base.rstrip('/')}{port}/{token.lstrip('/')}"


def _post(what: str, url: str, options: Mapping[str, Any]) -> Any:
    import requests

    try:
        return requests.post(url, **options)
    except requests.exceptions.RequestException as error:
        # Not the error's own text: it has the address, which is the secret.
        raise AirflowException(f"{what} could not be reached: {type(error).__name__}") from None


def _message(body: Mapping[str, Any] | str) -> dict[str, Any]:
    if isinstance(body, str):
        try:
            body = json.loads(body)
        except ValueError as error:
            raise AirflowException(f"a Slack message must be a dict, or JSON; {body!r:.200} is not: {error}") from None
    if not isinstance(body, Mapping):
        raise TypeError(f"a Slack message must be a dict, not {type(body).__name__}")
    return dict(body)


def _wait(response: Any) -> None:
    import time

    try:
        seconds = float(response.headers.get("Retry-After", 1))
    except ValueError:
        seconds = 1.0
    time.sleep(min(max(seconds, 0.0), 30.0))


class WithWebhook:
    """Of what posts through a webhook: its hook, by its own arguments."""

    slack_webhook_conn_id: str
    proxy: str | None
    timeout: float | None
    retry_handlers: Any

    @property
    def hook(self) -> SlackWebhookHook:
        return SlackWebhookHook(
            slack_webhook_conn_id=self.slack_webhook_conn_id,
            proxy=self.proxy,
            timeout=self.timeout,
            retry_handlers=self.retry_handlers,
        )


class WithWebAPI:
    """Of what calls the Web API: its hook, by its own arguments."""

    slack_conn_id: str
    base_url: str | None
    proxy: str | None
    timeout: float | None
    retry_handlers: Any

    @property
    def hook(self) -> SlackHook:
        return SlackHook(
            slack_conn_id=self.slack_conn_id,
            base_url=self.base_url,
            timeout=self.timeout,
            proxy=self.proxy,
            retry_handlers=self.retry_handlers,
        )
