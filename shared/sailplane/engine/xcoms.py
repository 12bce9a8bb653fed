"""Where XComs are kept: small ones in their task's document, large ones in the bucket with a pointer left there."""

from collections.abc import Mapping
from typing import Any

from sailplane.cloud.wiring import Cloud
from sailplane.model import ids, xcom
from sailplane.model.runs import TaskInstance

INLINE_BYTES = 48 * 1024
"""What the XComs of one task instance may take together in its document, which may not pass 1 MiB."""


def keep(cloud: Cloud, instance: TaskInstance, values: Mapping[str, str]) -> dict[str, str]:
    """What goes into the document for `values` (key -> envelope); the largest go to the bucket until the rest fits.

    The object's name is the try's: written again by a repeated try, it is the same object.
    """
    kept = dict(values)
    size = sum(len(key) + len(value) for key, value in kept.items())
    for key in sorted(kept, key=lambda key: len(kept[key]), reverse=True):
        if size <= INLINE_BYTES:
            break
        envelope = kept[key]
        name = ids.xcom_object(instance.run, instance.key, instance.try_number, key)
        data = envelope.encode()
        cloud.blobs.write(name, data, "application/json")
        kept[key] = xcom.make_pointer(name, len(data))
        size += len(kept[key]) - len(envelope)
    return kept


def resolve(cloud: Cloud, envelope: str) -> str:
    """The envelope itself, fetched from the bucket when it is a pointer there. Raises `NotFound` when that is gone."""
    pointer = xcom.read_pointer(envelope)
    return envelope if pointer is None else cloud.blobs.read(pointer.object).decode()


def values(cloud: Cloud, instance: TaskInstance) -> dict[str, Any]:
    """The XComs of a task instance as Python values, by key."""
    return {key: xcom.loads(resolve(cloud, envelope)) for key, envelope in instance.xcoms.items()}
