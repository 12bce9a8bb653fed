"""Pub/Sub for tasks. `PUBSUB_EMULATOR_HOST` leads to an emulator."""

import uuid
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Any

from sailplane.authoring.exceptions import AirflowException
from sailplane.hooks.google import GoogleBaseHook, google_errors

_PULL_SECONDS = 10.0
"""How long a pull waits for messages that are not there yet."""
_MOST_MESSAGES, _MOST_BYTES = 1000, 9_000_000
"""Of one request; Pub/Sub takes 1,000 messages and 10 MB."""


class PubSubException(AirflowException):
    """Pub/Sub did not do what it was asked to, or a message is none."""


class PubSubHook(GoogleBaseHook):
    """Publishes and pulls messages, and keeps topics and subscriptions. Names are without `projects/...`."""

    emulator_variable = "PUBSUB_EMULATOR_HOST"

    def __init__(
        self,
        gcp_conn_id: str = GoogleBaseHook.default_conn_name,
        impersonation_chain: str | Sequence[str] | None = None,
        enable_message_ordering: bool = False,
        enable_open_telemetry_tracing: bool = False,
        call_options: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        """`call_options` are the `retry`, `timeout` and `metadata` of calls to Google's client."""
        super().__init__(gcp_conn_id, impersonation_chain, **kwargs)
        self.enable_message_ordering = enable_message_ordering
        self._options = _given(call_options or {})

    @cached_property
    def publisher_client(self) -> Any:
        from google.cloud import pubsub_v1

        options = pubsub_v1.types.PublisherOptions(enable_message_ordering=self.enable_message_ordering)
        return pubsub_v1.PublisherClient(publisher_options=options, credentials=self.get_credentials())

    @cached_property
    def subscriber_client(self) -> Any:
        from google.cloud import pubsub_v1

        return pubsub_v1.SubscriberClient(credentials=self.get_credentials())

    def get_conn(self) -> Any:
        """Google's `PublisherClient`."""
        return self.publisher_client

    def publish(self, topic: str, messages: Iterable[Mapping[str, Any]], project_id: str | None = None) -> list[str]:
        """Publish dicts with `data` (bytes) and `attributes`, in that order; their ids.

        An attribute `ordering_key` is the message's ordering key, as in Airflow. Raises `PubSubException`.
        """
        from google.pubsub_v1 import PublisherClient

        path = self._topic(topic, project_id)
        checked = [_message(each) for each in messages]
        self.log.info("Publishing %d messages to %s", len(checked), path)
        ids: list[str] = []
        with _in_words(f"messages could not be published to {path}"):
            for part in _parts(checked):
                # The call itself: the client's own batches need a thread, which would outlive the task.
                ids.extend(PublisherClient.publish(self.publisher_client, topic=path, messages=part).message_ids)
        return ids

    def create_topic(
        self,
        topic: str,
        project_id: str | None = None,
        fail_if_exists: bool = False,
        labels: Mapping[str, str] | None = None,
        **fields: Any,
    ) -> None:
        """Create the topic; `fields` are further ones of Google's `Topic`. Nothing happens when it is there already."""
        path = self._topic(topic, project_id)
        request = {"name": path, "labels": dict(labels or {}), **_given(fields)}
        with _in_words(f"the topic {path} could not be created"), self._unless(fail_if_exists, "AlreadyExists", path):
            self.publisher_client.create_topic(request=request, **self._options)

    def delete_topic(self, topic: str, project_id: str | None = None, fail_if_not_exists: bool = False) -> None:
        """Delete the topic; nothing happens when there is none, unless told to fail."""
        path = self._topic(topic, project_id)
        with _in_words(f"the topic {path} could not be deleted"), self._unless(fail_if_not_exists, "NotFound", path):
            self.publisher_client.delete_topic(request={"topic": path}, **self._options)

    def create_subscription(
        self,
        topic: str,
        project_id: str | None = None,
        subscription: str | None = None,
        subscription_project_id: str | None = None,
        ack_deadline_secs: int = 10,
        fail_if_exists: bool = False,
        filter_: str | None = None,
        **fields: Any,
    ) -> str:
        """Create a subscription to the topic; its name, which is made up unless given.

        `fields` are further ones of Google's `Subscription`. Nothing happens when it is there already.
        """
        name = subscription or f"sub-{uuid.uuid4()}"
        path = self._subscription(name, subscription_project_id or project_id)
        options = _given({**fields, "filter": filter_, "ack_deadline_seconds": ack_deadline_secs})
        request = {"name": path, "topic": self._topic(topic, project_id), **options}
        failure = f"the subscription {path} could not be created"
        with _in_words(failure), self._unless(fail_if_exists, "AlreadyExists", path):
            self.subscriber_client.create_subscription(request=request, **self._options)
        return name

    def delete_subscription(
        self, subscription: str, project_id: str | None = None, fail_if_not_exists: bool = False
    ) -> None:
        """Delete the subscription; nothing happens when there is none, unless told to fail."""
        path = self._subscription(subscription, project_id)
        failure = f"the subscription {path} could not be deleted"
        with _in_words(failure), self._unless(fail_if_not_exists, "NotFound", path):
            self.subscriber_client.delete_subscription(request={"subscription": path}, **self._options)

    def pull(
        self,
        subscription: str,
        max_messages: int,
        project_id: str | None = None,
        return_immediately: bool | None = None,
        timeout: float | None = None,
    ) -> list[Any]:
        """Google's `ReceivedMessage`s, up to `max_messages`; none when there are none within `timeout` seconds.

        With `return_immediately` it is not waited for any.
        """
        path = self._subscription(subscription, project_id)
        request = {"subscription": path, "max_messages": max_messages, "return_immediately": bool(return_immediately)}
        with _in_words(f"messages could not be pulled from {path}"), warnings.catch_warnings():
            # Google advises against it, for it finds not all messages that there are. Authors may know that.
            warnings.filterwarnings("ignore", "The return_immediately flag", DeprecationWarning)
            try:
                answer = self.subscriber_client.pull(request=request, timeout=timeout or _PULL_SECONDS)
            except google_errors().DeadlineExceeded:
                return []
        return list(answer.received_messages)

    def acknowledge(
        self,
        subscription: str,
        project_id: str | None = None,
        ack_ids: Sequence[str] | None = None,
        messages: Sequence[Any] | None = None,
    ) -> None:
        """Say that these messages, or those with these ids, need not come again."""
        if (ack_ids is None) == (messages is None):
            raise ValueError("acknowledge takes ack_ids or messages: one, and not both")
        ids = list(ack_ids) if ack_ids is not None else [each.ack_id for each in messages or ()]
        path = self._subscription(subscription, project_id)
        with _in_words(f"messages of {path} could not be acknowledged"):
            self.subscriber_client.acknowledge(request={"subscription": path, "ack_ids": ids})

    def _topic(self, topic: str, project_id: str | None) -> str:
        return f"projects/{self.project(project_id)}/topics/{topic}"

    def _subscription(self, subscription: str, project_id: str | None) -> str:
        return f"projects/{self.project(project_id)}/subscriptions/{subscription}"

    @contextmanager
    def _unless(self, fails: bool, error: str, path: str) -> Iterator[None]:
        """Pass over Google's `error`, unless it `fails`."""
        try:
            yield
        except getattr(google_errors(), error):
            if fails:
                raise
            self.log.info("%s: %s", path, "is there already" if error == "AlreadyExists" else "is not there")


def message_fields(received: Any) -> dict[str, Any]:
    """A `ReceivedMessage` as a dict that JSON knows; its data in base64."""
    fields: dict[str, Any] = type(received).to_dict(received)
    return fields


def received_messages(fields: Sequence[Mapping[str, Any]]) -> list[Any]:
    """What `message_fields` was made of."""
    from google.cloud import pubsub_v1

    return [pubsub_v1.types.ReceivedMessage(each) for each in fields]


@contextmanager
def _in_words(failure: str) -> Iterator[None]:
    try:
        yield
    except google_errors().GoogleAPICallError as error:
        raise PubSubException(f"{failure}: {error.message}") from None


def _message(given: Mapping[str, Any]) -> dict[str, Any]:
    if not isinstance(given, Mapping):
        raise PubSubException(f"a message must be a dict, not {type(given).__name__}")
    data, attributes = given.get("data", b""), given.get("attributes") or {}
    if not isinstance(data, bytes):
        raise PubSubException(f"the data of a message must be bytes, not {type(data).__name__}: encode it")
    if not isinstance(attributes, Mapping):
        raise PubSubException(f"the attributes of a message must be a dict of texts, not {type(attributes).__name__}")
    if not data and not attributes:
        raise PubSubException("a message must have data or attributes, and this one has neither")
    named = {name: value for name, value in attributes.items() if name != "ordering_key"}
    return {"data": data, "attributes": named, "ordering_key": attributes.get("ordering_key", "")}


def _parts(messages: Sequence[Mapping[str, Any]]) -> Iterator[list[Mapping[str, Any]]]:
    part: list[Mapping[str, Any]] = []
    size = 0
    for message in messages:
        weight = len(message["data"]) + sum(len(k) + len(v) for k, v in message["attributes"].items()) + 100
        if part and (len(part) == _MOST_MESSAGES or size + weight > _MOST_BYTES):
            yield part
            part, size = [], 0
        part.append(message)
        size += weight
    if part:
        yield part


def _given(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}
