"""Logs of tries: no log is lost while a disk or a bucket has it, and none is a reason to run a message again."""

import logging
import threading
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from engine_stage import ScriptedRunner, Stage, dag, task

from sailplane.cloud.blobs import Blobs
from sailplane.cloud.tally import Tally
from sailplane.engine import shipper as shipping
from sailplane.engine.logs import read_log
from sailplane.engine.shipper import Shipper
from sailplane.engine.spools import Spool
from sailplane.model.errors import Unavailable
from sailplane.model.execution import Outcome, TaskJob
from sailplane.model.ids import RunKey, TaskKey
from sailplane.model.states import RunState


class Bucket(Blobs):
    """The bucket, away while told so."""

    def __init__(self, stage: Stage) -> None:
        super().__init__(stage.settings, Tally())
        self.trouble: Exception | None = None

    def write(self, name: str, data: bytes, content_type: str = "application/octet-stream") -> None:
        self._check()
        super().write(name, data, content_type)

    def write_file(self, name: str, path: str, content_type: str) -> None:
        self._check()
        super().write_file(name, path, content_type)

    def _check(self) -> None:
        if self.trouble is not None:
            raise self.trouble


class TalkingRunner(ScriptedRunner):
    """Each try says its name."""

    def run(self, job: TaskJob, *, spool: Path, **_: Any) -> Outcome:
        spool.write_text(f'{{"event":"{job.task_id} {job.try_number}"}}\n')
        return super().run(job)


@pytest.fixture
def bucket(stage: Stage) -> Bucket:
    return Bucket(stage)


@pytest.fixture
def key(stage: Stage) -> RunKey:
    return started(stage, "a", "b")


def started(stage: Stage, *task_ids: str) -> RunKey:
    """A run of its own name: the bucket is shared with all other tests."""
    return stage.start(dag(*map(task, task_ids)), run_id=uuid.uuid4().hex)


def shipper(stage: Stage, bucket: Bucket, *, flush: timedelta = timedelta(hours=1)) -> Shipper:
    return Shipper(bucket, replace(stage.settings, log_flush=flush))


def spooled(shipper: Shipper, stage: Stage, key: RunKey, task_id: str = "a", text: str = "hello") -> Spool:
    spool = shipper.open(replace(stage.instance(key, task_id), claim=f"claim-of-{task_id}", try_number=1))
    spool.path.write_text(f'{{"event":"{text}"}}\n')
    return spool


def sealed(shipper: Shipper, spool: Spool) -> None:
    upload = shipper.seal(spool, is_piece=False)
    assert upload is not None
    upload.result(20)


def events(stage: Stage, key: RunKey, task_id: str = "a") -> list[str]:
    return [line["event"] for line in read_log(stage.cloud, key, TaskKey(task_id), 1).lines]


def left(stage: Stage) -> list[str]:
    return sorted(path.name for path in (stage.settings.cache_dir / "spool").rglob("*.log"))


def comes_true(condition: Callable[[], bool]) -> bool:
    pause = threading.Event()
    return any(condition() or pause.wait(0.02) for _ in range(1000))


def test_a_message_is_done_when_the_bucket_takes_no_log_and_the_log_follows_with_the_next(stage: Stage) -> None:
    bucket = Bucket(stage)
    worker = stage.make_worker("talking")
    worker.shipper.close()
    worker.runner, worker.shipper = TalkingRunner(), shipper(stage, bucket)
    stage.workers.insert(0, worker)
    bucket.trouble = Unavailable("Cloud Storage did not answer: 503")
    first = started(stage, "a")
    stage.deliver_all()
    assert stage.run(first).state is RunState.SUCCESS
    assert events(stage, first) == []
    bucket.trouble = None
    second = started(stage, "a")
    stage.deliver_all()
    assert (events(stage, first), events(stage, second)) == (["a 1"], ["a 1"])
    assert left(stage) == []


@pytest.mark.parametrize("trouble", [Unavailable("503"), PermissionError("403"), ValueError("odd")], ids=repr)
def test_a_log_that_was_refused_for_whatever_reason_is_kept_until_the_end(
    stage: Stage, bucket: Bucket, key: RunKey, trouble: Exception
) -> None:
    made = shipper(stage, bucket)
    bucket.trouble = trouble
    sealed(made, spooled(made, stage, key))
    assert left(stage) == ["claim-of-a.log"]
    bucket.trouble = None
    made.close()
    assert events(stage, key) == ["hello"]
    assert left(stage) == []


def test_a_log_that_was_refused_is_tried_again_while_nothing_else_runs(
    stage: Stage, bucket: Bucket, key: RunKey
) -> None:
    made = shipper(stage, bucket, flush=timedelta(milliseconds=20))
    bucket.trouble = Unavailable("503")
    sealed(made, spooled(made, stage, key))
    bucket.trouble = None
    assert comes_true(lambda: left(stage) == [])
    assert events(stage, key) == ["hello"]
    made.close()


def test_a_log_that_a_dead_process_left_is_brought_by_the_next(stage: Stage, bucket: Bucket, key: RunKey) -> None:
    dead = shipper(stage, bucket)
    bucket.trouble = Unavailable("503")
    sealed(dead, spooled(dead, stage, key))
    dead._folder._lock.close()  # As the system does when a process dies.
    bucket.trouble = None
    shipper(stage, bucket).close()
    assert events(stage, key) == ["hello"]
    assert left(stage) == []
    assert not dead._folder.path.exists()
    dead.close()


def test_what_a_process_that_died_in_a_try_had_written_is_brought_with_its_parts_gone(
    stage: Stage, bucket: Bucket, key: RunKey
) -> None:
    dead = shipper(stage, bucket)
    spool = spooled(dead, stage, key)
    dead._ship_part(spool)
    with spool.path.open("a") as file:
        file.write('{"event":"last words"}\n')
    dead._folder._lock.close()
    shipper(stage, bucket).close()
    assert events(stage, key) == ["hello", "last words"]
    assert stage.cloud.blobs.names(spool.object_name) == [spool.piece]
    dead.close()


def test_the_logs_of_a_process_that_lives_are_left_alone(stage: Stage, bucket: Bucket, key: RunKey) -> None:
    living = shipper(stage, bucket)
    bucket.trouble = Unavailable("503")
    sealed(living, spooled(living, stage, key))
    bucket.trouble = None
    shipper(stage, bucket).close()
    assert left(stage) == ["claim-of-a.log"]
    living.close()
    assert events(stage, key) == ["hello"]


def test_only_so_much_is_kept_of_what_the_bucket_does_not_take(
    stage: Stage, bucket: Bucket, key: RunKey, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(shipping, "_MOST_KEPT", 1)
    made = shipper(stage, bucket)
    bucket.trouble = Unavailable("503")
    with caplog.at_level(logging.WARNING):
        sealed(made, spooled(made, stage, key, "a"))
        sealed(made, spooled(made, stage, key, "b"))
    assert left(stage) == ["claim-of-b.log"]
    assert "task_id=a/attempt=1.log is lost: the bucket was away for too long" in caplog.text
    bucket.trouble = None
    made.close()
    assert (events(stage, key, "a"), events(stage, key, "b")) == ([], ["hello"])


def test_following_goes_on_after_an_error_that_nobody_foresaw(stage: Stage, bucket: Bucket, key: RunKey) -> None:
    made = shipper(stage, bucket, flush=timedelta(milliseconds=20))
    bucket.trouble = ValueError("odd")
    spool = spooled(made, stage, key)
    assert comes_true(lambda: spool.is_labelled)
    bucket.trouble = None
    assert comes_true(lambda: events(stage, key) == ["hello"])
    sealed(made, spool)
    made.close()
    assert stage.cloud.blobs.names(spool.object_name) == [spool.object_name]


def test_a_closed_shipper_leaves_nothing_behind(stage: Stage, bucket: Bucket, key: RunKey) -> None:
    made = shipper(stage, bucket)
    sealed(made, spooled(made, stage, key))
    made.close()
    made.close()
    assert made._folder.path not in list((stage.settings.cache_dir / "spool").iterdir())
