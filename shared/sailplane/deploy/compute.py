"""What runs: functions, Cloud Run jobs with their images, and the clock."""

from collections.abc import Iterator, Mapping
from datetime import timedelta

from sailplane.deploy.config import Function, FunctionConfig, QueueConfig, QueueKind
from sailplane.deploy.design import Design
from sailplane.deploy.resource import Kind, Resource, Setting
from sailplane.deploy.topology import CLOCK

ATTEMPT_DEADLINE = timedelta(seconds=180)


def receivers(design: Design) -> Iterator[Resource]:
    """The functions that Pub/Sub calls: one worker for each queue of kind function, and events."""
    for queue in design.queues(QueueKind.FUNCTION):
        yield _worker(design, queue)
    yield _function(design, Function.EVENTS, design.config.functions[Function.EVENTS])


def faces(design: Design) -> Iterator[Resource]:
    """The functions that publish and are called by people and the clock."""
    web = design.config.functions[Function.WEB]
    yield _function(design, Function.WEB, web, env={"SAILPLANE_AUTH": design.config.web.access.value})
    yield _function(design, Function.TICK, design.config.functions[Function.TICK])


def _worker(design: Design, queue: QueueConfig) -> Resource:
    config = design.config.worker_function(queue)
    env = {
        "SAILPLANE_QUEUE": queue.name,
        "SAILPLANE_WORKER_CONCURRENCY": str(config.concurrency),
        "SAILPLANE_REQUEST_LIMIT": str(_seconds(config.timeout)),
        **_machine(config.cpu, config.memory),
    }
    return _function(
        design,
        Function.WORKER,
        config,
        name=design.topology.worker(queue.name),
        account=design.worker_email(queue),
        env=env,
    )


def _function(
    design: Design,
    function: Function,
    config: FunctionConfig,
    *,
    name: str | None = None,
    account: str | None = None,
    env: Mapping[str, str] | None = None,
) -> Resource:
    name = name or design.topology.function(function)
    settings: dict[str, Setting] = {
        "region": design.place.region,
        "entry_point": function.value,
        "runtime": design.runtime.value,
        "memory": config.memory,
        "cpu": config.cpu,
        "concurrency": config.concurrency,
        "timeout": _seconds(config.timeout),
        "min_instances": config.min_instances,
        "max_instances": config.max_instances,
        "ingress": config.ingress.value,
        "vpc_connector": config.vpc_connector,
        "service_account": account or design.function_email(function),
        "build_account": design.topology.account_email("build"),
        "env": {**environment(design), **_threads(config), **(env or {}), **config.env},
        "secrets": dict(config.secrets),
        "source": design.sources.get(name, ""),
    }
    return Resource(kind=Kind.FUNCTION, name=name, settings=settings)


def _threads(config: FunctionConfig) -> dict[str, str]:
    """How many requests functions-framework serves at once; by itself it takes four for each CPU, and others wait."""
    return {"THREADS": str(config.concurrency)}


def environment(design: Design) -> dict[str, str]:
    """What every function and job is told."""
    return {
        "GOOGLE_CLOUD_PROJECT": design.place.project,
        "SAILPLANE_BUCKET": design.bucket,
        "SAILPLANE_DATABASE": design.config.database,
        "SAILPLANE_REGION": design.place.region,
        "SAILPLANE_TOPIC_PREFIX": design.config.name,
    }


def _machine(cpu: float, memory: str) -> dict[str, str]:
    """What a worker is billed for, which it has no way to ask: its tasks' accounts are made with it."""
    return {"SAILPLANE_CPU": f"{cpu:g}", "SAILPLANE_MEMORY": memory}


def jobs(design: Design) -> Iterator[Resource]:
    """The Cloud Run jobs of queues of kind job, after the images that are built for them."""
    queues = design.queues(QueueKind.JOB)
    if any(queue.builds_image for queue in queues):
        yield Resource(
            kind=Kind.REPOSITORY,
            name=design.config.name,
            settings={"location": design.place.region, "format": "docker"},
        )
    for queue in queues:
        if queue.builds_image:
            yield _image(design, queue)
        yield _job(design, queue)


def _image(design: Design, queue: QueueConfig) -> Resource:
    source = design.sources.get(image_name(design, queue), "")
    return Resource(kind=Kind.IMAGE, name=image_name(design, queue), settings={"source": source})


def image_name(design: Design, queue: QueueConfig) -> str:
    """The image that is built for a queue, without its tag."""
    place = design.place
    return f"{place.region}-docker.pkg.dev/{place.project}/{design.config.name}/{design.topology.job(queue.name)}"


def _job(design: Design, queue: QueueConfig) -> Resource:
    image = queue.image
    if image is None:
        name = image_name(design, queue)
        image = f"{name}:{design.sources.get(name) or 'latest'}"
    settings: dict[str, Setting] = {
        "region": design.place.region,
        "image": image,
        "command": ("sailplane", "run-task"),
        "memory": queue.memory,
        "cpu": queue.cpu,
        "gpu": queue.gpu,
        "timeout": _seconds(queue.timeout),
        "most_retries": 0,
        "service_account": design.worker_email(queue),
        "env": {
            **environment(design),
            "SAILPLANE_QUEUE": queue.name,
            "SAILPLANE_REQUEST_LIMIT": str(_seconds(queue.timeout)),
            **_machine(queue.cpu, queue.memory),
            **queue.env,
        },
        "secrets": dict(queue.secrets),
    }
    return Resource(kind=Kind.JOB, name=design.topology.job(queue.name), settings=settings)


def clock(design: Design) -> Iterator[Resource]:
    """What calls the tick. A call that fails is not repeated: the next one comes within a minute."""
    tick = design.topology.function(Function.TICK)
    url = design.place.url(tick)
    yield Resource(
        kind=Kind.SCHEDULER_JOB,
        name=tick,
        settings={
            "location": design.place.region,
            "schedule": CLOCK,
            "time_zone": "Etc/UTC",
            "method": "POST",
            "url": url,
            "account": design.topology.account_email("scheduler"),
            "audience": url,
            "attempt_deadline": _seconds(ATTEMPT_DEADLINE),
            "most_retries": 0,
        },
    )


def _seconds(duration: timedelta) -> int:
    return int(duration.total_seconds())
