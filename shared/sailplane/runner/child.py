"""The child process: runs one try after the other as the supervisor hands them over."""

import contextlib
import os
import sys
import threading
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NoReturn

import msgspec

from sailplane.model.assets import AssetAnswer, AssetQuery
from sailplane.model.errors import InternalError, Unavailable
from sailplane.model.evolve import evolve
from sailplane.model.execution import Outcome, OutcomeKind, TaskJob, TaskServices, XComItems, XComRef
from sailplane.model.other_runs import RunAnswer, RunQuery, RunRequest
from sailplane.model.runs import ErrorInfo
from sailplane.model.shelf import ShelfRequest
from sailplane.model.state_store import StateRequest
from sailplane.runner import kernel, protocol
from sailplane.runner.capture import Capture
from sailplane.runner.hygiene import Baseline, end_leftover_processes, has_threads
from sailplane.runner.usage import Meter

Execute = Callable[[Any, TaskJob, TaskServices], Outcome]
Files = Mapping[str, Mapping[str, Any]]
"""DAG file -> dag_id -> DAG."""

_SPOILING = frozenset({"MemoryError", "AirflowTaskTimeout"})
"""Errors after which the process may be in any state."""


class Link:
    """The child's end of the socket. Only the process that it was made for may use it."""

    def __init__(self, file: int) -> None:
        self._file = file
        self._owner = os.getpid()
        self._lines = protocol.Lines(limit=sys.maxsize)
        self._received: list[bytes] = []
        os.register_at_fork(after_in_child=self._forget)

    def is_owner(self) -> bool:
        return os.getpid() == self._owner

    def send(self, data: bytes) -> None:
        sent = os.write(self._file, data)
        while sent < len(data):
            sent += os.write(self._file, memoryview(data)[sent:])

    def receive(self) -> protocol.ToChild | None:
        """The next message; None when the supervisor is gone."""
        while not self._received:
            data = os.read(self._file, protocol.READ_SIZE)
            if not data:
                return None
            self._received.extend(self._lines.feed(data))
        return protocol.TO_CHILD.decode(self._received.pop(0))

    def _forget(self) -> None:
        # A forked copy that held the socket would hide from the supervisor that the child has ended.
        with contextlib.suppress(OSError):
            os.close(self._file)


class RemoteServices:
    """Asks the supervisor. Safe to use from several threads, while a task runs."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._turn = threading.Lock()
        self._number = 0
        self._is_open = False

    def open(self) -> None:
        self._is_open = True

    def close(self) -> None:
        """Wait for the question that a thread may have open: its answer must not be taken for the next task's job."""
        with self._turn:
            self._is_open = False

    def xcom(self, ref: XComRef) -> str | None:
        return self._ask(lambda number: protocol.AskXCom(number=number, ref=ref))

    def xcom_items(self, ref: XComRef, start: int, stop: int) -> XComItems:
        answer = self._ask(lambda number: protocol.AskXComItems(number=number, ref=ref, start=start, stop=stop))
        return msgspec.json.decode(answer or "", type=XComItems)

    def trigger_run(self, request: RunRequest) -> RunAnswer:
        answer = self._ask(lambda number: protocol.AskRun(number=number, request=request))
        return msgspec.json.decode(answer or "", type=RunAnswer)

    def find_runs(self, query: RunQuery) -> RunAnswer:
        answer = self._ask(lambda number: protocol.AskRuns(number=number, query=query))
        return msgspec.json.decode(answer or "", type=RunAnswer)

    def assets(self, query: AssetQuery) -> AssetAnswer:
        answer = self._ask(lambda number: protocol.AskAssets(number=number, query=query))
        return msgspec.json.decode(answer or "", type=AssetAnswer)

    def variable(self, key: str) -> str | None:
        return self._ask(lambda number: protocol.AskVariable(number=number, key=key))

    def connection(self, conn_id: str) -> str | None:
        return self._ask(lambda number: protocol.AskConnection(number=number, conn_id=conn_id))

    def set_variable(self, key: str, value: str, description: str | None) -> None:
        self._ask(lambda number: protocol.SetVariable(number=number, key=key, value=value, description=description))

    def delete_variable(self, key: str) -> None:
        self._ask(lambda number: protocol.DeleteVariable(number=number, key=key))

    def variable_keys(self, prefix: str) -> Sequence[str]:
        answer = self._ask(lambda number: protocol.AskVariableKeys(number=number, prefix=prefix))
        return msgspec.json.decode(answer or "[]", type=list[str])

    def state(self, request: StateRequest) -> str | None:
        return self._ask(lambda number: protocol.AskState(number=number, request=request))

    def shelf(self, request: ShelfRequest) -> str | None:
        return self._ask(lambda number: protocol.AskShelf(number=number, request=request))

    def looked_in(self) -> str:
        return self._ask(lambda number: protocol.AskLookedIn(number=number)) or ""

    def mask(self, secrets: Sequence[str]) -> None:
        self._ask(lambda number: protocol.Mask(number=number, secrets=tuple(secrets)))

    def _ask(self, question: Callable[[int], protocol.Question]) -> str | None:
        if not self._link.is_owner():
            raise InternalError("only the process of the task itself can talk to Sailplane, not one that it forked")
        with self._turn:
            if not self._is_open:
                raise InternalError("the task that this thread belonged to has ended")
            self._number += 1
            self._link.send(protocol.encode(question(self._number)))
            answer = self._answer(self._number)
        if answer.failure is not None:
            raise Unavailable(answer.failure)
        return answer.value

    def _answer(self, number: int) -> protocol.Answer:
        while True:
            message = self._link.receive()
            if message is None:
                os._exit(0)
            # An earlier answer may stand here: a timeout can interrupt between question and answer.
            if isinstance(message, protocol.Answer) and message.number == number:
                return message


class Child:
    """Everything that stays the same from one try to the next."""

    def __init__(self, control: int, files: Files, execute: Execute, outfit: "Outfit") -> None:
        self._link = Link(control)
        self._services = RemoteServices(self._link)
        self._files = files
        self._execute = execute
        self._capture = outfit.capture
        self._baseline = outfit.baseline
        self._meter = Meter()
        self._before = self._meter.start()

    def serve(self) -> None:
        """Run tries until the supervisor goes, or a task leaves this process unfit for another."""
        while (message := self._link.receive()) is not None:
            if isinstance(message, protocol.Run) and not self._run(message.job):
                return

    def _run(self, job: TaskJob) -> bool:
        self._services.open()
        outcome = self._outcome(job)
        if not self._link.is_owner():
            os._exit(0)  # The task forked, and this is the copy, which came back here too.
        self._baseline.disarm()
        self._services.close()
        self._capture.flush()
        reusable = self._is_reusable(outcome)
        cpu_seconds, max_rss_mib = self._meter.read().since(self._before)
        metered = evolve(outcome, cpu_seconds=cpu_seconds, max_rss_mib=max_rss_mib)
        self._answer(_encoded(metered, reusable))
        return reusable and self._clean_up()

    def _answer(self, done: bytes) -> None:
        try:
            self._link.send(done)
        except OSError as error:
            os.write(2, f"the task's outcome could not be sent, because its code closed our socket: {error}\n".encode())
            os._exit(1)

    def _clean_up(self) -> bool:
        """Make ready for another try, while the supervisor already goes on. False when that cannot be."""
        if not self._capture.is_intact():
            return False
        self._capture.install()
        is_restored = self._baseline.restore()
        self._before = self._meter.start()
        return is_restored

    def _outcome(self, job: TaskJob) -> Outcome:
        dag = self._files[job.run.file].get(job.run.dag_id)
        if dag is None:
            return _failed(
                "DagNotFound", f"{job.run.file} has no DAG {job.run.dag_id!r} when it is imported here", job.run.file
            )
        try:
            return self._execute(dag, job, self._services)
        except BaseException as error:  # noqa: BLE001,RUF100 - the edge of the process: a task may raise anything
            return _failed(type(error).__name__, str(error), job.run.file)

    def _is_reusable(self, outcome: Outcome) -> bool:
        ended = end_leftover_processes()
        spoilt = outcome.kind is OutcomeKind.KILLED or (outcome.error is not None and outcome.error.kind in _SPOILING)
        return ended and not spoilt and not has_threads()


def _failed(kind: str, message: str, file: str) -> Outcome:
    return Outcome(kind=OutcomeKind.FAILED, error=ErrorInfo(kind=kind, message=message, file=file))


def _encoded(outcome: Outcome, reusable: bool) -> bytes:
    try:
        return protocol.encode(protocol.Done(outcome=outcome, reusable=reusable))
    except (UnicodeEncodeError, TypeError) as error:
        return protocol.encode(protocol.Done(outcome=_without_json_form(outcome, error), reusable=reusable))


def _without_json_form(outcome: Outcome, error: Exception) -> Outcome:
    """What can be said of an outcome that cannot be sent as it is."""
    if outcome.error is None:
        message = f"the task's outcome has no JSON form: {error}"
        return Outcome(kind=OutcomeKind.FAILED, error=ErrorInfo(kind=type(error).__name__, message=message))
    said = outcome.error
    cleaned = replace(said, kind=protocol.writable(said.kind), message=protocol.writable(said.message), file=None)
    return Outcome(kind=outcome.kind, error=cleaned)


class Outfit:
    """What all children of a template have in common, made before the fork: a page that is not written stays shared."""

    def __init__(self) -> None:
        self.capture = Capture()
        self.capture.install()
        self.baseline = Baseline()
        kernel.flush_c_stdout_by_line()


def become_child(control: int, outputs: tuple[int, int], files: Files, execute: Execute, outfit: Outfit) -> NoReturn:
    """What a freshly forked process does until it ends."""
    status = 1
    try:
        kernel.adopt_orphans()
        kernel.name_process("sailplane-task")
        for source, target in zip(outputs, (1, 2), strict=True):
            os.dup2(source, target)
            os.close(source)
        outfit.capture.bind()
        _reseed()
        Child(control, files, execute, outfit).serve()
        status = 0
    except (ConnectionError, KeyboardInterrupt):
        status = 0  # The supervisor is gone, or has given this process up.
    except BaseException:
        os.write(2, traceback.format_exc().encode("utf-8", "replace"))
    finally:
        os._exit(status)


def _reseed() -> None:
    """Children of one template would otherwise draw the same numbers. Python sees to its own `random`."""
    numpy_random = sys.modules.get("numpy.random")
    if numpy_random is not None:
        numpy_random.seed()
