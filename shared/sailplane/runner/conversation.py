"""One try in one child, as the supervisor sees it: hand over, answer, listen, and end it when it must."""

import logging
import os
import select
import signal
import time
from dataclasses import dataclass
from datetime import timedelta

import msgspec

from sailplane.model.execution import ChildServices, Outcome, OutcomeKind, TaskJob
from sailplane.runner import endings, kernel, protocol
from sailplane.runner.cancellation import Cancellation
from sailplane.runner.masking import Masker
from sailplane.runner.output import OutputStream
from sailplane.runner.processes import Child
from sailplane.runner.spool import Spool

TIMEOUT_GRACE = timedelta(seconds=1)
"""What the child has to notice its execution_timeout itself."""
EXIT_PATIENCE = timedelta(seconds=1)
"""Between a child's silence and the news that it has ended."""
_MESSAGE_LIMIT = 256 * 1024 * 1024
_PIPE_READ = 64 * 1024
_DRAIN_READS = 32
_STDOUT = ("info", "task.stdout")
_STDERR = ("error", "task.stderr")
"""Level and logger of plain lines, as in Airflow 3."""

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What holds for a try: when it is ended from outside (in the monotonic clock's seconds), how its log is kept."""

    cancellation: Cancellation
    kill_grace: timedelta
    log_line_limit: int
    time_limit: timedelta | None = None
    time_limit_at: float = float("inf")


class Conversation:
    """Call `run` once."""

    def __init__(
        self,
        child: Child,
        *,
        services: ChildServices,
        log: Spool,
        terms: Terms,
    ) -> None:
        self._child = child
        self._control = child.control
        self._services = services
        self._log = log
        self._masker = Masker()
        if child.file_values is not None:
            child.file_values.teach(self._masker)
        self._streams: dict[int, OutputStream] = {}
        """By file descriptor, from when the first bytes come."""
        self._closed_outputs = 0
        self._terms = terms
        self._lines = protocol.Lines(_MESSAGE_LIMIT)
        self._unsent = bytearray()
        self._was_heard = False
        self._waits_to_send = False
        self._stopping: Outcome | None = None
        """What the try will have ended as once the process that we end is dead."""
        self._is_lost = False
        """True when the child closed the socket and nobody has said yet whether it has ended."""
        self._give_up_at = float("inf")
        self._outcome: Outcome | None = None
        self._is_over = False
        self.was_answered = False
        """Whether the child itself said how the try ended."""
        self.is_reusable = False
        """Whether the child may run another task."""

    def run(self, job: TaskJob) -> Outcome | None:
        """How the try ended; None when the child was dead before it began."""
        self._set_deadlines(job)
        self._child.is_clean = False
        cancellation = self._terms.cancellation
        cancellation.pid = self._child.pid
        with cancellation.watched_by(self._child.ring):
            self._send(protocol.Run(job=job))
            while not self._is_over:
                self._step()
        cancellation.pid = None
        self._drain()
        return self._outcome if self._outcome is None else self._masker.outcome(self._outcome)

    def _set_deadlines(self, job: TaskJob) -> None:
        self._deadline, self._deadline_outcome = self._terms.time_limit_at, None
        if self._terms.time_limit is not None:
            self._deadline_outcome = endings.over_time_limit(self._terms.time_limit, job.execution_timeout)
        if job.execution_timeout is not None:
            at = time.monotonic() + (job.execution_timeout + TIMEOUT_GRACE).total_seconds()
            if at < self._deadline:
                self._deadline, self._deadline_outcome = at, endings.timed_out(job.execution_timeout)

    def _step(self) -> None:
        wait_until = min(self._deadline, self._give_up_at)
        if wait_until == float("inf"):
            events = self._child.poller.poll()
        else:
            events = self._child.poller.poll(max(0.0, wait_until - time.monotonic()) * 1000 + 1)
        for file, event in events:
            self._on_event(file, event)
        if not self._is_over:
            self._on_time(time.monotonic())

    def _on_event(self, file: int, event: int) -> None:
        if file == self._child.bell:
            self._on_bell()
        elif file in (self._child.stdout, self._child.stderr):
            self._read_output(file)
        elif not self._is_over and not self._is_lost:
            if event & select.POLLOUT:
                self._flush()
            if event & (select.POLLIN | select.POLLHUP | select.POLLERR):
                self._read_control()

    def _on_bell(self) -> None:
        self._child.silence()
        reason = self._terms.cancellation.reason
        if reason is not None and self._stopping is None:
            self._stop(endings.stopped(reason))
        if self._child.is_gone:
            self._on_exit()

    def _on_time(self, now: float) -> None:
        if now >= self._give_up_at:
            self._give_up()
        elif now >= self._deadline and self._stopping is None and self._deadline_outcome is not None:
            self._stop(self._deadline_outcome)

    # Talking

    def _send(self, message: protocol.ToChild) -> None:
        self._unsent += protocol.encode(message)
        self._flush()

    def _flush(self) -> None:
        try:
            while self._unsent:
                del self._unsent[: self._control.send(self._unsent)]
        except BlockingIOError:
            self._wait_to_send(True)
        except OSError:
            self._unsent.clear()
            self._on_silence(is_unread=True)
        else:
            self._wait_to_send(False)

    def _wait_to_send(self, needed: bool) -> None:
        if needed != self._waits_to_send:
            self._waits_to_send = needed
            self._child.poller.modify(self._control, select.POLLIN | (select.POLLOUT if needed else 0))

    def _read_control(self) -> bool:
        """False when nothing more is there now."""
        try:
            data = self._control.recv(protocol.READ_SIZE)
        except BlockingIOError:
            return False
        except OSError:
            # The kernel says "reset" when the process ended with our message unread.
            self._on_silence(is_unread=True)
            return False
        if not data:
            self._on_silence(is_unread=False)
            return False
        self._was_heard = True
        try:
            for line in self._lines.feed(data):
                self._on_message(protocol.FROM_CHILD.decode(line))
        except (msgspec.DecodeError, UnicodeDecodeError, protocol.NoMessage) as error:
            self._finish(endings.garbled(str(error)))
        return not self._is_over

    def _on_message(self, message: protocol.FromChild) -> None:
        if self._is_over or self._stopping is not None:
            return
        if isinstance(message, protocol.Done):
            self._is_over = self.was_answered = True
            self._outcome = message.outcome
            if message.outcome.kind is OutcomeKind.KILLED:
                self._outcome = endings.terminated()  # By somebody else: we did not ask for it.
            self.is_reusable = message.reusable
            self._child.is_clean = message.reusable
        else:
            self._send(self._answer(message))

    def _answer(self, question: protocol.Question) -> protocol.Answer:
        try:
            return protocol.Answer(number=question.number, value=self._ask(question))
        except Exception as error:
            # The edge of the process: the task hears of it, and may catch it.
            _logger.warning("a task's question was not answered: %s", error, exc_info=True)
            return protocol.Answer(number=question.number, failure=f"{type(error).__name__}: {error}")

    def _ask(self, question: protocol.Question) -> str | None:
        match question:
            case protocol.AskXCom():
                return self._services.xcom(question.ref)
            case protocol.AskXComItems():
                items = self._services.xcom_items(question.ref, question.start, question.stop)
                return msgspec.json.encode(items).decode()
            case protocol.AskRun():
                return msgspec.json.encode(self._services.trigger_run(question.request)).decode()
            case protocol.AskRuns():
                return msgspec.json.encode(self._services.find_runs(question.query)).decode()
            case protocol.AskAssets():
                return msgspec.json.encode(self._services.assets(question.query)).decode()
            case protocol.AskVariable():
                text = self._services.variable(question.key)
                self._masker.learn_variable(question.key, text)
                return text
            case protocol.AskConnection():
                text = self._services.connection(question.conn_id)
                self._masker.learn_connection(question.conn_id, text)
                return text
            case protocol.AskState():
                return self._services.state(question.request)
            case protocol.AskShelf():
                return self._services.shelf(question.request)
            case protocol.Mask():
                self._masker.learn(question.secrets)
                return None
            case _:
                return self._about_variables(question)

    def _about_variables(
        self,
        question: protocol.SetVariable | protocol.DeleteVariable | protocol.AskVariableKeys | protocol.AskLookedIn,
    ) -> str | None:
        match question:
            case protocol.SetVariable():
                self._masker.learn_variable(question.key, question.value)
                self._services.set_variable(question.key, question.value, question.description)
                return None
            case protocol.DeleteVariable():
                self._services.delete_variable(question.key)
                return None
            case protocol.AskVariableKeys():
                return msgspec.json.encode(self._services.variable_keys(question.prefix)).decode()
            case protocol.AskLookedIn():
                return self._services.looked_in()

    # Listening

    def _read_output(self, file: int) -> None:
        try:
            data = os.read(file, _PIPE_READ)
        except BlockingIOError:
            return
        if data:
            self._was_heard = True
            self._stream(file).feed(data)
        else:
            self._child.poller.unregister(file)
            self._child.outputs.unregister(file)
            self._closed_outputs += 1

    def _stream(self, file: int) -> OutputStream:
        stream = self._streams.get(file)
        if stream is None:
            level, logger = _STDOUT if file == self._child.stdout else _STDERR
            line_limit = self._terms.log_line_limit
            stream = OutputStream(self._log, level=level, logger=logger, line_limit=line_limit, masker=self._masker)
            self._streams[file] = stream
        return stream

    def _drain(self) -> None:
        """Take what is in the pipes, without waiting for more."""
        for _ in range(_DRAIN_READS):
            ready = self._child.outputs.poll(0)
            if not ready:
                break
            for file, _event in ready:
                self._read_output(file)
        for stream in self._streams.values():
            stream.finish()
        self.is_reusable = self.is_reusable and not self._closed_outputs

    # Ending

    def _stop(self, outcome: Outcome) -> None:
        self._stopping = outcome
        self._child.signal(signal.SIGTERM)
        if self._is_lost:
            self._finish(outcome)
        else:
            asked = self._terms.cancellation.grace
            grace = self._terms.kill_grace if asked is None else min(asked, self._terms.kill_grace)
            self._give_up_at = time.monotonic() + grace.total_seconds()

    def _on_silence(self, *, is_unread: bool) -> None:
        """The child's end of the socket is closed."""
        if self._stopping is not None:
            self._finish(self._stopping)
        elif is_unread and not self._was_heard:
            self._is_over = True
        elif self._child.is_gone:
            self._finish(endings.ended(self._child.exit_status))
        else:
            self._child.poller.unregister(self._control)
            self._is_lost = True
            self._give_up_at = time.monotonic() + EXIT_PATIENCE.total_seconds()

    def _on_exit(self) -> None:
        """The process has ended; its answer may still be in the socket."""
        while not self._is_lost and not self._is_over and self._read_control():
            pass
        if not self._is_over:
            self._finish(self._stopping or endings.ended(self._child.exit_status))

    def _give_up(self) -> None:
        if self._stopping is not None:
            self._finish(self._stopping)
        else:
            status = kernel.zombie_status(self._child.pid)
            self._finish(endings.disconnected() if status is None else endings.ended(status))

    def _finish(self, outcome: Outcome) -> None:
        self._child.signal(signal.SIGKILL)
        self._outcome = outcome
        self._is_over = True
