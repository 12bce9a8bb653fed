"""What tests of queues see and do beside what every bad day has."""

import json
import urllib.request
from typing import Any

import psutil
from bad_day import Standalone, eventually

from sailplane.model.ids import RunKey
from sailplane.model.runs import TaskInstance


def instances(standalone: Standalone, dag_id: str, run_id: str) -> dict[str, TaskInstance]:
    return {one.task_id: one for one in standalone.cloud.store.tasks(RunKey(dag_id, run_id))}


def executions(standalone: Standalone, queue: str) -> list[dict[str, Any]]:
    """The executions of a job queue, newest first, as Cloud Run's API shows them."""
    job = f"projects/sailplane-local/locations/local/jobs/sailplane-{queue}"
    url = f"http://{standalone.environment['CLOUD_RUN_EMULATOR_HOST']}/v2/{job}/executions?pageSize=1000"
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=20) as answer:
        found: list[dict[str, Any]] = json.load(answer).get("executions", [])
    return found


def quiet_executions(standalone: Standalone, queue: str) -> list[dict[str, Any]]:
    """The executions of a job queue, once all have ended."""

    def all_ended() -> list[dict[str, Any]] | None:
        found = executions(standalone, queue)
        return found if all("completionTime" in one for one in found) else None

    ended: list[dict[str, Any]] = eventually(all_ended, "all executions have ended")
    return ended


def command_of(pid: int, verb: str) -> psutil.Process:
    """The `sailplane VERB` process that a task's process descends from."""
    for one in psutil.Process(pid).parents():
        if verb in one.cmdline():
            return one
    raise AssertionError(f"no `sailplane {verb}` above process {pid}")


def family_of(process: psutil.Process) -> list[psutil.Process]:
    return [process, *process.children(recursive=True)]
