"""The raw protobuf classes of google.pubsub.v1, as google-cloud-pubsub ships them.

The plain classes below proto-plus's wrappers, because wrapping costs more than everything else a publish does.
"""

from typing import Any, TypeAlias

from google.protobuf import empty_pb2

from localcloud.bare_import import import_types

Pb: TypeAlias = Any
"""A raw protobuf message. The package has no stubs for its raw classes."""

pubsub: Any = import_types("google.pubsub_v1", "pubsub")

Empty = empty_pb2.Empty

Topic: Pb = pubsub.Topic.pb()
PubsubMessage: Pb = pubsub.PubsubMessage.pb()
Subscription: Pb = pubsub.Subscription.pb()
PushConfig: Pb = pubsub.PushConfig.pb()
Snapshot: Pb = pubsub.Snapshot.pb()
ReceivedMessage: Pb = pubsub.ReceivedMessage.pb()

GetTopicRequest: Pb = pubsub.GetTopicRequest.pb()
UpdateTopicRequest: Pb = pubsub.UpdateTopicRequest.pb()
DeleteTopicRequest: Pb = pubsub.DeleteTopicRequest.pb()
PublishRequest: Pb = pubsub.PublishRequest.pb()
PublishResponse: Pb = pubsub.PublishResponse.pb()
ListTopicsRequest: Pb = pubsub.ListTopicsRequest.pb()
ListTopicsResponse: Pb = pubsub.ListTopicsResponse.pb()
ListTopicSubscriptionsRequest: Pb = pubsub.ListTopicSubscriptionsRequest.pb()
ListTopicSubscriptionsResponse: Pb = pubsub.ListTopicSubscriptionsResponse.pb()
ListTopicSnapshotsRequest: Pb = pubsub.ListTopicSnapshotsRequest.pb()
ListTopicSnapshotsResponse: Pb = pubsub.ListTopicSnapshotsResponse.pb()
DetachSubscriptionRequest: Pb = pubsub.DetachSubscriptionRequest.pb()
DetachSubscriptionResponse: Pb = pubsub.DetachSubscriptionResponse.pb()

GetSubscriptionRequest: Pb = pubsub.GetSubscriptionRequest.pb()
UpdateSubscriptionRequest: Pb = pubsub.UpdateSubscriptionRequest.pb()
DeleteSubscriptionRequest: Pb = pubsub.DeleteSubscriptionRequest.pb()
ListSubscriptionsRequest: Pb = pubsub.ListSubscriptionsRequest.pb()
ListSubscriptionsResponse: Pb = pubsub.ListSubscriptionsResponse.pb()
ModifyPushConfigRequest: Pb = pubsub.ModifyPushConfigRequest.pb()
ModifyAckDeadlineRequest: Pb = pubsub.ModifyAckDeadlineRequest.pb()
AcknowledgeRequest: Pb = pubsub.AcknowledgeRequest.pb()
PullRequest: Pb = pubsub.PullRequest.pb()
PullResponse: Pb = pubsub.PullResponse.pb()
StreamingPullRequest: Pb = pubsub.StreamingPullRequest.pb()
StreamingPullResponse: Pb = pubsub.StreamingPullResponse.pb()

GetSnapshotRequest: Pb = pubsub.GetSnapshotRequest.pb()
CreateSnapshotRequest: Pb = pubsub.CreateSnapshotRequest.pb()
UpdateSnapshotRequest: Pb = pubsub.UpdateSnapshotRequest.pb()
DeleteSnapshotRequest: Pb = pubsub.DeleteSnapshotRequest.pb()
ListSnapshotsRequest: Pb = pubsub.ListSnapshotsRequest.pb()
ListSnapshotsResponse: Pb = pubsub.ListSnapshotsResponse.pb()
SeekRequest: Pb = pubsub.SeekRequest.pb()
SeekResponse: Pb = pubsub.SeekResponse.pb()
