from datetime import UTC, datetime, timedelta

import pendulum
import pytest

from sailplane.model.execution import Outcome, OutcomeKind, TaskJob, XComRef
from sailplane.model.other_runs import RunRequest
from sailplane.model.runs import ErrorInfo, RunContext
from sailplane.model.states import RunType
from sailplane.runner import protocol

NOW = datetime(2026, 3, 4, 5, 6, 7, 890, tzinfo=UTC)
JOB = TaskJob(
    run=RunContext(
        dag_id="d",
        run_id="r",
        version=3,
        bundle="b",
        file="f.py",
        run_type=RunType.SCHEDULED,
        logical_date=NOW,
        data_interval_start=NOW,
        data_interval_end=None,
        run_after=NOW,
        started_at=NOW,
        conf={"nested": [1, {"two": None}]},
    ),
    task_id="t",
    map_index=4,
    try_number=2,
    max_tries=3,
    started_at=NOW,
    xcoms={"a:-1:return_value": '{"line": "with\\nbreak"}'},
    execution_timeout=timedelta(seconds=1.5),
    time_limit=timedelta(minutes=9),
)
OUTCOME = Outcome(
    kind=OutcomeKind.RESCHEDULE,
    error=ErrorInfo(kind="E", message="ä\n", file="f.py", line=3),
    xcoms={"return_value": "1"},
    resume_at=NOW,
    waits_for=("gs://b/o",),
    skip_tasks=("x",),
    cpu_seconds=0.5,
    max_rss_mib=12.5,
    retry_after=timedelta(seconds=5),
)


@pytest.mark.parametrize(
    ("message", "decoder"),
    [
        (protocol.Run(job=JOB), protocol.TO_CHILD),
        (protocol.Answer(number=1, value="v"), protocol.TO_CHILD),
        (protocol.AskXCom(number=2, ref=XComRef(task_id="t", dag_id="d", run_id="r")), protocol.FROM_CHILD),
        (protocol.AskVariable(number=3, key="k"), protocol.FROM_CHILD),
        (protocol.AskConnection(number=4, conn_id="c"), protocol.FROM_CHILD),
        (protocol.Done(outcome=OUTCOME, reusable=False), protocol.FROM_CHILD),
        (protocol.Load(file="f.py", seconds=30.0), protocol.TO_TEMPLATE),
        (protocol.Fork(), protocol.TO_TEMPLATE),
        (protocol.Release(pid=7), protocol.TO_TEMPLATE),
        (protocol.Loaded(file="f.py", error=OUTCOME.error, traceback="t"), protocol.FROM_TEMPLATE),
        (protocol.Forked(pid=7), protocol.FROM_TEMPLATE),
        (protocol.Exited(pid=7, status=-9), protocol.FROM_TEMPLATE),
    ],
    ids=lambda value: type(value).__name__,
)
def test_every_message_is_one_line_and_comes_back_equal(message, decoder) -> None:
    line = protocol.encode(message)
    assert line.count(b"\n") == 1
    assert line.startswith(b"{")
    assert decoder.decode(line) == message


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_lines_come_out_whole_however_they_were_cut(size: int) -> None:
    data = b'{"a":1}\n{"b":2}\n{}\n{"c":33333333}\n'
    lines = protocol.Lines(limit=100)
    pieces = [data[start : start + size] for start in range(0, len(data), size)]
    assert [line for piece in pieces for line in lines.feed(piece)] == data.splitlines()


def test_what_does_not_begin_as_a_message_is_refused_before_it_is_kept() -> None:
    with pytest.raises(protocol.NoMessage, match="it began b'rubbish'"):
        list(protocol.Lines(limit=1000).feed(b"{}\nrubbish"))


def test_a_message_without_an_end_is_refused_at_the_limit() -> None:
    lines = protocol.Lines(limit=10)
    assert list(lines.feed(b"{2345")) == []
    with pytest.raises(protocol.NoMessage, match="more than 10 bytes"):
        list(lines.feed(b"6789012"))


def test_a_moment_of_pendulum_goes_over_as_that_moment():
    moment = pendulum.datetime(2026, 10, 25, 2, 30, 0, 123456, tz="Europe/Paris", fold=1)
    line = protocol.encode(protocol.AskRun(number=1, request=RunRequest(dag_id="d", run_id="r", logical_date=moment)))
    question = protocol.FROM_CHILD.decode(line)
    assert question.request.logical_date == datetime(2026, 10, 25, 1, 30, 0, 123456, tzinfo=UTC)


def test_what_is_no_value_does_not_go_over():
    with pytest.raises(NotImplementedError, match="object cannot go over"):
        protocol.encode(object())
