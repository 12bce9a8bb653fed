"""Slack's incoming webhooks for tasks."""

import json
from collections.abc import Mapping
from typing import Any

from sailplane.authoring.exceptions import AirflowException, AirflowNotFoundException
from sailplane.hooks.base import BaseHook

DEFAULT_CONNECTION = "slack_default"
_HOME = "hooks.slack.com/services"
_TIMEOUT = 30
_TRIES = 3
"""Of one call, when Slack says that it gets too many."""


class SlackWebhookHook(BaseHook):
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
        super().__init__()
        if retry_handlers is not None:
            raise AirflowException(
                "SlackWebhookHook uses no slack_sdk, and takes none of its retry_handlers; use the task's retries"
            )
        self.slack_webhook_conn_id = slack_webhook_conn_id
        self.timeout, self.proxy = timeout, proxy

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
        url, options = self._target()
        for attempt in range(1, _TRIES + 1):
            response = self._post(url, json=message, headers=headers, **options)
            if response.status_code != 429 or attempt == _TRIES:
                break
            _wait(response)
        if response.status_code != 200:
            raise AirflowException(
                f"the Slack webhook of the Connection {self.slack_webhook_conn_id!r} answered {response.status_code}: "
                f"{response.text[:200]}; see https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks"
            )
        return response

    def _post(self, url: str, **options: Any) -> Any:
        import requests

        try:
            return requests.post(url, **options)
        except requests.exceptions.RequestException as error:
            # Not the error's own text: it has the address, which is the secret.
            raise AirflowException(
                f"the Slack webhook of the Connection {self.slack_webhook_conn_id!r} could not be reached: "
                f"{type(error).__name__}"
            ) from None

    def _target(self) -> tuple[str, dict[str, Any]]:
        """The webhook's address, and how it is called."""
        found = self.get_connection(self.slack_webhook_conn_id)
        token = (found.password or "").strip()
        if not token:
            raise AirflowNotFoundException(
                f"the Connection {self.slack_webhook_conn_id!r} has no password: it must be the Slack webhook's token, "
                "or its whole address"
            )
        extra = found.extra_dejson
        proxy = self.proxy or extra.get("proxy")
        options: dict[str, Any] = {"timeout": float(self.timeout or extra.get("timeout") or _TIMEOUT)}
        if proxy:
            options["proxies"] = {"http": proxy, "https": proxy}
        if "://" in token:
            return token, options
        host = found.host or _HOME
        base = host if "://" in host else f"{found.schema or 'https'}://{host}"
        port = f":{found.port}" if found.port else ""
        return f"{base.rstrip('/')}{port}/{token.lstrip('/')}", options


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
