"""The program itself: parse, record, fail where a test wants it, run, print."""

from collections.abc import Sequence
from dataclasses import dataclass

from fake_gcloud import firestore, functions, iam, pubsub, run, scheduler, secrets, services, storage, watching
from fake_gcloud.cloud import Cloud
from fake_gcloud.commands import COMMANDS
from fake_gcloud.errors import GcloudError, Refused
from fake_gcloud.output import formatted
from fake_gcloud.surface import Call, parse

SERVICES = (firestore, functions, iam, pubsub, run, scheduler, secrets, services, storage, watching)
"""Importing them filled the table of commands."""


@dataclass(frozen=True, kw_only=True)
class Result:
    """How a program ended."""

    code: int
    stdout: str = ""
    stderr: str = ""


def gcloud(cloud: Cloud, argv: Sequence[str]) -> Result:
    """`gcloud *argv` in the project `cloud`."""
    try:
        call = parse(argv)
    except Refused as refused:
        _record(cloud, ["gcloud", *argv], mutates=False, code=refused.code)
        return Result(code=refused.code, stderr=f"ERROR: ({refused.dotted}) {refused.message}\n")
    dotted = f"gcloud.{call.command.replace(' ', '.')}"
    command = COMMANDS.get(call.command)
    if command is None:
        return Result(code=1, stderr=f"ERROR: ({dotted}) this gcloud for tests does not know what that does\n")
    try:
        if (project := call.wide.get("project")) not in (None, cloud.project, cloud.number):
            raise GcloudError(f"The project {project!r} does not exist, or you may not see it.")
        if command.api is not None:
            cloud.need_api(command.api)
        answer = _with_faults(cloud, call, lambda: command.run(cloud, call), mutates=command.mutates)
        _record(cloud, ["gcloud", *argv], mutates=command.mutates, code=0)
        return Result(code=0, stdout=formatted(answer, call.wide.get("format")))
    except (GcloudError, ValueError) as error:
        _record(cloud, ["gcloud", *argv], mutates=command.mutates, code=1)
        return Result(code=1, stderr=f"ERROR: ({dotted}) {error}\n")


def _with_faults(cloud: Cloud, call: Call | None, act, *, mutates: bool):  # type: ignore[no-untyped-def]
    """Acts, unless this is the mutating call that the test wants to fail."""
    fault = cloud.state["fault"]
    if fault is None or not mutates:
        return act()
    fault["left"] -= 1
    if fault["left"] != 0:
        return act()
    cloud.state["fault"] = None
    if fault["when"] == "after":
        act()
    elif fault["when"] == "broken" and call is not None and call.command == "functions deploy":
        functions.leave_broken(cloud, call)
    raise GcloudError(fault["message"])


def _record(cloud: Cloud, argv: list[str], *, mutates: bool, code: int) -> None:
    cloud.state["calls"].append({"argv": argv, "code": code, "mutates": mutates})


def curl(cloud: Cloud, argv: Sequence[str], standard_input: str) -> Result:
    """`curl *argv`, for the one request that gcloud has no command for."""
    headers, body, method, url = _request(argv, standard_input)
    try:
        if headers.get("authorization") != "Bearer ya29.fake-token" or method != "PATCH":
            raise GcloudError('{"error": {"code": 401, "status": "UNAUTHENTICATED"}}')
        if headers.get("content-type") != "application/json":
            raise GcloudError('{"error": {"code": 400, "status": "INVALID_ARGUMENT"}}')
        _with_faults(cloud, None, lambda: firestore.patch_field(cloud, url, body), mutates=True)
    except GcloudError as error:
        _record(cloud, ["curl", *argv], mutates=True, code=22)
        return Result(code=22, stdout=str(error), stderr="curl: (22) The requested URL returned error: 400\n")
    _record(cloud, ["curl", *argv], mutates=True, code=0)
    return Result(code=0, stdout="{}\n")


def _request(argv: Sequence[str], standard_input: str) -> tuple[dict[str, str], str, str, str]:
    """Headers by lower-case name, body, method and URL of a command line of curl."""
    headers: dict[str, str] = {}
    body, method, url = "", "GET", ""
    words = list(argv)
    while words:
        flag, equals, value = words.pop(0).partition("=")
        if flag in ("--silent", "--show-error", "--fail-with-body"):
            continue
        if not flag.startswith("--"):
            url = flag + equals + value
            continue
        value = value if equals else words.pop(0)
        if flag == "--header":
            for line in standard_input.splitlines() if value == "@-" else [value]:
                name, _, content = line.partition(":")
                headers[name.strip().lower()] = content.strip()
        elif flag == "--data":
            body = value
        elif flag == "--request":
            method = value
    return headers, body, method, url
