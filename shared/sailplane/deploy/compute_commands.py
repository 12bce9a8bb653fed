"""Commands for functions, Cloud Run jobs, their images, and Identity-Aware Proxy."""

from pathlib import Path

from sailplane.deploy.command import Command, mapping_flag
from sailplane.deploy.kit import Kit, number, owner_label, text, texts
from sailplane.deploy.resource import Kind, Resource, Setting
from sailplane.deploy.templates import OWNER
from sailplane.deploy.verbs import Verbs

SOURCE_LABEL = "sailplane-source"
"""The label of a function with the hash of its source: deploying always builds, so it is done for another hash only."""


def _deploy_function(kit: Kit, function: Resource) -> tuple[Command, ...]:
    settings = function.settings
    secrets = mapping_flag(texts(settings["secrets"]))
    connector = settings["vpc_connector"]
    return (
        kit.gcloud(
            "functions",
            "deploy",
            function.name,
            gen2=True,
            region=text(function, "region"),
            runtime=text(function, "runtime"),
            entry_point=text(function, "entry_point"),
            source=str(kit.source(function.name)),
            trigger_http=True,
            # After a rollback by traffic, a new revision would get none.
            serve_all_traffic_latest_revision=True,
            allow_unauthenticated=False,
            service_account=text(function, "service_account"),
            build_service_account=f"projects/{kit.project}/serviceAccounts/{text(function, 'build_account')}",
            memory=text(function, "memory"),
            cpu=_cpu(settings["cpu"]),
            concurrency=number(function, "concurrency"),
            timeout=f"{number(function, 'timeout')}s",
            min_instances=number(function, "min_instances"),
            max_instances=number(function, "max_instances"),
            ingress_settings=text(function, "ingress"),
            vpc_connector=str(connector) if connector else None,
            clear_vpc_connector=None if connector else True,
            set_env_vars=mapping_flag(texts(settings["env"])),
            set_secrets=secrets,
            clear_secrets=None if secrets else True,
            update_labels=mapping_flag({OWNER: kit.design.config.name, SOURCE_LABEL: text(function, "source")}),
        ),
    )


def _cpu(value: Setting) -> str:
    """As people write it: `1`, `0.5`."""
    return f"{value:g}" if isinstance(value, int | float) else str(value)


def _delete_function(kit: Kit, function: Resource) -> tuple[Command, ...]:
    return (kit.gcloud("functions", "delete", function.name, gen2=True, region=kit.region),)


def _create_repository(kit: Kit, repository: Resource) -> tuple[Command, ...]:
    return (
        kit.gcloud(
            "artifacts",
            "repositories",
            "create",
            repository.name,
            location=text(repository, "location"),
            repository_format=text(repository, "format"),
            description="Images of Sailplane's job queues",
        ),
    )


def _delete_repository(kit: Kit, repository: Resource) -> tuple[Command, ...]:
    return (kit.gcloud("artifacts", "repositories", "delete", repository.name, location=kit.region),)


def _build_image(kit: Kit, image: Resource) -> tuple[Command, ...]:
    """With a file of settings: the build runs as the deployment's own account, which wants its log in Cloud Logging."""
    tag = f"{image.name}:{text(image, 'source')}"
    account = kit.design.topology.account_email("build")
    build = {
        "steps": [{"name": "gcr.io/cloud-builders/docker", "args": ["build", "--tag", tag, "."]}],
        "images": [tag],
        "serviceAccount": f"projects/{kit.project}/serviceAccounts/{account}",
        "options": {"logging": "CLOUD_LOGGING_ONLY"},
    }
    file = kit.file(f"build-{Path(image.name).name}.json", build)
    command = kit.gcloud("builds", "submit", str(kit.source(image.name)), config=str(file.path), region=kit.region)
    return (Command(argv=command.argv, files=(file,)),)


def _deploy_job(kit: Kit, job: Resource) -> tuple[Command, ...]:
    settings = job.settings
    gpu, old_gpu = settings["gpu"], settings.get("old_gpu")
    secrets = mapping_flag(texts(settings["secrets"]))
    command, *arguments = (str(word) for word in _tuple(settings["command"]))
    return (
        kit.gcloud(
            "run",
            "jobs",
            "deploy",
            job.name,
            region=text(job, "region"),
            image=text(job, "image"),
            command=command,
            args=",".join(arguments),
            service_account=text(job, "service_account"),
            memory=text(job, "memory"),
            cpu=_cpu(settings["cpu"]),
            # Left out, an old one would stay.
            gpu=1 if gpu else (0 if old_gpu else None),
            gpu_type=str(gpu) if gpu else None,
            gpu_zonal_redundancy=False if gpu else None,
            task_timeout=f"{number(job, 'timeout')}s",
            max_retries=number(job, "most_retries"),
            tasks=1,
            set_env_vars=mapping_flag(texts(settings["env"])),
            set_secrets=secrets,
            clear_secrets=None if secrets else True,
            labels=owner_label(kit),
        ),
    )


def _tuple(value: Setting) -> tuple[Setting, ...]:
    assert isinstance(value, tuple)
    return value


def _delete_job(kit: Kit, job: Resource) -> tuple[Command, ...]:
    return (kit.gcloud("run", "jobs", "delete", job.name, region=kit.region),)


def _turn_on_iap(kit: Kit, iap: Resource) -> tuple[Command, ...]:
    return (kit.gcloud("beta", "run", "services", "update", iap.name, region=kit.region, iap=True),)


VERBS = {
    Kind.FUNCTION: Verbs(create=_deploy_function, update=_deploy_function, delete=_delete_function),
    Kind.REPOSITORY: Verbs(create=_create_repository, delete=_delete_repository, lasting=frozenset({"format"})),
    # Images go with their repository, Identity-Aware Proxy with its service.
    Kind.IMAGE: Verbs(create=_build_image, update=_build_image),
    Kind.JOB: Verbs(create=_deploy_job, update=_deploy_job, delete=_delete_job),
    Kind.IAP: Verbs(create=_turn_on_iap, update=_turn_on_iap),
}
