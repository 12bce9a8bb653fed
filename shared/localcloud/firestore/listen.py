"""Listen: the documents of targets now, and every change to them from then on."""

import asyncio
from collections.abc import Iterable
from typing import Any, TypeAlias

from .documents import Stored
from .engine import Engine, parse_names
from .errors import FirestoreError, invalid
from .paths import ParentName, parent_name, path_text
from .protos import ListenResponse, Message, Status, TargetChange, timestamp
from .query import Query, parse_query
from .storage import Change

ChangeType = TargetChange.TargetChangeType
Outgoing: TypeAlias = "asyncio.Queue[Any]"


class Target:
    """Something listened to: which documents belong to it, and what the listener has been told of them."""

    def __init__(self, target_id: int, database: str) -> None:
        self.id = target_id
        self._root = database + "/documents/"

    def begin(self) -> list[Message]:
        """The documents as they are now."""
        raise NotImplementedError

    def follow(self, changes: list[Change], now: int) -> list[Message]:
        """What a commit changed."""
        raise NotImplementedError

    def changed(self, document: Stored) -> Message:
        response = ListenResponse()
        response.document_change.document.CopyFrom(document.message(self._name(document.key)))
        response.document_change.target_ids.append(self.id)
        return response

    def deleted(self, key: bytes, now: int) -> Message:
        response = ListenResponse()
        response.document_delete.document = self._name(key)
        response.document_delete.removed_target_ids.append(self.id)
        response.document_delete.read_time.CopyFrom(timestamp(now))
        return response

    def removed(self, key: bytes, now: int) -> Message:
        response = ListenResponse()
        response.document_remove.document = self._name(key)
        response.document_remove.removed_target_ids.append(self.id)
        response.document_remove.read_time.CopyFrom(timestamp(now))
        return response

    def _name(self, key: bytes) -> str:
        return self._root + path_text(key)


class DocumentsTarget(Target):
    """Documents by name."""

    def __init__(self, target_id: int, database: str, engine: Engine, names: Iterable[str]) -> None:
        super().__init__(target_id, database)
        self._engine = engine
        self._names = parse_names(database, names)
        self._keys = {engine.key(name) for name in self._names}

    def begin(self) -> list[Message]:
        now = self._engine.read_time()
        found = [(self._engine.key(name), self._engine.get(name)) for name in self._names]
        return [self.deleted(key, now) if document is None else self.changed(document) for key, document in found]

    def follow(self, changes: list[Change], now: int) -> list[Message]:
        return [
            self.deleted(change.key, now) if change.after is None else self.changed(change.after)
            for change in changes
            if change.key in self._keys and change.before is not change.after
        ]


class QueryTarget(Target):
    """The results of a query."""

    def __init__(self, target_id: int, engine: Engine, query: Query) -> None:
        super().__init__(target_id, query.parent.database)
        self._engine = engine
        self._query = query
        self._prefix = engine.storage.prefix(query.parent.database)
        self._run = engine.view.run(query, self._prefix)
        self._known: dict[bytes, int] = {}

    def begin(self) -> list[Message]:
        return self._compare(self._engine.read_time())

    def follow(self, changes: list[Change], now: int) -> list[Message]:
        relevant = [change for change in changes if self._concerns(change)]
        if not relevant:
            return []
        if self._query.limit is not None or self._query.offset:
            return self._compare(now)
        return [message for change in relevant for message in self._step(change, now)]

    def _concerns(self, change: Change) -> bool:
        return change.key.startswith(self._prefix) and self._query.covers(path_text(change.key))

    def _step(self, change: Change, now: int) -> list[Message]:
        """One change to a query whose every result stands for itself."""
        if change.after is not None and self._run.includes(change.after):
            if self._known.get(change.key) == change.after.updated:
                return []
            self._known[change.key] = change.after.updated
            self._engine.bill_reads(1)
            return [self.changed(change.after)]
        if self._known.pop(change.key, None) is None:
            return []
        return [self.deleted(change.key, now) if change.after is None else self.removed(change.key, now)]

    def _compare(self, now: int) -> list[Message]:
        """Ask the query again and tell the difference."""
        documents = self._engine.query(self._query).documents
        current = {document.key: document.updated for document in documents}
        messages = [self.removed(key, now) for key in self._known.keys() - current.keys()]
        known = self._known
        messages += [self.changed(document) for document in documents if known.get(document.key) != document.updated]
        self._known = current
        return messages


class ListenStream:
    """One Listen call: its targets, and the answers waiting to be sent."""

    def __init__(self, engine: Engine) -> None:
        self.outgoing: Outgoing = asyncio.Queue()
        self._engine = engine
        self._targets: dict[int, Target] = {}
        engine.watchers.append(self._follow)

    def close(self) -> None:
        self._engine.watchers.remove(self._follow)

    def receive(self, request: Message) -> None:
        """Add or remove a target."""
        kind = request.WhichOneof("target_change")
        if kind == "add_target":
            self._add(request.database, request.add_target)
        elif kind == "remove_target":
            self._targets.pop(request.remove_target, None)
            self._send(_target_change(ChangeType.REMOVE, [request.remove_target]))
        else:
            raise invalid("A ListenRequest must add or remove a target.")

    def _add(self, database: str, message: Message) -> None:
        target_id = message.target_id or max(self._targets, default=0) + 1
        try:
            target = self._target(database, target_id, message)
            messages = target.begin()
        except FirestoreError as error:
            self._send(_refusal(target_id, error))
            return
        now = self._engine.read_time()
        self._send(_target_change(ChangeType.ADD, [target_id]))
        if message.WhichOneof("resume_type") is not None:
            self._send(_target_change(ChangeType.RESET, [target_id]))
        self._send(*messages, _target_change(ChangeType.CURRENT, [target_id], now), _consistent(now))
        if message.once:
            self._send(_target_change(ChangeType.REMOVE, [target_id]))
        else:
            self._targets[target_id] = target

    def _target(self, database: str, target_id: int, message: Message) -> Target:
        kind = message.WhichOneof("target_type")
        if kind == "documents":
            return DocumentsTarget(target_id, database, self._engine, message.documents.documents)
        if kind != "query":
            raise invalid("A target must be a query or documents.")
        parent: ParentName = parent_name(message.query.parent)
        return QueryTarget(target_id, self._engine, parse_query(parent, message.query.structured_query))

    def _follow(self, changes: list[Change], now: int) -> None:
        messages = [message for target in self._targets.values() for message in target.follow(changes, now)]
        if messages:
            self._send(*messages, _consistent(now))

    def _send(self, *messages: Message) -> None:
        for message in messages:
            self.outgoing.put_nowait(message)


def _target_change(kind: int, target_ids: list[int], now: int | None = None) -> Message:
    response = ListenResponse()
    response.target_change.target_change_type = kind
    response.target_change.target_ids.extend(target_ids)
    if now is not None:
        response.target_change.read_time.CopyFrom(timestamp(now))
        response.target_change.resume_token = str(now).encode()
    return response


def _consistent(now: int) -> Message:
    """All targets are as of `now`: the listener may show them."""
    return _target_change(ChangeType.NO_CHANGE, [], now)


def _refusal(target_id: int, error: FirestoreError) -> Message:
    response = _target_change(ChangeType.REMOVE, [target_id])
    response.target_change.cause.CopyFrom(Status(code=error.code.value[0], message=error.message))
    return response
