"""The program itself: parse, record, fail where a test wants it, run, print."""

import json
from collections.abc import Callable, Sequence
from typing import NamedTuple

from fake_gcloud import firestore, functions, iam, pubsub, run, scheduler, secrets, services, storage, watching
from fake_gcloud.cloud import Cloud, Json
from fake_gcloud.commands import COMMANDS, Answer
from fake_gcloud.errors import GcloudError, Refused
from fake_gcloud.output import formatted
from fake_gcloud.surface import Call, parse

SERVICES = (firestore, functions, iam, pubsub, run, scheduler, secrets, services, storage, watching)
"""Importing them filled the table of commands."""


class Result(NamedTuple):
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
        if command.mutates:
            answer = _with_faults(cloud, list(argv), call, lambda: command.run(cloud, call))
        else:
            answer = command.run(cloud, call)
        _record(cloud, ["gcloud", *argv], mutates=command.mutates, code=0)
        return Result(code=0, stdout=formatted(answer, call.wide.get("format")))
    except (GcloudError, ValueError) as error:
        _record(cloud, ["gcloud", *argv], mutates=command.mutates, code=1)
        return Result(code=1, stderr=f"ERROR: ({dotted}) {error}\n")


def _with_faults(cloud: Cloud, argv: list[str], call: Call | None, act: Callable[[], Answer]) -> Answer:
    """Acts on a changing call, unless it is the one that the test wants to fail: this once, before or after its
    effect."""
    fault = cloud.state["fault"]
    if fault is None or not _strikes(cloud, fault, argv):
        return act()
    if fault["when"] == "after":
        act()
    elif fault["when"] == "broken" and call is not None:
        functions.leave_broken(cloud, call)
    raise GcloudError(fault["message"])


def _strikes(cloud: Cloud, fault: Json, argv: list[str]) -> bool:
    if fault.get("every"):
        is_new = argv not in fault["every"]
        fault["every"].append(argv)
        return is_new
    fault["left"] -= 1
    if fault["left"] == 0:
        cloud.state["fault"] = None
        return True
    return False


def _record(cloud: Cloud, argv: list[str], *, mutates: bool, code: int) -> None:
    cloud.state["calls"].append({"argv": argv, "code": code, "mutates": mutates})


HTTP_CODES = {"NOT_FOUND": 404, "PERMISSION_DENIED": 403, "UNAUTHENTICATED": 401, "UNAVAILABLE": 503, "INTERNAL": 500}


def curl(cloud: Cloud, argv: Sequence[str], standard_input: str) -> Result:
    """`curl *argv`, for the one request that gcloud has no command for."""
    headers, body, method, url = _request(argv, standard_input)
    try:
        if headers.get("authorization") != "Bearer ya29.fake-token":
            raise GcloudError("UNAUTHENTICATED: Request had invalid authentication credentials.")
        if method != "PATCH" or headers.get("content-type") != "application/json":
            raise GcloudError("INVALID_ARGUMENT: Nothing here takes such a request.")
        _with_faults(cloud, list(argv), None, lambda: firestore.patch_field(cloud, url, body))
    except GcloudError as error:
        _record(cloud, ["curl", *argv], mutates=True, code=22)
        return _http_error(error.message)
    _record(cloud, ["curl", *argv], mutates=True, code=0)
    return Result(code=0, stdout="{}\n")


def _http_error(message: str) -> Result:
    """As `--fail-with-body` shows it: the reason on stdout, the code on stderr."""
    status, _, said = message.partition(": ")
    code = HTTP_CODES.get(status, 400)
    body = json.dumps({"error": {"code": code, "message": said, "status": status}}, indent=2)
    return Result(code=22, stdout=body, stderr=f"curl: (22) The requested URL returned error: {code}\n")


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
