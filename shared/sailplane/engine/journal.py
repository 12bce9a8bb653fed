"""What the functions tell those who operate them: one line of JSON for each entry where Cloud Logging reads it.

Fields as Cloud Logging knows them: https://cloud.google.com/logging/docs/structured-logging. A log call names the task
instance or run it is about with `extra=about(...)`; the end of a run is an entry of its own (`run_ended`).
"""

import json
import logging
import sys
import traceback
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, TextIO

from sailplane.model.errors import SettingsError
from sailplane.model.ids import RunKey
from sailplane.model.runs import TaskInstance
from sailplane.model.states import RunState

LABELS = "logging.googleapis.com/labels"
RUN_ENDED = "run_ended"
"""The alert on failed runs filters on this event and on `state`; see infra/monitoring."""
_FIELDS = "sailplane_fields"
_SEVERITIES = ((logging.CRITICAL, "CRITICAL"), (logging.ERROR, "ERROR"), (logging.WARNING, "WARNING"))
_PLAIN = "%(asctime)s %(levelname)s %(name)s: %(message)s"
_log = logging.getLogger(__name__)


def about(subject: TaskInstance | RunKey, **fields: Any) -> dict[str, Any]:
    """For `extra` of a log call: labels of a run or task instance, and further fields of the entry."""
    run = subject.run if isinstance(subject, TaskInstance) else subject
    labels = {"dag_id": run.dag_id, "run_id": run.run_id}
    if isinstance(subject, TaskInstance):
        labels |= {"task_id": subject.task_id, "map_index": str(subject.map_index)}
        labels["try_number"] = str(subject.try_number)
    return {_FIELDS: {LABELS: labels, **fields}}


def run_ended(run: RunKey, state: RunState) -> None:
    """Tell that a run has ended: by whoever closed it, once."""
    level = logging.ERROR if state is RunState.FAILED else logging.INFO
    fields = {"event": RUN_ENDED, "dag_id": run.dag_id, "run_id": run.run_id, "state": str(state)}
    _log.log(level, "run %s of DAG %s ended: %s", run.run_id, run.dag_id, state, extra=about(run, **fields))


def set_up(environment: Mapping[str, str], stream: TextIO | None = None) -> None:
    """Have everything that is logged in this process written to `stream`, by default stderr.

    As JSON where Cloud Run says that it runs this (`K_SERVICE`, or `CLOUD_RUN_JOB`), else in plain lines, unless
    `SAILPLANE_LOG_FORMAT` says otherwise. Raises `SettingsError` for a format that is none.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(EntryFormatter() if _is_json(environment) else logging.Formatter(_PLAIN))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    ours = logging.getLogger("sailplane")
    ours.setLevel(logging.INFO)
    # functions-framework, told to log execution ids as gcloud has it, silences all loggers that were there before.
    for logger in (ours, *_below(ours)):
        logger.disabled = False


def _below(logger: logging.Logger) -> Iterator[logging.Logger]:
    for name in list(logging.root.manager.loggerDict):
        if name.startswith(f"{logger.name}."):
            yield logging.getLogger(name)


def _is_json(environment: Mapping[str, str]) -> bool:
    wanted = environment.get("SAILPLANE_LOG_FORMAT", "")
    if wanted not in ("", "json", "plain"):
        raise SettingsError(f"SAILPLANE_LOG_FORMAT={wanted!r} must be json or plain")
    is_on_cloud_run = bool(environment.get("K_SERVICE") or environment.get("CLOUD_RUN_JOB"))
    return wanted == "json" or (not wanted and is_on_cloud_run)


class EntryFormatter(logging.Formatter):
    """One JSON object a record; an exception stands in the same one, where Error Reporting looks for it."""

    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, Any] = {
            "severity": _severity(record.levelno),
            "message": record.getMessage(),
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "logger": record.name,
            **getattr(record, _FIELDS, {}),
        }
        if record.exc_info and record.exc_info[0] is not None:
            entry["stack_trace"] = "".join(traceback.format_exception(*record.exc_info)).rstrip()
        return json.dumps(entry, default=str, ensure_ascii=False)


def _severity(level: int) -> str:
    return next((name for least, name in _SEVERITIES if level >= least), "INFO" if level >= logging.INFO else "DEBUG")
