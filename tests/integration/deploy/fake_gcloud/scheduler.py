"""Cloud Scheduler: jobs that call a URL."""

from fake_gcloud.cloud import Cloud, Json
from fake_gcloud.commands import Answer, mutates, reads
from fake_gcloud.errors import GcloudError, InvalidArgument, NotFound
from fake_gcloud.surface import Call


def _place(cloud: Cloud, call: Call) -> str:
    if "location" not in call:
        raise GcloudError(
            "Please use the location flag to manually specify a location, or create an App Engine app first."
        )
    return f"projects/{cloud.project}/locations/{call['location']}"


def _found(cloud: Cloud, call: Call) -> Json:
    name = f"{_place(cloud, call)}/jobs/{call['JOB']}"
    return cloud.get("scheduler", name, NotFound("Job not found."))


def _change(cloud: Cloud, job: Json, call: Call) -> None:
    if "schedule" in call:
        if len(call["schedule"].split()) != 5:
            raise InvalidArgument(f"Schedule or time zone is invalid: {call['schedule']}")
        job["schedule"] = call["schedule"]
    if "time-zone" in call:
        job["timeZone"] = call["time-zone"]
    if "attempt-deadline" in call:
        if not 15 <= int(call["attempt-deadline"].removesuffix("s")) <= 1800:
            raise InvalidArgument("Attempt deadline must be from 15s to 1800s.")
        job["attemptDeadline"] = call["attempt-deadline"]
    if "max-retry-attempts" in call:
        job["retryConfig"].pop("retryCount", None)
        if call["max-retry-attempts"]:
            job["retryConfig"]["retryCount"] = call["max-retry-attempts"]
    target = job["httpTarget"]
    if "uri" in call:
        target["uri"] = call["uri"] if call["uri"].count("/") > 2 else call["uri"] + "/"
    if "http-method" in call:
        target["httpMethod"] = call["http-method"].upper()
    if "oidc-service-account-email" in call:
        cloud.need_account(call["oidc-service-account-email"])
        audience = call.get("oidc-token-audience", target["uri"])
        target["oidcToken"] = {"audience": audience, "serviceAccountEmail": call["oidc-service-account-email"]}


@mutates("scheduler jobs create http", "cloudscheduler")
def create(cloud: Cloud, call: Call) -> Answer:
    name = f"{_place(cloud, call)}/jobs/{call['JOB']}"
    job: Json = {
        "attemptDeadline": "180s",
        "httpTarget": {"headers": {"User-Agent": "Google-Cloud-Scheduler"}, "httpMethod": "POST"},
        "name": name,
        "retryConfig": {
            "maxBackoffDuration": "3600s",
            "maxDoublings": 5,
            "maxRetryDuration": "0s",
            "minBackoffDuration": "5s",
        },
        "state": "ENABLED",
        "timeZone": "Etc/UTC",
        "userUpdateTime": cloud.now(),
    }
    _change(cloud, job, call)
    return cloud.add("scheduler", name, job)


@mutates("scheduler jobs update http", "cloudscheduler")
def update(cloud: Cloud, call: Call) -> Answer:
    job = _found(cloud, call)
    _change(cloud, job, call)
    return job


@reads("scheduler jobs describe", "cloudscheduler")
def describe(cloud: Cloud, call: Call) -> Answer:
    return _found(cloud, call)


@reads("scheduler jobs list", "cloudscheduler")
def list_jobs(cloud: Cloud, call: Call) -> Answer:
    place = _place(cloud, call)
    return [each for each in cloud.all("scheduler") if each["name"].startswith(place)]


@mutates("scheduler jobs delete", "cloudscheduler")
def delete(cloud: Cloud, call: Call) -> Answer:
    cloud.remove("scheduler", _found(cloud, call)["name"])


@mutates("scheduler jobs pause", "cloudscheduler")
def pause(cloud: Cloud, call: Call) -> Answer:
    _found(cloud, call)["state"] = "PAUSED"


@mutates("scheduler jobs resume", "cloudscheduler")
def resume(cloud: Cloud, call: Call) -> Answer:
    _found(cloud, call)["state"] = "ENABLED"


@mutates("scheduler jobs run", "cloudscheduler")
def run(cloud: Cloud, call: Call) -> Answer:
    _found(cloud, call)
