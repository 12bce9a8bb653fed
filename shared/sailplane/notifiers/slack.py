"""Callbacks that post to Slack."""

from collections.abc import Mapping, Sequence
from typing import Any

from sailplane.authoring.notifier import BaseNotifier
from sailplane.hooks.slack import DEFAULT_API_CONNECTION, DEFAULT_CONNECTION, WithWebAPI, WithWebhook


class SlackWebhookNotifier(WithWebhook, BaseNotifier):
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

    def notify(self, context: Mapping[str, Any]) -> None:
        self.hook.send(
            text=self.text,
            blocks=self.blocks,
            unfurl_links=self.unfurl_links,
            unfurl_media=self.unfurl_media,
            attachments=self.attachments,
        )


class SlackNotifier(WithWebAPI, BaseNotifier):
    """Posts a message to a channel, over Slack's Web API."""

    template_fields: Sequence[str] = ("text", "channel", "username", "attachments", "blocks", "slack_conn_id")

    def __init__(
        self,
        *,
        slack_conn_id: str = DEFAULT_API_CONNECTION,
        text: str = "This is a default message",
        channel: str = "#general",
        username: str | None = None,
        icon_url: str | None = None,
        attachments: Sequence[Mapping[str, Any]] = (),
        blocks: Sequence[Mapping[str, Any]] = (),
        base_url: str | None = None,
        proxy: str | None = None,
        timeout: float | None = None,
        retry_handlers: Any = None,
        unfurl_links: bool = True,
        unfurl_media: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.slack_conn_id, self.base_url = slack_conn_id, base_url
        self.text, self.channel, self.username, self.icon_url = text, channel, username, icon_url
        self.attachments, self.blocks = attachments, blocks
        self.proxy, self.timeout, self.retry_handlers = proxy, timeout, retry_handlers
        self.unfurl_links, self.unfurl_media = unfurl_links, unfurl_media

    def notify(self, context: Mapping[str, Any]) -> None:
        message = {
            "channel": self.channel,
            "text": self.text,
            "username": self.username,
            "icon_url": self.icon_url,
            "attachments": list(self.attachments) or None,
            "blocks": list(self.blocks) or None,
            "unfurl_links": self.unfurl_links,
            "unfurl_media": self.unfurl_media,
        }
        self.hook.call("chat.postMessage", json={name: value for name, value in message.items() if value is not None})


send_slack_notification = SlackNotifier
send_slack_webhook_notification = SlackWebhookNotifier
