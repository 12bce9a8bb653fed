"""Stands in for `sailplane.authoring` where only the processes matter: a DAG is a dict of functions.

A DAG file defines `DAGS = {dag_id: {task_id: function(services, job)}}`. What a function returns is its XCom.
"""

import json
import runpy
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sailplane.model.execution import ChildServices, Outcome, OutcomeKind, TaskJob
from sailplane.model.runs import ErrorInfo


class AirflowTaskTimeout(BaseException):
    pass


def load_file(bundle: Path, file: str) -> Mapping[str, Any]:
    return runpy.run_path(str(bundle / file))["DAGS"]


def execute(dag: Any, job: TaskJob, services: ChildServices) -> Outcome:
    try:
        with_alarm(job)
        value = dag[job.task_id](services, job)
    except Exception as error:
        return failed(error)
    except AirflowTaskTimeout as error:
        return failed(error)
    return Outcome(kind=OutcomeKind.SUCCESS, xcoms={"return_value": json.dumps(value)} if value is not None else {})


def with_alarm(job: TaskJob) -> None:
    if job.execution_timeout is not None:
        signal.signal(signal.SIGALRM, ring)
        signal.setitimer(signal.ITIMER_REAL, job.execution_timeout.total_seconds())


def ring(_number: int, _frame: Any) -> None:
    raise AirflowTaskTimeout("too slow")


def failed(error: BaseException) -> Outcome:
    return Outcome(kind=OutcomeKind.FAILED, error=ErrorInfo(kind=type(error).__name__, message=str(error)))


def preload() -> None:
    pass
