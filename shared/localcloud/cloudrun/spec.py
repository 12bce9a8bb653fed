"""What a deployed function is."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from pathlib import Path


class SignatureType(StrEnum):
    """How functions-framework hands a request to the function."""

    HTTP = "http"
    CLOUDEVENT = "cloudevent"


class Spawn(StrEnum):
    """How an instance's process comes into being."""

    EXEC = "exec"
    """A fresh interpreter: nothing is shared with other instances, and all imports are paid at each start."""
    FORK = "fork"
    """A fork of the zygote, which has imported `preload` already: starts in tens of milliseconds, shares memory."""


@dataclass(frozen=True, kw_only=True)
class FunctionSpec:
    """One function, as `gcloud functions deploy` would be told."""

    name: str
    source: Path
    """The Python file that defines the target; its folder is the instance's working directory."""
    target: str
    signature_type: SignatureType = SignatureType.HTTP
    env: Mapping[str, str] = field(default_factory=dict)
    concurrency: int = 1
    """Requests that one instance works on at the same time."""
    max_instances: int = 10
    min_instances: int = 0
    """Instances that are started at once and stay when idle."""
    timeout: timedelta = timedelta(seconds=60)
    """How long one request may take before it is answered 504."""
    idle_timeout: timedelta = timedelta(minutes=15)
    """How long an instance stays without any request."""
    queue_limit: int = 1000
    """Requests that may wait for room; the next one is answered 429."""
    queue_timeout: timedelta = timedelta(seconds=10)
    """How long a request waits for room while no instance is starting, before it is answered 429."""
    port: int = 0
    """Of the function's URL; 0 takes the one it had last time, or a free one."""
    preload: tuple[str, ...] = ()
    """Modules that the zygote imports for this function; they must not start threads when imported."""
    spawn: Spawn | None = None
    """None: fork where `preload` names something, else exec."""
    python: Path | None = None
    """The interpreter of its own environment; then it starts by exec. None: the one that runs the local cloud."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "signature_type", SignatureType(self.signature_type))
        if self.concurrency < 1 or self.max_instances < 1:
            raise ValueError(f"function {self.name}: concurrency and max_instances must be at least 1")
        if not 0 <= self.min_instances <= self.max_instances:
            raise ValueError(f"function {self.name}: min_instances must lie between 0 and max_instances")

    @property
    def how_to_spawn(self) -> Spawn:
        if self.python is not None:
            return Spawn.EXEC
        return self.spawn or (Spawn.FORK if self.preload else Spawn.EXEC)
