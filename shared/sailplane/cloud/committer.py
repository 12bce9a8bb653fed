"""Group commit: what several threads want to write at the same moment goes to Firestore in one commit.

A thread that comes while no commit is under way sends its own at once, so a lone chain waits for nobody. Those that
come meanwhile are sent together by whoever is done first. A unit is all or nothing and fails alone: when a commit of
several units meets a conflict or is refused, each is sent by itself. A commit whose answer was lost is known again by
the nonces in what it wrote.
"""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sailplane.cloud import changes, documents
from sailplane.cloud.changes import Change, Merge, Remove, ReplaceShared
from sailplane.cloud.firestore import CommitRequest, Conflict, Firestore, Refused
from sailplane.model.errors import SailplaneError
from sailplane.model.runs import Token

MAX_WRITES = 500
"""Writes in one commit. Firestore allows more, within 10 MiB; larger ones only make everybody wait longer."""
MAX_BYTES = 8 * 1024 * 1024


@dataclass(frozen=True)
class Committed:
    """Update times of the written documents, in the order of the changes."""

    tokens: tuple[Token, ...]


Result = Committed | Conflict


@dataclass(eq=False)
class _Unit:
    changes: Sequence[Change]
    writes: list[Any]
    size: int
    on_result: Callable[[Result], None] | None
    shared: frozenset[str]
    """Names of documents that others write to without expecting anything. One commit has each of these once: whether a
    precondition sees the writes before it in the same commit is nobody's promise."""
    is_leader: bool = False
    result: Result | BaseException | None = None
    wake: threading.Event = field(default_factory=threading.Event)


class Committer:
    """Sends units of changes, grouped when they meet."""

    def __init__(self, firestore: Firestore, *, shards: int) -> None:
        self._firestore = firestore
        self._shards = shards
        self._lock = threading.Lock()
        self._waiting: deque[_Unit] = deque()
        self._is_busy = False

    def commit(self, unit: Sequence[Change], on_result: Callable[[Result], None] | None = None) -> Result:
        """Make all of `unit` or nothing. Blocks; raises `Unavailable` or `Refused`.

        `on_result` is called once the result is known and before any thread of the same group goes on, in order: what
        it remembers, all of them see. What it raises, this call raises.
        """
        writes = [changes.encode(change, self._firestore.root, self._shards) for change in unit]
        mine = _Unit(unit, writes, sum(write.ByteSize() for write in writes), on_result, _shared(unit, writes))
        if not self._lead(mine):
            mine.wake.wait()
        if mine.is_leader:
            self._send_group()
        return _outcome(mine)

    def _lead(self, unit: _Unit) -> bool:
        """Queue `unit`; True when this thread is the one to send, False when it has to wait."""
        with self._lock:
            self._waiting.append(unit)
            if self._is_busy:
                return False
            self._is_busy = unit.is_leader = True
            return True

    def _send_group(self) -> None:
        group = self._take_group()
        try:
            self._send(group)
        except BaseException as error:
            # What this thread met by chance is nothing that it alone should know: nobody can tell what was written.
            for unit in group:
                unit.result = unit.result or error
        finally:
            self._hand_over()
            for unit in group:
                unit.wake.set()

    def _take_group(self) -> list[_Unit]:
        """The longest run of waiting units that fits one commit; at least one."""
        with self._lock:
            group = [self._waiting.popleft()]
            count, size, shared = len(group[0].writes), group[0].size, group[0].shared
            while self._waiting:
                following = self._waiting[0]
                if following.shared and not shared.isdisjoint(following.shared):
                    break
                shared |= following.shared
                count, size = count + len(following.writes), size + following.size
                if count > MAX_WRITES or size > MAX_BYTES:
                    break
                group.append(self._waiting.popleft())
            return group

    def _hand_over(self) -> None:
        """Let the first waiting unit's thread send the next group."""
        with self._lock:
            if not self._waiting:
                self._is_busy = False
                return
            following = self._waiting[0]
            following.is_leader = True
        following.wake.set()

    def _send(self, group: list[_Unit]) -> None:
        together = self._try(group)
        if isinstance(together, Conflict | Refused) and len(group) > 1:
            for unit in group:
                alone = self._try([unit])
                if isinstance(alone, Conflict) and isinstance(together, Conflict) and together.in_doubt:
                    alone = Conflict(in_doubt=True)
                _settle(unit, self._resolve(unit, alone))
            return
        if isinstance(together, Conflict):
            together = self._resolve(group[0], together)
        offset = 0
        for unit in group:
            _settle(unit, _part(together, offset, len(unit.writes)))
            offset += len(unit.writes)

    def _resolve(self, unit: _Unit, result: Result | SailplaneError) -> Result | SailplaneError:
        """Turn a conflict in doubt into a commit when the stored documents are the ones that `unit` wrote."""
        if not isinstance(result, Conflict) or not result.in_doubt:
            return result
        names = [write.update.name for write in unit.writes if write.update.name]
        try:
            found = {document.name: document for document in self._firestore.get(names)}
        except SailplaneError as error:
            return error
        if not all(_is_written(write, found.get(write.update.name)) for write in unit.writes):
            return Conflict(in_doubt=False)
        stored = [found.get(write.update.name) for write in unit.writes]
        return Committed(tuple(documents.token_of(document.update_time) if document else "" for document in stored))

    def _try(self, group: list[_Unit]) -> Result | SailplaneError:
        request = CommitRequest(database=self._firestore.database)
        for unit in group:
            request.writes.extend(unit.writes)
        try:
            answer = self._firestore.commit(request)
        except SailplaneError as error:
            return error
        if isinstance(answer, Conflict):
            return answer
        return Committed(tuple(documents.token_of(result.update_time) for result in answer.write_results))


_NONE: frozenset[str] = frozenset()


_SHARED = frozenset({Merge, Remove, ReplaceShared})


def _shared(unit: Sequence[Change], writes: Sequence[Any]) -> frozenset[str]:
    if _SHARED.isdisjoint(map(type, unit)):
        return _NONE
    both = zip(unit, writes, strict=True)
    return frozenset(write.update.name or write.delete for change, write in both if type(change) in _SHARED)


def _is_written(write: Any, stored: Any) -> bool:
    """True when `stored` holds what `write` sets: a nonce in it makes that certain."""
    if not write.update.name or not write.HasField("current_document"):
        # What expects nothing others may have written over since; the guarded writes beside it tell.
        return True
    return stored is not None and all(stored.fields[name] == value for name, value in write.update.fields.items())


def _part(result: Result | SailplaneError, offset: int, length: int) -> Result | SailplaneError:
    if isinstance(result, Committed):
        return Committed(result.tokens[offset : offset + length])
    return result


def _settle(unit: _Unit, result: Result | SailplaneError) -> None:
    unit.result = result
    if unit.on_result is None or not isinstance(result, Committed | Conflict):
        return
    try:
        unit.on_result(result)
    except BaseException as error:
        # Of the thread whose callback it is, which need not be this one: it is raised there.
        unit.result = error


def _outcome(unit: _Unit) -> Result:
    if isinstance(unit.result, BaseException):
        raise unit.result
    assert unit.result is not None, "a unit that was sent has a result"
    return unit.result
