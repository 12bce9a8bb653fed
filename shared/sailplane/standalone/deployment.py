"""What is deployed on the local cloud: functions, queue, and what leads to them. `infra/` does the like on Google."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from localcloud import (
    BucketNotification,
    EventType,
    FunctionSpec,
    JobSpec,
    LocalCloudConfig,
    SchedulerJob,
    SignatureType,
)
from sailplane.api.users import AUTH_FILE
from sailplane.deploy.config import QueueKind
from sailplane.deploy.topology import ACK_DEADLINE, CLOCK
from sailplane.standalone.assets import functions_folder, import_path, indexes_file
from sailplane.standalone.home import Home
from sailplane.standalone.preset import TOPIC_PREFIX, Preset
from sailplane.standalone.queues import REGION, ServedQueue, default_queue, job_spec

WORKER_CONCURRENCY = 32
WORKER_INSTANCES = 2
TASK_LIMIT = timedelta(hours=24)
"""No platform limits a request here; a day keeps a forgotten task from running for ever."""
_IDLE = timedelta(minutes=2)
_LOCAL = "127.0.0.1,localhost"


def config(home: Home, *, port: int, environment: Mapping[str, str], queues: Sequence[ServedQueue]) -> LocalCloudConfig:
    """The local cloud of `home`, whose web function listens on `port`, with what serves `queues`."""
    preset = Preset.from_mapping(environment)
    events = preset.topology.topic_path(preset.topology.events_topic)
    return LocalCloudConfig(
        data_dir=home.cloud,
        project=preset.project,
        indexes=indexes_file(),
        buckets=(preset.bucket,),
        notifications=(BucketNotification(bucket=preset.bucket, topic=events, event_types=(EventType.FINALIZE,)),),
        external=preset.external,
        functions=_functions(home, port, environment, queues),
        run_jobs=_jobs(home, environment, queues),
    )


def function_environment(home: Home, environment: Mapping[str, str]) -> dict[str, str]:
    """What every function sees beside the local cloud's own variables."""
    return {
        "SAILPLANE_BUCKET": Preset.from_mapping(environment).bucket,
        "SAILPLANE_TOPIC_PREFIX": TOPIC_PREFIX,
        "SAILPLANE_REGION": REGION,
        "SAILPLANE_CACHE_DIR": str(home.cache),
        "SAILPLANE_WORKER_CONCURRENCY": str(WORKER_CONCURRENCY),
        "SAILPLANE_REQUEST_LIMIT": str(int(TASK_LIMIT.total_seconds())),
        "SAILPLANE_LOG_FORMAT": environment.get("SAILPLANE_LOG_FORMAT") or "plain",
        "PYTHONPATH": _joined(import_path(), environment.get("PYTHONPATH", ""), separator=":"),
        # A proxy for the world outside must not be asked for this machine.
        "NO_PROXY": _joined(_LOCAL, environment.get("NO_PROXY", "")),
        "no_proxy": _joined(_LOCAL, environment.get("no_proxy", "")),
    }


def _joined(first: str, rest: str, separator: str = ",") -> str:
    return f"{first}{separator}{rest}" if rest else first


def _functions(
    home: Home, port: int, environment: Mapping[str, str], queues: Sequence[ServedQueue]
) -> tuple[FunctionSpec, ...]:
    env = function_environment(home, environment)
    tick = FunctionSpec(
        **_code("tick", "sailplane.engine.tick"),
        env=env,
        concurrency=2,
        max_instances=1,
        timeout=timedelta(seconds=120),
        idle_timeout=timedelta(seconds=5),  # Once a minute: starting anew costs less than staying.
    )
    default = default_queue(queues)
    worker = _worker(default, "worker", default.environment(env), WORKER_CONCURRENCY)
    others = [
        _worker(queue, f"worker-{queue.name}", queue.environment(env), queue.config.concurrency)
        for queue in queues
        if queue.kind is QueueKind.FUNCTION and queue is not default
    ]
    events = FunctionSpec(
        **_code("events", "sailplane.engine.events"),
        signature_type=SignatureType.CLOUDEVENT,
        env=env,
        concurrency=8,
        max_instances=1,
        idle_timeout=timedelta(seconds=30),
    )
    web = FunctionSpec(
        **_code("web", "sailplane.api.wiring"),
        env={**env, AUTH_FILE: str(home.auth_file)},
        concurrency=16,
        max_instances=1,
        idle_timeout=_IDLE,
        port=port,
    )
    return tick, worker, *others, events, web


def _worker(queue: ServedQueue, name: str, env: Mapping[str, str], concurrency: int) -> FunctionSpec:
    return FunctionSpec(
        **_code("worker", "sailplane.engine.worker", name),
        signature_type=SignatureType.CLOUDEVENT,
        env={**env, "SAILPLANE_WORKER_CONCURRENCY": str(concurrency)},
        concurrency=concurrency,
        max_instances=min(queue.config.max_instances, WORKER_INSTANCES),
        timeout=ACK_DEADLINE,
        idle_timeout=_IDLE,
        python=queue.python,
    )


def _jobs(home: Home, environment: Mapping[str, str], queues: Sequence[ServedQueue]) -> tuple[JobSpec, ...]:
    env = function_environment(home, environment)
    topology = Preset.from_mapping(environment).topology
    return tuple(
        job_spec(queue, topology.job(queue.name), home, env) for queue in queues if queue.kind is QueueKind.JOB
    )


def _code(target: str, preload: str, name: str | None = None) -> dict[str, Any]:
    """Where a function's code is, and what may be imported once for all its instances."""
    source = functions_folder() / target / "main.py"
    return {"name": name or target, "target": target, "source": source, "preload": (preload,)}


def clock(tick_url: str) -> SchedulerJob:
    """What calls the tick, every minute."""
    return SchedulerJob(name="tick", schedule=CLOCK, url=tick_url)


def function_urls(urls: Mapping[str, str]) -> dict[str, str]:
    """The URLs of the local functions, by the names that functions have in the topology."""
    return {f"{TOPIC_PREFIX}-{name}": url for name, url in urls.items()}
