"""Record what Airflow's `ResumableJobMixin` asks of the other system: run under an Airflow installation.

python tests/oracle/record_resumable_jobs.py | tail -1 > tests/oracle/resumable_jobs.json  # What stands before is log.
"""

import json
import sys
from itertools import product
from typing import Any

STATUSES = ("RUNNING", "DONE", "FAILED")
STORED: tuple[Any, ...] = (None, "", 0, "old", 7, {"id": "old"})
SUBMITTED: tuple[Any, ...] = (None, "new", 8)


class Store:
    """A `task_state_store` that says what it was asked."""

    def __init__(self, calls: list[Any], stored: Any) -> None:
        self._calls = calls
        self._stored = stored

    def get(self, key: str, default: Any = None) -> Any:
        self._calls.append(["get", key])
        return default if self._stored is None or key != "remote_job_id" else self._stored

    def set(self, key: str, value: Any, **_: Any) -> None:
        self._calls.append(["set", key, value])


class Job:
    """What an author writes for a job elsewhere; it says what it was asked."""

    calls: list[Any]
    status: str
    submitted: Any

    def submit_job(self, context: Any) -> Any:
        self.calls.append(["submit"])
        return self.submitted

    def get_job_status(self, external_id: Any, context: Any) -> str:
        self.calls.append(["status", external_id])
        return self.status

    def is_job_active(self, status: str) -> bool:
        return status == "RUNNING"

    def is_job_succeeded(self, status: str) -> bool:
        return status == "DONE"

    def poll_until_complete(self, external_id: Any, context: Any) -> None:
        self.calls.append(["poll", external_id])

    def get_job_result(self, external_id: Any, context: Any) -> Any:
        self.calls.append(["result", external_id])
        return f"result of {external_id}"


def situations() -> list[dict[str, Any]]:
    """Every id that may be stored, state of that job, id of a new one, with and without `durable`."""
    names = ("stored", "status", "submitted", "durable")
    return [dict(zip(names, each, strict=True)) for each in product(STORED, STATUSES, SUBMITTED, (True, False))]


def play(mixin: type, operator: type, situation: dict[str, Any]) -> dict[str, Any]:
    """What one call of `execute_resumable` does."""
    kind = type("RunJob", (Job, mixin, operator), {})
    calls: list[Any] = []
    task = kind(task_id="job", durable=situation["durable"])
    vars(task).update(calls=calls, status=situation["status"], submitted=situation["submitted"])
    result = task.execute_resumable({"task_state_store": Store(calls, situation["stored"])})
    return {"calls": calls, "result": result}


def main() -> None:
    import airflow
    from airflow.sdk import BaseOperator, ResumableJobMixin

    rows = [{**each, **play(ResumableJobMixin, BaseOperator, each)} for each in situations()]
    json.dump({"airflow": airflow.__version__, "rows": rows}, sys.stdout)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
