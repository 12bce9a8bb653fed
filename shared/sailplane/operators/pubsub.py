"""Tasks on topics and subscriptions of Pub/Sub."""

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

from sailplane.authoring.configuration import default_deferrable
from sailplane.hooks.pubsub import PubSubHook, message_fields, received_messages
from sailplane.operators.google import GoogleOperator
from sailplane.triggers.pubsub import PubsubPullTrigger

Callback = Callable[[list[Any], Mapping[str, Any]], Any]
"""Gets the messages and the context, and gives what the task returns."""


class PubSubOperator(GoogleOperator):
    """An operator with a hook for Pub/Sub."""

    ui_color = "#0273d4"

    def __init__(
        self,
        *,
        project_id: str | None = None,
        retry: Any = None,
        timeout: float | None = None,
        metadata: Sequence[tuple[str, str]] = (),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.project_id = project_id
        self._call_options = {"retry": retry, "timeout": timeout, "metadata": metadata or None}

    @cached_property
    def hook(self) -> PubSubHook:
        return PubSubHook(**self.hook_arguments(), call_options=self._call_options)


class PubSubPublishMessageOperator(PubSubOperator):
    """Publishes messages: dicts with `data` (bytes) and `attributes`."""

    template_fields: Sequence[str] = (
        "project_id",
        "topic",
        "messages",
        "enable_message_ordering",
        "impersonation_chain",
        "gcp_conn_id",
    )

    def __init__(
        self,
        *,
        topic: str,
        messages: Sequence[Mapping[str, Any]],
        enable_message_ordering: bool = False,
        enable_open_telemetry_tracing: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.topic, self.messages = topic, messages
        self.enable_message_ordering = enable_message_ordering

    def execute(self, context: Mapping[str, Any]) -> None:
        hook = PubSubHook(**self.hook_arguments(), enable_message_ordering=bool(self.enable_message_ordering))
        hook.publish(self.topic, self.messages, self.project_id)


class PubSubPullOperator(PubSubOperator):
    """Pulls up to `max_messages`; returns them as dicts, or what `messages_callback(messages, context)` makes of them.

    It waits for messages only with `deferrable=True`; `PubSubPullSensor` does in any case.
    """

    template_fields: Sequence[str] = ("project_id", "subscription", "impersonation_chain", "gcp_conn_id")

    def __init__(
        self,
        *,
        subscription: str,
        max_messages: int = 5,
        ack_messages: bool = False,
        messages_callback: Callback | None = None,
        return_immediately: bool | None = None,
        deferrable: bool | None = None,
        poll_interval: float = 300.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.subscription, self.max_messages = subscription, max_messages
        self.ack_messages, self.messages_callback = ack_messages, messages_callback
        self.return_immediately, self.poll_interval = return_immediately, poll_interval
        self.deferrable = default_deferrable() if deferrable is None else deferrable

    def execute(self, context: Mapping[str, Any]) -> Any:
        if self.deferrable:
            trigger = PubsubPullTrigger(
                project_id=self.project_id,
                subscription=self.subscription,
                max_messages=self.max_messages,
                ack_messages=self.ack_messages,
                gcp_conn_id=self.gcp_conn_id,
                poke_interval=self.poll_interval,
                impersonation_chain=self.impersonation_chain,
                return_immediately=self.return_immediately,
            )
            self.defer(trigger=trigger, method_name="execute_complete", timeout=self.execution_timeout)
        found = self.hook.pull(
            self.subscription, self.max_messages, self.project_id, return_immediately=self.return_immediately
        )
        return self._take(found, context)

    def execute_complete(self, context: Mapping[str, Any], event: Mapping[str, Any]) -> Any:
        """What follows when there are messages."""
        return self._take(received_messages(event["message"]), context)

    def _take(self, found: list[Any], context: Mapping[str, Any]) -> Any:
        handle = self.messages_callback or _as_fields
        result = handle(found, context)
        if found and self.ack_messages:
            self.hook.acknowledge(self.subscription, self.project_id, messages=found)
        return result


class PubSubCreateTopicOperator(PubSubOperator):
    """Creates a topic; succeeds when it is there already, unless `fail_if_exists`."""

    template_fields: Sequence[str] = ("project_id", "topic", "impersonation_chain", "gcp_conn_id")

    def __init__(
        self,
        *,
        topic: str,
        fail_if_exists: bool = False,
        labels: Mapping[str, str] | None = None,
        message_storage_policy: Any = None,
        kms_key_name: str | None = None,
        schema_settings: Any = None,
        message_retention_duration: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.topic, self.fail_if_exists, self.labels = topic, fail_if_exists, labels
        self._fields = {
            "message_storage_policy": message_storage_policy,
            "kms_key_name": kms_key_name,
            "schema_settings": schema_settings,
            "message_retention_duration": message_retention_duration,
        }

    def execute(self, context: Mapping[str, Any]) -> None:
        self.hook.create_topic(self.topic, self.project_id, self.fail_if_exists, self.labels, **self._fields)


class PubSubCreateSubscriptionOperator(PubSubOperator):
    """Creates a subscription; returns its name. Succeeds when it is there already, unless `fail_if_exists`."""

    template_fields: Sequence[str] = (
        "project_id",
        "topic",
        "subscription",
        "subscription_project_id",
        "impersonation_chain",
        "gcp_conn_id",
    )

    def __init__(
        self,
        *,
        topic: str,
        subscription: str | None = None,
        subscription_project_id: str | None = None,
        ack_deadline_secs: int = 10,
        fail_if_exists: bool = False,
        filter_: str | None = None,
        push_config: Any = None,
        retain_acked_messages: bool | None = None,
        message_retention_duration: Any = None,
        labels: Mapping[str, str] | None = None,
        enable_message_ordering: bool = False,
        expiration_policy: Any = None,
        dead_letter_policy: Any = None,
        message_retry_policy: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.topic, self.subscription, self.subscription_project_id = topic, subscription, subscription_project_id
        self.ack_deadline_secs, self.fail_if_exists, self.filter_ = ack_deadline_secs, fail_if_exists, filter_
        self._fields = {
            "push_config": push_config,
            "retain_acked_messages": retain_acked_messages,
            "message_retention_duration": message_retention_duration,
            "labels": labels,
            "enable_message_ordering": enable_message_ordering,
            "expiration_policy": expiration_policy,
            "dead_letter_policy": dead_letter_policy,
            "retry_policy": message_retry_policy,
        }

    def execute(self, context: Mapping[str, Any]) -> str:
        return self.hook.create_subscription(
            self.topic,
            self.project_id,
            self.subscription,
            self.subscription_project_id,
            self.ack_deadline_secs,
            self.fail_if_exists,
            self.filter_,
            **self._fields,
        )


class PubSubDeleteTopicOperator(PubSubOperator):
    """Deletes a topic; succeeds when there is none, unless `fail_if_not_exists`."""

    template_fields: Sequence[str] = ("project_id", "topic", "impersonation_chain", "gcp_conn_id")

    def __init__(self, *, topic: str, fail_if_not_exists: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.topic, self.fail_if_not_exists = topic, fail_if_not_exists

    def execute(self, context: Mapping[str, Any]) -> None:
        self.hook.delete_topic(self.topic, self.project_id, self.fail_if_not_exists)


class PubSubDeleteSubscriptionOperator(PubSubOperator):
    """Deletes a subscription; succeeds when there is none, unless `fail_if_not_exists`."""

    template_fields: Sequence[str] = ("project_id", "subscription", "impersonation_chain", "gcp_conn_id")

    def __init__(self, *, subscription: str, fail_if_not_exists: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.subscription, self.fail_if_not_exists = subscription, fail_if_not_exists

    def execute(self, context: Mapping[str, Any]) -> None:
        self.hook.delete_subscription(self.subscription, self.project_id, self.fail_if_not_exists)


def _as_fields(found: list[Any], context: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [message_fields(each) for each in found]
