"""Log entries as Cloud Logging reads them."""

import io
import json
import logging
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from sailplane.engine import journal
from sailplane.model.errors import SettingsError
from sailplane.model.ids import RunKey
from sailplane.model.runs import TaskInstance
from sailplane.model.states import RunState, TaskState

RUN = RunKey("flight", "manual__1")
LOG = logging.getLogger("sailplane.test")


@pytest.fixture(autouse=True)
def _loggers() -> Iterator[None]:
    root, own = logging.getLogger(), logging.getLogger("sailplane")
    before = root.handlers[:], root.level, own.level
    yield
    root.handlers[:] = before[0]
    root.setLevel(before[1])
    own.setLevel(before[2])


def written(environment: dict[str, str]) -> io.StringIO:
    stream = io.StringIO()
    journal.set_up(environment, stream)
    return stream


def entries(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


@pytest.mark.parametrize(
    ("level", "severity"),
    [(logging.INFO, "INFO"), (logging.WARNING, "WARNING"), (logging.ERROR, "ERROR"), (logging.CRITICAL, "CRITICAL")],
)
def test_a_level_becomes_a_severity(level: int, severity: str) -> None:
    stream = written({"K_SERVICE": "worker"})
    LOG.log(level, "lease %d", 7)
    (entry,) = entries(stream)
    assert (entry["severity"], entry["message"], entry["logger"]) == (severity, "lease 7", "sailplane.test")


def test_what_an_entry_is_about_stands_in_its_labels() -> None:
    stream = written({"K_SERVICE": "worker"})
    instance = TaskInstance(run=RUN, task_id="land", state=TaskState.RUNNING, try_number=3)
    LOG.warning("lost", extra=journal.about(instance))
    (entry,) = entries(stream)
    assert entry[journal.LABELS] == {
        "dag_id": "flight",
        "run_id": "manual__1",
        "task_id": "land",
        "map_index": "-1",
        "try_number": "3",
    }


@pytest.mark.parametrize(("state", "severity"), [(RunState.FAILED, "ERROR"), (RunState.SUCCESS, "INFO")])
def test_the_end_of_a_run_says_what_alerts_filter_on(state: RunState, severity: str) -> None:
    stream = written({"K_SERVICE": "worker"})
    journal.run_ended(RUN, state)
    (entry,) = entries(stream)
    assert entry["severity"] == severity
    assert [entry[name] for name in ("event", "dag_id", "run_id", "state")] == [
        "run_ended",
        "flight",
        "manual__1",
        str(state),
    ]


def test_an_exception_stands_in_the_same_line() -> None:
    stream = written({"K_SERVICE": "worker"})
    try:
        raise ValueError("two\nlines")
    except ValueError:
        LOG.exception("it failed")
    (entry,) = entries(stream)
    assert entry["message"] == "it failed"
    assert entry["stack_trace"].endswith("ValueError: two\nlines")


def test_what_libraries_warn_of_is_written_and_what_they_chat_about_is_not() -> None:
    stream = written({"K_SERVICE": "worker"})
    logging.getLogger("urllib3").info("connecting")
    logging.getLogger("urllib3").warning("connecting again")
    assert [entry["message"] for entry in entries(stream)] == ["connecting again"]


@pytest.mark.parametrize(
    ("environment", "is_json"),
    [
        ({}, False),
        ({"K_SERVICE": "worker"}, True),
        ({"CLOUD_RUN_JOB": "sailplane-gpu"}, True),
        ({"K_SERVICE": "worker", "SAILPLANE_LOG_FORMAT": "plain"}, False),
        ({"SAILPLANE_LOG_FORMAT": "json"}, True),
    ],
)
def test_cloud_run_gets_json_and_others_plain_lines_unless_told_otherwise(
    environment: dict[str, str], is_json: bool
) -> None:
    stream = written(environment)
    LOG.info("hello")
    assert stream.getvalue().startswith("{") is is_json


def test_a_format_that_is_none_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"SAILPLANE_LOG_FORMAT='xml' must be json or plain"):
        journal.set_up({"SAILPLANE_LOG_FORMAT": "xml"}, sys.stderr)
