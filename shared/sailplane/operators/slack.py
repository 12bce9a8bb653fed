"""Tasks that post to Slack."""

from collections.abc import Mapping, Sequence
from typing import Any

from sailplane.authoring.operator import BaseOperator
from sailplane.hooks.slack import DEFAULT_API_CONNECTION, WithWebAPI, WithWebhook


class SlackWebhookOperator(WithWebhook, BaseOperator):
    """Posts a message to the incoming webhook of a Connection.

    `channel`, `username` and the icons are only heeded by webhooks of Slack's legacy integrations.
    """

    template_fields: Sequence[str] = (
        "message",
        "attachments",
        "blocks",
        "channel",
        "username",
        "proxy",
        "slack_webhook_conn_id",
    )

    def __init__(
        self,
        *,
        slack_webhook_conn_id: str,
        message: str = "",
        attachments: Sequence[Mapping[str, Any]] | None = None,
        blocks: Sequence[Mapping[str, Any]] | None = None,
        channel: str | None = None,
        username: str | None = None,
        icon_emoji: str | None = None,
        icon_url: str | None = None,
        proxy: str | None = None,
        timeout: float | None = None,
        retry_handlers: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.slack_webhook_conn_id = slack_webhook_conn_id
        self.message, self.attachments, self.blocks = message, attachments, blocks
        self.channel, self.username, self.icon_emoji, self.icon_url = channel, username, icon_emoji, icon_url
        self.proxy, self.timeout, self.retry_handlers = proxy, timeout, retry_handlers

    def execute(self, context: Mapping[str, Any]) -> None:
        self.hook.send(
            text=self.message,
            attachments=self.attachments,
            blocks=self.blocks,
            channel=self.channel,
            username=self.username,
            icon_emoji=self.icon_emoji,
            icon_url=self.icon_url,
        )


class SlackAPIOperator(WithWebAPI, BaseOperator):
    """Calls a method of Slack's Web API with `api_params`; returns what it answers."""

    template_fields: Sequence[str] = ("slack_conn_id", "api_params")

    def __init__(
        self,
        *,
        method: str,
        slack_conn_id: str = DEFAULT_API_CONNECTION,
        api_params: Mapping[str, Any] | None = None,
        base_url: str | None = None,
        proxy: str | None = None,
        timeout: float | None = None,
        retry_handlers: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.method, self.api_params = method, api_params
        self.slack_conn_id, self.base_url = slack_conn_id, base_url
        self.proxy, self.timeout, self.retry_handlers = proxy, timeout, retry_handlers

    def message(self) -> Mapping[str, Any]:
        """What the method is called with."""
        return self.api_params or {}

    def execute(self, context: Mapping[str, Any]) -> dict[str, Any]:
        given = {name: value for name, value in self.message().items() if value is not None}
        return self.hook.call(self.method, json=given)


class SlackAPIPostOperator(SlackAPIOperator):
    """Posts a message to a channel; what Slack answers has its `ts`, by which others reply (`thread_ts`)."""

    template_fields: Sequence[str] = (
        "username",
        "text",
        "attachments",
        "blocks",
        "channel",
        "thread_ts",
        "slack_conn_id",
    )
    ui_color = "#FFBA40"

    def __init__(
        self,
        *,
        channel: str = "#general",
        username: str | None = None,
        text: str = "No message has been set.",
        icon_url: str | None = None,
        blocks: Sequence[Mapping[str, Any]] | None = None,
        attachments: Sequence[Mapping[str, Any]] | None = None,
        thread_ts: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(method="chat.postMessage", **kwargs)
        self.channel, self.username, self.text, self.icon_url = channel, username, text, icon_url
        self.blocks, self.attachments, self.thread_ts = blocks, attachments, thread_ts

    def message(self) -> Mapping[str, Any]:
        return {
            "channel": self.channel,
            "text": self.text,
            "username": self.username,
            "icon_url": self.icon_url,
            "blocks": self.blocks,
            "attachments": self.attachments,
            "thread_ts": self.thread_ts,
        }
