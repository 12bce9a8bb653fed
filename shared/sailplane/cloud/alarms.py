"""The form in which `alarm_at` is stored: a string that one range over one index finds.

`{shard}{grain}|{instant}`: the shard spreads the index, since a value that rises with time caps a collection near 500
writes a second in one range. The grain tells alarms that must ring on the second (`b`: retries, sensors, schedules)
from those whose minute does not matter (`a`: leases, publishing again), so that a tick can look a minute ahead for the
former without being billed for each running task.
"""

import zlib
from collections.abc import Iterator
from datetime import UTC, datetime

from sailplane.cloud.documents import Fields

COARSE = "a"
FINE = "b"


def encode(at: datetime, path: str, *, fine: bool, shards: int) -> str:
    shard = zlib.crc32(path.encode()) % shards if shards > 1 else 0
    return f"{shard}{FINE if fine else COARSE}|{_instant(at)}"


def decode(alarm: str) -> datetime:
    return datetime.fromisoformat(alarm.partition("|")[2])


def put(fields: Fields, at: datetime | None, path: str, *, fine: bool, shards: int) -> None:
    """Set the alarm of the document at `path`; None is left out."""
    if at is not None:
        fields["alarm_at"].string_value = encode(at, path, fine=fine, shards=shards)


def get(fields: Fields) -> datetime | None:
    return decode(fields["alarm_at"].string_value) if "alarm_at" in fields else None


def ranges(now: datetime, horizon: datetime, shards: int) -> Iterator[tuple[str, str]]:
    """The value ranges of coarse alarms due by `now` and fine ones due by `horizon`: a pair per shard and grain."""
    for shard in range(shards):
        yield f"{shard}{COARSE}|", f"{shard}{COARSE}|{_instant(now)}"
        yield f"{shard}{FINE}|", f"{shard}{FINE}|{_instant(horizon)}"


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds")
