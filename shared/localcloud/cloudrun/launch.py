"""The messages between the local cloud and its zygote: what to launch, and what became of it."""

import json
import socket
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from localcloud.cloudrun.spec import Spawn

MAX_MESSAGE = 1 << 20
"""Bytes of one message; the environment is the largest part."""


def control_sockets() -> tuple[socket.socket, socket.socket]:
    """The two ends between the local cloud and its zygote; they keep messages whole."""
    ends = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    for end in ends:
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, MAX_MESSAGE)
    return ends


@dataclass(frozen=True, kw_only=True)
class Launch:
    """One instance to start. Three descriptors go with it: listening socket, status pipe, log."""

    id: int
    spawn: Spawn
    arguments: tuple[str, ...]
    """For the functions-framework command."""
    env: Mapping[str, str]
    cwd: str
    python: str = ""
    """The interpreter of an instance that is started by exec; empty: the zygote's."""


@dataclass(frozen=True, kw_only=True)
class Preload:
    """Modules to import before the next fork."""

    modules: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Started:
    """The launch `id` runs as process (and process group) `pid`."""

    id: int
    pid: int


@dataclass(frozen=True, kw_only=True)
class Exited:
    """The process is gone, and its whole group with it; `code` is negative for a signal."""

    pid: int
    code: int


Message = Launch | Preload | Started | Exited
_KINDS = {kind.__name__: kind for kind in (Launch, Preload, Started, Exited)}


def encode(message: Message) -> bytes:
    fields: dict[str, Any] = asdict(message)
    return json.dumps([type(message).__name__, fields]).encode()


def decode(raw: bytes) -> Message:
    name, fields = json.loads(raw)
    for key in ("arguments", "modules"):
        if key in fields:
            fields[key] = tuple(fields[key])
    if "spawn" in fields:
        fields["spawn"] = Spawn(fields["spawn"])
    message: Message = _KINDS[name](**fields)
    return message
