"""One thread for each bundle in use: starts its template, has files imported and children forked."""

import logging
import os
import select
import threading
import time
from collections.abc import Callable
from pathlib import Path

from sailplane.model.execution import ReadingServices
from sailplane.runner import endings, protocol
from sailplane.runner.config import RunnerConfig
from sailplane.runner.file_values import FileValues
from sailplane.runner.processes import Child, TemplateProcess
from sailplane.runner.roster import Refusal, Roster

_LEAVE_PATIENCE = 3.0
_logger = logging.getLogger(__name__)


class Nursery:
    """Serves those in the roster who wait for a child of this bundle.

    Forks one child at a time, and only while somebody waits: a burst of short tries is over before many are needed.
    """

    def __init__(
        self,
        bundle: Path,
        config: RunnerConfig,
        roster: Roster,
        *,
        values: ReadingServices | None,
        may_retire: Callable[["Nursery"], bool],
        on_room: Callable[[], None],
        on_broken: Callable[["Nursery"], None],
    ) -> None:
        self.bundle = bundle
        self._config = config
        self._roster = roster
        self._file_values = FileValues(values) if values is not None else None
        self._may_retire = may_retire
        self._on_room = on_room
        self._on_broken = on_broken
        self._bell = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._bell_lock = threading.Lock()
        self.is_superseded = False
        """True once a newer bundle is in use: then nothing needs to stay warm here."""
        self._is_stopping = False
        self._is_over = False
        self._ahead: list[str] = []
        """Files to import though nobody waits for them yet."""
        self._template: TemplateProcess | None = None
        self._loaded: set[str] = set()
        self._children: dict[int, Child] = {}
        self._loading: str | None = None
        self._loading_until = float("inf")
        self._forking: Child | None = None
        self._used_at = time.monotonic()
        # The template dies with the thread that starts it, so that is this one and not a caller's.
        self._thread = threading.Thread(target=self._work, name=f"sailplane-nursery-{bundle.name[:12]}", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Somebody waits, or there is room."""
        with self._bell_lock:
            if not self._is_over:
                os.eventfd_write(self._bell, 1)

    def prepare(self, file: str) -> None:
        self._ahead.append(file)
        self.wake()

    def stop(self) -> None:
        """End the template and all children."""
        self._is_stopping = True
        self.wake()

    def join(self) -> None:
        self._thread.join()

    def _work(self) -> None:
        try:
            while not self._is_stopping:
                self._begin_next()
                self._wait()
                if self._is_retired():
                    break
        except Exception as error:
            # The edge of the thread: those who wait must hear of it.
            _logger.exception("the nursery of %s broke", self.bundle)
            self._on_broken(self)
            self._roster.refuse(Refusal(outcome=endings.no_process(repr(error))), bundle=self.bundle)
        finally:
            self._shut_down()

    # Deciding

    def _begin_next(self) -> None:
        if self._loading is not None or self._forking is not None:
            return
        need = self._roster.first_need(self.bundle)
        file = need.file if need is not None else self._next_ahead()
        if file is None or not self._start():
            return
        self._used_at = time.monotonic()
        if file not in self._loaded:
            self._load(file)
        elif need is not None and self._roster.reserve():
            self._fork()

    def _next_ahead(self) -> str | None:
        while self._ahead:
            file = self._ahead.pop(0)
            if file not in self._loaded:
                return file
        return None

    def _start(self) -> bool:
        if self._template is not None:
            return True
        try:
            self._template = TemplateProcess(self.bundle, self._config, has_values=self._file_values is not None)
        except OSError as error:
            self._roster.refuse(Refusal(outcome=endings.no_process(str(error))), bundle=self.bundle)
            return False
        return True

    def _load(self, file: str) -> None:
        seconds = self._config.import_timeout.total_seconds()
        self._loading = file
        # Should it not even react to that, its whole template is given up.
        self._loading_until = time.monotonic() + seconds + self._config.kill_grace.total_seconds()
        self._tell(protocol.Load(file=file, seconds=seconds))

    def _fork(self) -> None:
        try:
            child = Child(self.bundle, frozenset(self._loaded), self._file_values)
        except OSError as error:
            self._on_forked(protocol.Forked(failure=str(error)))
            return
        self._forking = child
        self._tell(protocol.Fork(), child.far_ends())
        child.close_far_ends()

    def _tell(self, command: protocol.ToTemplate, files: tuple[int, ...] = ()) -> None:
        # That the template is gone shows when its socket is read.
        if self._template is not None:
            self._template.send(command, files)

    # Waiting

    def _wait(self) -> None:
        poller = select.poll()
        poller.register(self._bell, select.POLLIN)
        if self._template is not None:
            poller.register(self._template.control, select.POLLIN)
        wake_at = self._next_wake()
        timeout = None if wake_at == float("inf") else max(0.0, wake_at - time.monotonic()) * 1000 + 1
        for file, _ in poller.poll(timeout):
            if file == self._bell:
                os.eventfd_read(self._bell)
            else:
                self._listen()
        self._on_time(time.monotonic())

    def _next_wake(self) -> float:
        idle = self._config.idle_child_timeout.total_seconds()
        times = [self._loading_until]
        if self._children:
            # A child that works now may become idle without a word to us: its time is over after this at the earliest.
            times.append((self._roster.idle_since(self.bundle) or time.monotonic()) + idle)
        elif self.is_superseded:
            times.append(self._used_at + idle)
        return min(times)

    def _on_time(self, now: float) -> None:
        self._roster.expire(self.bundle, now - self._config.idle_child_timeout.total_seconds())
        if now >= self._loading_until and self._template is not None and self._loading is not None:
            hung = endings.import_hung(self._loading, self._config.import_timeout)
            self._roster.refuse(Refusal(outcome=hung), bundle=self.bundle, file=self._loading)
            self._template.kill()
            self._on_template_end()

    def _is_retired(self) -> bool:
        idle_at = self._used_at + self._config.idle_child_timeout.total_seconds()
        unused = self.is_superseded and not self._children and time.monotonic() >= idle_at
        return unused and self._loading is None and self._forking is None and self._may_retire(self)

    # Listening

    def _listen(self) -> None:
        messages = self._template.receive() if self._template is not None else []
        if messages is None:
            self._on_template_end()
            return
        for message in messages:
            match message:
                case protocol.Loaded():
                    self._on_loaded(message)
                case protocol.Forked():
                    self._on_forked(message)
                case protocol.Exited():
                    self._on_exited(message)
                case _ if self._file_values is not None:
                    self._tell(self._file_values.answer(message))

    def _on_loaded(self, message: protocol.Loaded) -> None:
        self._loading, self._loading_until = None, float("inf")
        if message.error is None:
            self._loaded.add(message.file)
        else:
            refusal = Refusal(outcome=endings.import_failed(message.error), traceback=message.traceback)
            self._roster.refuse(refusal, bundle=self.bundle, file=message.file)

    def _on_forked(self, message: protocol.Forked) -> None:
        child, self._forking = self._forking, None
        if message.failure is not None or child is None:
            self._roster.unreserve()
            refusal = Refusal(outcome=endings.no_process(message.failure or "unknown"))
            self._roster.refuse_first(refusal, bundle=self.bundle)
            if child is not None:
                child.close()
            return
        child.pid = message.pid
        self._children[child.pid] = child
        if not self._roster.settle(child):
            child.discard()

    def _on_exited(self, message: protocol.Exited) -> None:
        child = self._children.pop(message.pid)
        child.end(message.status)
        self._roster.end(child)
        self._tell(protocol.Release(pid=message.pid, left_processes=not child.is_clean))
        self._on_room()

    def _on_template_end(self) -> None:
        if self._template is None:
            return
        status = self._template.kill()
        refusal = Refusal(outcome=endings.template_ended(status, self._loading))
        self._template, self._loading, self._loading_until = None, None, float("inf")
        self._loaded.clear()
        self._bury_all()
        self._roster.restart(refusal, bundle=self.bundle)
        self._on_room()

    def _bury_all(self) -> None:
        if self._forking is not None:
            self._forking.close()
            self._forking = None
            self._roster.unreserve()
        for child in self._children.values():
            child.end(None)
            self._roster.end(child)
        self._children.clear()

    def _shut_down(self) -> None:
        with self._bell_lock:
            self._is_over = True
        if self._template is not None:
            self._template.leave(_LEAVE_PATIENCE)
            self._template = None
        self._bury_all()
        os.close(self._bell)
