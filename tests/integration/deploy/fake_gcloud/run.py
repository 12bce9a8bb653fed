"""Cloud Run: the services of functions, and jobs with the images that they run."""

import json
import os.path
import re
from typing import Any

from fake_gcloud.cloud import Cloud, Json
from fake_gcloud.commands import Answer, mutates, reads
from fake_gcloud.errors import AlreadyExists, GcloudError, InvalidArgument, NotFound
from fake_gcloud.functions import BUILD_ROLES
from fake_gcloud.secrets import need_secret
from fake_gcloud.surface import Call

LONGEST_TASK = 7 * 86400
REGISTRY = re.compile(r"(?P<location>[a-z0-9-]+)-docker\.pkg\.dev/(?P<project>[^/]+)/(?P<repository>[^/]+)/.+")


def _service(cloud: Cloud, call: Call) -> Json:
    return cloud.get("services", call["SERVICE"], GcloudError(f"Cannot find service [{call['SERVICE']}]"))


@reads("run services describe", "run")
def describe_service(cloud: Cloud, call: Call) -> Answer:
    return _service(cloud, call)


@reads("run services list", "run")
def list_services(cloud: Cloud, call: Call) -> Answer:
    del call
    return cloud.all("services")


@mutates("run services update", "run")
def update_service(cloud: Cloud, call: Call) -> Answer:
    annotations = _service(cloud, call)["metadata"]["annotations"]
    if "iap" in call:
        cloud.need_api("iap")
        annotations["run.googleapis.com/iap-enabled"] = str(call["iap"]).lower()
        if not call["iap"]:
            del annotations["run.googleapis.com/iap-enabled"]


@mutates("run services update-traffic", "run")
def update_traffic(cloud: Cloud, call: Call) -> Answer:
    """Of the service of a function: whether its next revision gets traffic is the function's affair."""
    _service(cloud, call)
    cloud.get("functions", call["SERVICE"])["serviceConfig"]["allTrafficOnLatestRevision"] = bool(call.get("to-latest"))


# -- jobs


@mutates("run jobs create", "run")
def create_job(cloud: Cloud, call: Call) -> Answer:
    name = call["JOB"]
    if cloud.find("jobs", name) is not None:
        raise AlreadyExists(f"Job [{name}] already exists.")
    if "image" not in call:
        raise GcloudError("Missing required argument [--image]: Requires a container image.")
    return _write_job(cloud, call, {})


@mutates("run jobs update", "run")
def update_job(cloud: Cloud, call: Call) -> Answer:
    return _write_job(cloud, call, _job(cloud, call))


@mutates("run jobs deploy", "run")
def deploy_job(cloud: Cloud, call: Call) -> Answer:
    old = cloud.find("jobs", call["JOB"])
    if old is None and "image" not in call and "source" not in call:
        raise GcloudError("Missing required argument [--image]: Requires a container image or a source.")
    return _write_job(cloud, call, old or {})


def _job(cloud: Cloud, call: Call) -> Json:
    return cloud.get("jobs", call["JOB"], GcloudError(f"Cannot find job [{call['JOB']}]."))


def _write_job(cloud: Cloud, call: Call, old: Json) -> Json:
    task = old["spec"]["template"]["spec"]["template"]["spec"] if old else {"containers": [{}]}
    container = task["containers"][0]
    _container(container, call)
    _task(task, call)
    cloud.need_account(task.setdefault("serviceAccountName", f"{cloud.number}-compute@developer.gserviceaccount.com"))
    _need_image(cloud, container["image"])
    for variable in container.get("env", ()):
        if "valueFrom" in variable:
            need_secret(cloud, variable["valueFrom"]["secretKeyRef"]["name"], task["serviceAccountName"])
    labels = {"cloud.googleapis.com/location": call.get("region"), **call.get("labels", {})}
    job = {
        "apiVersion": "run.googleapis.com/v1",
        "kind": "Job",
        "metadata": {"labels": labels, "name": call["JOB"], "namespace": cloud.number},
        "spec": {"template": {"spec": {"taskCount": call.get("tasks", 1), "template": {"spec": task}}}},
    }
    cloud.kind("jobs")[call["JOB"]] = job
    return job


def _container(container: Json, call: Call) -> None:
    if "image" in call:
        container["image"] = call["image"]
    for flag in ("command", "args"):
        if flag in call:
            container[flag] = call[flag]
    limits = container.setdefault("resources", {}).setdefault("limits", {"cpu": "1000m", "memory": "512Mi"})
    for flag in ("cpu", "memory"):
        if flag in call:
            limits[flag] = call[flag]
    if call.get("gpu") == "0":
        limits.pop("nvidia.com/gpu", None)
    elif "gpu" in call:
        limits["nvidia.com/gpu"] = call["gpu"]
        if float(limits["cpu"].removesuffix("m")) < 4 or int(re.match(r"\d+", limits["memory"])[0]) < 16:  # type: ignore[index]
            raise InvalidArgument("A GPU needs at least 4 CPU and 16Gi of memory.")
    kept = {each["name"]: each for each in container.get("env", ())}
    if "set-env-vars" in call:
        kept = {name: each for name, each in kept.items() if "valueFrom" in each}
        kept |= {name: {"name": name, "value": value} for name, value in call["set-env-vars"].items()}
    if call.get("clear-secrets") or "set-secrets" in call:
        kept = {name: each for name, each in kept.items() if "valueFrom" not in each}
    for name, reference in call.get("set-secrets", {}).items():
        secret, _, version = reference.partition(":")
        kept[name] = {"name": name, "valueFrom": {"secretKeyRef": {"key": version, "name": secret}}}
    container["env"] = list(kept.values())


def _task(task: Json, call: Call) -> None:
    if "task-timeout" in call:
        length = _length(call["task-timeout"])
        if length > LONGEST_TASK:
            raise InvalidArgument("Task timeout must be at most 7 days.")
        task["timeoutSeconds"] = str(length)
    if "max-retries" in call:
        task["maxRetries"] = call["max-retries"]
    if "service-account" in call:
        task["serviceAccountName"] = call["service-account"]
    if call.get("gpu") == "0":
        task.pop("nodeSelector", None)
    if "gpu-type" in call:
        task["nodeSelector"] = {"run.googleapis.com/accelerator": call["gpu-type"]}


def _length(value: Any) -> int:
    match = re.fullmatch(r"(\d+)s?", str(value))
    return int(match[1]) if match else int(value)


def _need_image(cloud: Cloud, image: str) -> None:
    """An image of the project's own repository must have been built."""
    if (place := REGISTRY.fullmatch(image)) and place["project"] == cloud.project and not cloud.find("images", image):
        raise NotFound(f"Image '{image}' not found.")


@reads("run jobs describe", "run")
def describe_job(cloud: Cloud, call: Call) -> Answer:
    return _job(cloud, call)


@reads("run jobs list", "run")
def list_jobs(cloud: Cloud, call: Call) -> Answer:
    del call
    return cloud.all("jobs")


@mutates("run jobs delete", "run")
def delete_job(cloud: Cloud, call: Call) -> Answer:
    _job(cloud, call)
    cloud.remove("jobs", call["JOB"])


# -- images


@mutates("artifacts repositories create", "artifactregistry")
def create_repository(cloud: Cloud, call: Call) -> Answer:
    name, location = call["REPOSITORY"], call.get("location")
    if location is None:
        raise GcloudError("Error parsing [repository]. The [repository] resource is not properly specified.")
    repository = {
        "createTime": cloud.now(),
        "format": call["repository-format"].upper(),
        "mode": "STANDARD_REPOSITORY",
        "name": f"projects/{cloud.project}/locations/{location}/repositories/{name}",
    }
    return cloud.add("repositories", name, repository, AlreadyExists("the repository already exists"))


def _no_repository() -> NotFound:
    return NotFound("Requested entity was not found.")


@reads("artifacts repositories describe", "artifactregistry")
def describe_repository(cloud: Cloud, call: Call) -> Answer:
    return cloud.get("repositories", call["REPOSITORY"], _no_repository())


@reads("artifacts repositories list", "artifactregistry")
def list_repositories(cloud: Cloud, call: Call) -> Answer:
    del call
    return cloud.all("repositories")


@mutates("artifacts repositories delete", "artifactregistry")
def delete_repository(cloud: Cloud, call: Call) -> Answer:
    repository = cloud.remove("repositories", call["REPOSITORY"], _no_repository())
    _, project, _, location, _, name = repository["name"].split("/")
    prefix = f"{location}-docker.pkg.dev/{project}/{name}/"
    for image in [each for each in cloud.kind("images") if each.startswith(prefix)]:
        cloud.remove("images", image)


@reads("artifacts docker images list", "artifactregistry")
def list_images(cloud: Cloud, call: Call) -> Answer:
    place = call["IMAGE_PATH"]
    match = REGISTRY.fullmatch(place + "/x")
    if match is None or cloud.find("repositories", match["repository"]) is None:
        raise _no_repository()
    images = (name for name in sorted(cloud.kind("images")) if name.startswith((f"{place}/", f"{place}:")))
    return [
        {
            "package": name.rpartition(":")[0],
            "tags": [name.rpartition(":")[2]] if call.get("include-tags") else [],
            "version": f"sha256:{number:064}",
        }
        for number, name in enumerate(images)
    ]


@mutates("builds submit", "cloudbuild")
def submit(cloud: Cloud, call: Call) -> Answer:
    folder = call.get("SOURCE", ".")
    if not os.path.isdir(folder):
        raise GcloudError(f"Invalid value for [SOURCE]: could not find source [{folder}]")
    if not os.path.isfile(os.path.join(folder, "Dockerfile")):
        raise GcloudError("Invalid value for [source]: Dockerfile required when specifying --tag")
    config = _config(call["config"]) if "config" in call else {}
    account = config.get("serviceAccount", call.get("service-account"))
    _check_account(cloud, account, config, call)
    images = [call["tag"]] if "tag" in call else config.get("images", [])
    for image in images:
        place = REGISTRY.fullmatch(image)
        if place is None or cloud.find("repositories", place["repository"]) is None:
            raise GcloudError(f"build failed: name unknown: Repository of {image!r} not found")
        cloud.kind("images")[image] = {"name": image}
    return {"id": str(cloud.serial()), "images": images, "status": "SUCCESS"}


def _config(path: str) -> Json:
    with open(path) as file:
        config: Json = json.load(file)
    return config


def _check_account(cloud: Cloud, account: str | None, config: Json, call: Call) -> None:
    if account is None:
        return
    match = re.fullmatch(r"projects/([^/]+)/serviceAccounts/([^/]+)", account)
    if match is None:
        raise InvalidArgument(f"invalid service account {account!r}")
    cloud.need_account(match[2])
    logs = config.get("options", {}).get("logging") in ("CLOUD_LOGGING_ONLY", "NONE") or config.get("logsBucket")
    if not logs and call.get("default-buckets-behavior") is None and call.get("gcs-log-dir") is None:
        raise InvalidArgument(
            "if 'build.service_account' is specified, the build must either (a) specify 'build.logs_bucket', (b) use "
            "the REGIONAL_USER_OWNED_BUCKET build.options.default_logs_bucket_behavior option, or (c) use either "
            "CLOUD_LOGGING_ONLY / NONE logging options"
        )
    for role in BUILD_ROLES:
        if not cloud.may(f"project {cloud.project}", role, f"serviceAccount:{match[2]}"):
            raise GcloudError(f"build failed: {match[2]} lacks {role}")
