"""Callbacks that post to Slack."""

from collections.abc import Mapping, Sequence
from typing import Any

from sailplane.authoring.notifier import BaseNotifier
from sailplane.hooks.slack import DEFAULT_CONNECTION, SlackWebhookHook


class SlackWebhookNotifier(BaseNotifier):
    """Posts a message to the incoming webhook of a Connection."""

    template_fields: Sequence[str] = ("slack_webhook_conn_id", "text", "attachments", "blocks", "proxy", "timeout")

    def __init__(
        self,
        *,
        slack_webhook_conn_id: str = DEFAULT_CONNECTION,
        text: str,
        blocks: Sequence[Mapping[str, Any]] | None = None,
        unfurl_links: bool | None = None,
        unfurl_media: bool | None = None,
        proxy: str | None = None,
        timeout: float | None = None,
        attachments: Sequence[Mapping[str, Any]] | None = None,
        retry_handlers: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.slack_webhook_conn_id = slack_webhook_conn_id
        self.text, self.blocks, self.attachments = text, blocks, attachments
        self.unfurl_links, self.unfurl_media = unfurl_links, unfurl_media
        self.proxy, self.timeout, self.retry_handlers = proxy, timeout, retry_handlers

    @property
    def hook(self) -> SlackWebhookHook:
        return SlackWebhookHook(
            slack_webhook_conn_id=self.slack_webhook_conn_id,
            proxy=self.proxy,
            timeout=self.timeout,
            retry_handlers=self.retry_handlers,
        )

    def notify(self, context: Mapping[str, Any]) -> None:
        self.hook.send(
            text=self.text,
            blocks=self.blocks,
            unfurl_links=self.unfurl_links,
            unfurl_media=self.unfurl_media,
            attachments=self.attachments,
        )


send_slack_webhook_notification = SlackWebhookNotifier
