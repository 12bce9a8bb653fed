"""Tasks that post to Slack."""

from collections.abc import Mapping, Sequence
from typing import Any

from sailplane.authoring.operator import BaseOperator
from sailplane.hooks.slack import SlackWebhookHook


class SlackWebhookOperator(BaseOperator):
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

    @property
    def hook(self) -> SlackWebhookHook:
        return SlackWebhookHook(
            slack_webhook_conn_id=self.slack_webhook_conn_id,
            proxy=self.proxy,
            timeout=self.timeout,
            retry_handlers=self.retry_handlers,
        )

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
