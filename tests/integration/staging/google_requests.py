"""What Google sends to functions, byte by byte."""

import base64
import json
from datetime import UTC, datetime
from typing import Any

from staged_deployment import PROJECT, checked_token


def scheduler_request() -> bytes:
    """https://cloud.google.com/scheduler/docs/reference/rest/v1/projects.locations.jobs#HttpTarget"""
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:00Z")
    lines = (
        "POST / HTTP/1.1",
        "Host: sailplane-tick-123456789012.europe-west1.run.app",
        "User-Agent: Google-Cloud-Scheduler",
        "X-CloudScheduler: true",
        "X-CloudScheduler-JobName: sailplane-tick",
        f"X-CloudScheduler-ScheduleTime: {now}",
        f"Authorization: Bearer {checked_token('sailplane-scheduler@staged-project.iam.gserviceaccount.com')}",
        "X-Cloud-Trace-Context: 105445aa7843bc8bf206b12000100000/1;o=1",
        "X-Forwarded-For: 107.178.194.1",
        "X-Forwarded-Proto: https",
        "Accept-Encoding: gzip, deflate, br",
        "Content-Length: 0",
    )
    return "".join(f"{line}\r\n" for line in lines).encode() + b"\r\n"


def push_request(topic: str, message: dict[str, Any], attempt: int) -> bytes:
    """https://cloud.google.com/pubsub/docs/push#receive_push, with the attempt that a dead-letter policy adds."""
    subscription = f"projects/{PROJECT}/subscriptions/{topic}"
    body = json.dumps({"deliveryAttempt": attempt, "message": message, "subscription": subscription}).encode()
    lines = (
        f"POST /projects/{PROJECT}/topics/{topic} HTTP/1.1",
        "Host: sailplane-worker-123456789012.europe-west1.run.app",
        "Content-Type: application/json",
        "Accept: application/json",
        "From: noreply@google.com",
        "User-Agent: APIs-Google; (+https://developers.google.com/webmasters/APIs-Google.html)",
        f"Authorization: Bearer {checked_token('sailplane-push@staged-project.iam.gserviceaccount.com')}",
        "X-Cloud-Trace-Context: 105445aa7843bc8bf206b12000100000/1;o=1",
        "X-Forwarded-For: 66.249.82.178",
        "X-Forwarded-Proto: https",
        "Accept-Encoding: gzip, deflate, br",
        f"Content-Length: {len(body)}",
    )
    return "".join(f"{line}\r\n" for line in lines).encode() + b"\r\n" + body


def message_of(data: bytes, attributes: dict[str, str] | None = None) -> dict[str, Any]:
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    message = {
        "data": base64.b64encode(data).decode(),
        "messageId": "136969346945",
        "message_id": "136969346945",
        "publishTime": now,
        "publish_time": now,
    }
    return {**message, "attributes": attributes} if attributes else message


def object_notification(bucket: str, name: str) -> dict[str, Any]:
    """https://cloud.google.com/storage/docs/pubsub-notifications#format, payload JSON_API_V1"""
    now = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    generation = "1763000000000001"
    metadata = {"kind": "storage#object", "id": f"{bucket}/{name}/{generation}", "name": name, "bucket": bucket,
                "generation": generation, "metageneration": "1", "contentType": "text/plain", "size": "5",
                "timeCreated": now, "updated": now, "storageClass": "STANDARD"}  # fmt: skip
    attributes = {
        "notificationConfig": f"projects/_/buckets/{bucket}/notificationConfigs/1",
        "eventType": "OBJECT_FINALIZE",
        "payloadFormat": "JSON_API_V1",
        "bucketId": bucket,
        "objectId": name,
        "objectGeneration": generation,
        "eventTime": now,
    }
    return message_of(json.dumps(metadata).encode(), attributes)
