"""Reading the logs of tries, ended or still running; see `engine/shipper.py` for how they get into the bucket."""

from dataclasses import dataclass
from typing import Any

import msgspec

from sailplane.cloud.wiring import Cloud
from sailplane.model import ids
from sailplane.model.errors import NotFound
from sailplane.model.ids import RunKey, TaskKey


@dataclass(frozen=True, kw_only=True)
class LogChunk:
    """Lines of a log, from an offset on."""

    lines: list[dict[str, Any]]
    next_offset: int
    """Number of the line that follows, to ask for the next chunk with."""


def read_log(cloud: Cloud, run: RunKey, task: TaskKey, try_number: int, offset: int = 0) -> LogChunk:
    """The log of a try from line `offset` on, ended or still running; no lines when there is no log (yet)."""
    lines: list[bytes] = []
    for name in _pieces(cloud, ids.log_object(run, task, try_number)):
        try:
            lines += cloud.blobs.read(name).splitlines()
        except NotFound:
            continue  # A part that was sealed since the listing.
    wanted = lines[offset:]
    return LogChunk(lines=[_parse(line) for line in wanted], next_offset=offset + len(wanted))


def _pieces(cloud: Cloud, base: str) -> list[str]:
    """The objects that make up a log, in order: sealed pieces, then the parts of a process that is not sealed."""
    names = [name for name in cloud.blobs.names(base) if name == base or name.startswith(f"{base}~")]
    sealed = [name for name in names if ".part" not in name[len(base) :]]
    parts = [name for name in names if name not in sealed and name.rpartition(".part")[0] not in sealed]
    pieces = sorted(name for name in sealed if name != base)
    return [*pieces, base] if base in sealed else [*pieces, *sorted(parts)]


def _parse(line: bytes) -> dict[str, Any]:
    try:
        parsed = msgspec.json.decode(line)
    except msgspec.DecodeError:
        parsed = None
    return parsed if isinstance(parsed, dict) else {"event": line.decode(errors="replace")}
