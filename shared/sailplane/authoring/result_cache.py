"""Results that later runs use again: a task with a `cache_key` is not run when its result is there under that key."""

import hashlib
import inspect
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from sailplane.authoring.lazy_xcom import LazyXComSequence
from sailplane.authoring.xcom_arg import XCOM_RETURN_KEY
from sailplane.model import xcom
from sailplane.model.errors import TransientError
from sailplane.model.execution import ChildServices, TaskJob
from sailplane.model.shelf import ShelfKind, ShelfRequest, ShelfVerb

if TYPE_CHECKING:
    from sailplane.authoring.operator import BaseOperator

CacheKey = str | Callable[[Mapping[str, Any]], str | None]
"""A template, or a function of the context. An empty text or None: this time nothing is kept or used again."""


@dataclass(frozen=True, kw_only=True)
class KeptResult:
    """What a task pushed when it succeeded."""

    xcoms: Mapping[str, str]
    """key -> envelope."""
    skip_tasks: tuple[str, ...]

    @property
    def value(self) -> Any:
        """What it returned."""
        envelope = self.xcoms.get(XCOM_RETURN_KEY)
        return None if envelope is None else xcom.loads(envelope)


class ResultCache:
    """The results of one task, as one try of it sees them."""

    def __init__(self, task: "BaseOperator", key: str, job: TaskJob, services: ChildServices) -> None:
        self._task = task
        self._key = key
        self._job = job
        self._services = services

    def find(self) -> KeptResult | None:
        """The result under the key, if it is not too old. None in later tries: who clears a task wants it to run."""
        if self._job.try_number > 1 or self._job.rescheduled_since is not None:
            return None
        try:
            text = self._services.shelf(self._request(ShelfVerb.GET))
        except TransientError as error:
            self._task.log.warning("The task runs, because kept results cannot be read now: %s", error)
            return None
        return None if text is None else self._read(json.loads(text))

    def _read(self, stored: Mapping[str, Any]) -> KeptResult | None:
        made_at = datetime.fromisoformat(stored["made_at"])
        expiration: timedelta | None = self._task.cache_expiration
        if expiration is not None and made_at + expiration <= datetime.now(UTC):
            return None
        self._task.log.info(
            "The task does not run: the result of run %s from %s under the key %r is used again",
            stored["run_id"],
            made_at.isoformat(timespec="seconds"),
            self._key,
        )
        return KeptResult(xcoms=stored["xcoms"], skip_tasks=tuple(stored["skip_tasks"]))

    def keep(self, xcoms: Mapping[str, str], skip_tasks: tuple[str, ...]) -> None:
        """Keep what the try pushed for those that come later. When that fails, the task succeeds all the same."""
        stored = {
            "key": self._key,
            "run_id": self._job.run.run_id,
            "made_at": datetime.now(UTC).isoformat(),
            "xcoms": dict(xcoms),
            "skip_tasks": skip_tasks,
        }
        try:
            self._services.shelf(self._request(ShelfVerb.PUT, json.dumps(stored)))
        except TransientError as error:
            self._task.log.warning("The result is not kept for later runs: %s", error)

    def _request(self, verb: ShelfVerb, text: str = "") -> ShelfRequest:
        name = hashlib.sha256(self._key.encode("utf-8", "surrogatepass")).hexdigest()
        return ShelfRequest(verb=verb, kind=ShelfKind.RESULT, task_id=self._task.task_id, name=name, text=text)


def cache_of(
    task: "BaseOperator", context: Mapping[str, Any], job: TaskJob, services: ChildServices
) -> ResultCache | None:
    """The cache of a task whose fields are rendered; None when it has no `cache_key`, or an empty one this time."""
    if task.cache_key is None:
        return None
    key = task.cache_key(context) if callable(task.cache_key) else task.render_template(task.cache_key, context)
    if key is None or key == "":
        return None
    if not isinstance(key, str):
        raise TypeError(f"task {task.task_id!r}: cache_key must give a text or None, not {type(key).__name__}: {key!r}")
    return ResultCache(task, key, job, services)


def task_inputs(context: Mapping[str, Any]) -> str:
    """As `cache_key`: the same result for the same arguments, as long as the task's own function stays as it is.

    A hash of the rendered fields and of the source of functions among them and of `python_callable`. What these call,
    and what they read elsewhere, is not in it. Raises `XComNotSerializable` for an argument that can be no XCom.
    """
    task: BaseOperator = context["task"]
    digest = hashlib.sha256(task.task_type.encode())
    names = [*task.template_fields, *(["python_callable"] if hasattr(task, "python_callable") else [])]
    for name in names:
        text = _text_of(getattr(task, name, None), name, f"the cache_key of task {task.task_id!r}")
        digest.update(f"\n{name}={text}".encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


def _text_of(value: Any, name: str, where: str) -> str:
    if callable(value):
        try:
            return inspect.getsource(value)
        except (OSError, TypeError):  # Made by hand, or not in Python.
            return repr(getattr(value, "__qualname__", type(value).__qualname__))
    return xcom.dumps(list(value) if isinstance(value, LazyXComSequence) else value, key=name, where=where)
