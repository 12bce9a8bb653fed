"""Cloud Run functions: what `gcloud functions deploy` checks, builds and makes."""

import copy
import re

from fake_gcloud.cloud import Cloud, Json
from fake_gcloud.commands import Answer, mutates, reads
from fake_gcloud.errors import GcloudError, InvalidArgument, NotFound
from fake_gcloud.secrets import need_secret
from fake_gcloud.surface import Call

RUNTIMES = ("python310", "python311", "python312", "python313", "python314")
BUILD_ROLES = ("roles/artifactregistry.writer", "roles/logging.logWriter", "roles/storage.objectViewer")
INGRESS = {
    "all": "ALLOW_ALL",
    "internal-only": "ALLOW_INTERNAL_ONLY",
    "internal-and-gclb": "ALLOW_INTERNAL_AND_GCLB",
}
DEFAULT_REGION = "us-central1"


def _missing(cloud: Cloud, name: str, region: str) -> NotFound:
    return NotFound(f"Resource 'projects/{cloud.project}/locations/{region}/functions/{name}' was not found")


def _region(call: Call) -> str:
    return str(call.get("region", DEFAULT_REGION))


@mutates("functions deploy", "cloudfunctions")
def deploy(cloud: Cloud, call: Call) -> Answer:
    for api in ("run", "cloudbuild", "artifactregistry"):
        cloud.need_api(api)
    name, region = call["NAME"], _region(call)
    if not re.fullmatch(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?", name):
        raise InvalidArgument(f"Could not create Cloud Run functions {name}: invalid function id.")
    old = cloud.find("functions", name)
    function = copy.deepcopy(old) if old else _new(cloud, name, region, call)
    _check_shape(call)
    _build(cloud, function, call)
    _serve(cloud, function, call)
    for label, value in call.get("update-labels", {}).items():
        if not re.fullmatch(r"[a-z0-9_-]{0,63}", value) or not re.fullmatch(r"[a-z][a-z0-9_-]{0,62}", label):
            raise InvalidArgument(f"Invalid label {label}={value}")
        function["labels"][label] = value
    function["state"] = "ACTIVE"
    function["updateTime"] = cloud.now()
    cloud.kind("functions")[name] = function
    _service(cloud, function)
    return copy.deepcopy(function)


def _new(cloud: Cloud, name: str, region: str, call: Call) -> Json:
    if "runtime" not in call:
        raise GcloudError("Missing required argument [runtime]: Flag `--runtime` is required for new functions.")
    if not any(flag.startswith("trigger-") for flag in call.given):
        raise GcloudError(
            "Missing required argument [TRIGGER]: You must specify a trigger when deploying a new function."
        )
    if "source" not in call:
        raise GcloudError("Missing required argument [--source]: The working folder holds no function.")
    place = f"projects/{cloud.project}/locations/{region}"
    uri = f"https://{name}-{cloud.number[:10]}-xx.a.run.app"
    return {
        "buildConfig": {"automaticUpdatePolicy": {}, "dockerRegistry": "ARTIFACT_REGISTRY"},
        "createTime": cloud.now(),
        "environment": "GEN_2",
        "labels": {"deployment-tool": "cli-gcloud"},
        "name": f"{place}/functions/{name}",
        "serviceConfig": {
            "allTrafficOnLatestRevision": True,
            "availableCpu": "0.1666",
            "availableMemory": "256M",
            "environmentVariables": {"LOG_EXECUTION_ID": "true"},
            "ingressSettings": "ALLOW_ALL",
            "maxInstanceCount": 100,
            "maxInstanceRequestConcurrency": 1,
            "service": f"{place}/services/{name}",
            "serviceAccountEmail": f"{cloud.number}-compute@developer.gserviceaccount.com",
            "timeoutSeconds": 60,
            "uri": uri,
        },
        "url": f"https://{region}-{cloud.project}.cloudfunctions.net/{name}",
    }


def _check_shape(call: Call) -> None:
    """The rules between CPU, memory and concurrency."""
    if "memory" in call and not re.fullmatch(r"\d+(\.\d+)?(m|k|M|G|T|Ki|Mi|Gi|Ti)?", call["memory"]):
        raise GcloudError(f"Invalid value for [--memory]: Invalid memory value for: {call['memory']} specified.")
    if "cpu" in call and not re.fullmatch(r"\d*(\.\d+)?m?", call["cpu"]):
        raise GcloudError(f"Invalid value for [--cpu]: Invalid cpu value for: {call['cpu']} specified.")
    cpu = float(call.get("cpu", 1))
    if cpu < 1 and call.get("concurrency", 1) > 1:
        raise InvalidArgument("Could not create Cloud Run service. spec.template.spec.containerConcurrency: "
                              "Total cpu < 1 is not supported with concurrency > 1.")  # fmt: skip
    if cpu > 1 and cpu not in (2, 4, 6, 8):
        raise InvalidArgument(f"Could not create Cloud Run service. Invalid value specified for cpu: {cpu}.")
    if not 1 <= call.get("concurrency", 1) <= 1000:
        raise InvalidArgument("Concurrency must be from 1 to 1000.")
    if call.get("timeout", 60) > 3600:
        raise InvalidArgument("Function timeout must be at most 3600 seconds.")
    if call.get("min-instances", 0) > call.get("max-instances", 100):
        raise InvalidArgument("min_instances must not be above max_instances.")
    if call.get("ingress-settings", "all") not in INGRESS:
        raise InvalidArgument(f"Unknown ingress settings {call['ingress-settings']}")


def _build(cloud: Cloud, function: Json, call: Call) -> None:
    config = function["buildConfig"]
    if "runtime" in call:
        if call["runtime"] not in RUNTIMES:
            raise GcloudError(
                f"Invalid value for [--runtime]: {call['runtime']} is not a supported runtime on GCF 2nd gen. "
                "Use `gcloud functions runtimes list` to get a list of available runtimes"
            )
        config["runtime"] = call["runtime"]
    if "entry-point" in call:
        config["entryPoint"] = call["entry-point"]
    if "build-service-account" in call:
        config["serviceAccount"] = call["build-service-account"]
    _check_builder(cloud, config.get("serviceAccount"))
    if "source" in call:
        config["source"] = {
            "storageSource": {
                "bucket": f"gcf-v2-sources-{cloud.number}-{_region(call)}",
                "object": f"{call['NAME']}/function-source.zip",
            }
        }
        # What it needs is imported for a deployment only: most calls just read.
        from fake_gcloud.sources import uploaded

        config["x-content"] = uploaded(call["source"], config.get("entryPoint", call["NAME"]))


def _check_builder(cloud: Cloud, account: str | None) -> None:
    """The account that builds must be able to read sources, and to write images and logs."""
    if account is None:
        return
    match = re.fullmatch(r"projects/([^/]+)/serviceAccounts/([^/]+)", account)
    if match is None:
        raise InvalidArgument(f"Invalid build service account {account}.")
    cloud.need_account(match[2])
    for role in BUILD_ROLES:
        if not cloud.may(f"project {cloud.project}", role, f"serviceAccount:{match[2]}"):
            raise GcloudError(
                f"OperationError: code=3, message=Build failed with status: FAILURE. The service account {match[2]} "
                f"lacks {role}."
            )


def _serve(cloud: Cloud, function: Json, call: Call) -> None:
    service = function["serviceConfig"]
    if call.get("serve-all-traffic-latest-revision"):
        service["allTrafficOnLatestRevision"] = True
    plain = {
        "memory": ("availableMemory", str),
        "cpu": ("availableCpu", str),
        "concurrency": ("maxInstanceRequestConcurrency", int),
        "timeout": ("timeoutSeconds", int),
        "max-instances": ("maxInstanceCount", int),
        "vpc-connector": ("vpcConnector", str),
    }
    for flag, (field, form) in plain.items():
        if flag in call:
            service[field] = form(call[flag])
    if call.get("clear-vpc-connector"):
        service.pop("vpcConnector", None)
    if "min-instances" in call:
        service.pop("minInstanceCount", None)
        if call["min-instances"]:
            service["minInstanceCount"] = call["min-instances"]
    if "ingress-settings" in call:
        service["ingressSettings"] = INGRESS[call["ingress-settings"]]
    account = call.get("run-service-account", call.get("service-account"))
    if account is not None:
        cloud.need_account(account)
        service["serviceAccountEmail"] = account
    _variables(cloud, service, call)


def _variables(cloud: Cloud, service: Json, call: Call) -> None:
    kept = service["environmentVariables"]
    if "set-env-vars" in call:
        kept = {"LOG_EXECUTION_ID": "true", **call["set-env-vars"]}
    kept = {**kept, **call.get("update-env-vars", {})}
    service["environmentVariables"] = {key: kept[key] for key in sorted({*kept} - {*call.get("remove-env-vars", ())})}
    if any(key in ("K_SERVICE", "PORT", "K_REVISION", "K_CONFIGURATION") for key in kept):
        raise InvalidArgument("env: the names K_SERVICE, K_REVISION, K_CONFIGURATION and PORT are reserved.")
    if call.get("clear-secrets"):
        service.pop("secretEnvironmentVariables", None)
    if "set-secrets" in call:
        service["secretEnvironmentVariables"] = [
            {
                "key": key,
                "projectId": cloud.project,
                "secret": reference.split(":")[0],
                "version": reference.split(":")[1],
            }
            for key, reference in call["set-secrets"].items()
        ]
    for secret in service.get("secretEnvironmentVariables", ()):
        need_secret(cloud, secret["secret"], service["serviceAccountEmail"])


def _service(cloud: Cloud, function: Json) -> None:
    """The Cloud Run service of the same name, which keeps its IAM policy over deployments."""
    name = function["name"].rsplit("/", 1)[-1]
    region = function["name"].split("/")[3]
    old = cloud.find("services", name) or {"metadata": {"annotations": {}}}
    url = f"https://{name}-{cloud.number}.{region}.run.app"
    cloud.kind("services")[name] = {
        "apiVersion": "serving.knative.dev/v1",
        "kind": "Service",
        "metadata": {
            "annotations": {
                **old["metadata"]["annotations"],
                "run.googleapis.com/urls": f'["{url}", "{function["serviceConfig"]["uri"]}"]',
            },
            "labels": {"cloud.googleapis.com/location": region, "goog-managed-by": "cloudfunctions"},
            "name": name,
            "namespace": cloud.number,
        },
        "status": {"url": function["serviceConfig"]["uri"]},
    }


def _shown(function: Json) -> Json:
    shown = copy.deepcopy(function)
    shown["buildConfig"].pop("x-content", None)
    return shown


@reads("functions describe", "cloudfunctions")
def describe(cloud: Cloud, call: Call) -> Answer:
    name = call["NAME"]
    function = cloud.get("functions", name, _missing(cloud, name, _region(call)))
    if f"/locations/{_region(call)}/" not in function["name"]:
        raise _missing(cloud, name, _region(call))
    return _shown(function)


@reads("functions list", "cloudfunctions")
def list_functions(cloud: Cloud, call: Call) -> Answer:
    regions = call.get("regions", [])
    found = map(_shown, cloud.all("functions"))
    return [each for each in found if not regions or each["name"].split("/")[3] in regions]


@mutates("functions delete", "cloudfunctions")
def delete(cloud: Cloud, call: Call) -> Answer:
    name = call["NAME"]
    cloud.remove("functions", name, _missing(cloud, name, _region(call)))
    if cloud.find("services", name) is not None:
        cloud.remove("services", name)


def leave_broken(cloud: Cloud, call: Call) -> None:
    """What is there when a deployment's build failed: the function, without a service behind it."""
    name, region = call["NAME"], _region(call)
    function = copy.deepcopy(cloud.find("functions", name) or _new(cloud, name, region, call))
    function["labels"] |= call.get("update-labels", {})
    function["state"] = "FAILED"
    cloud.kind("functions")[name] = function
