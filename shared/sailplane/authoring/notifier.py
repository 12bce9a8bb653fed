"""Notifiers: callbacks with arguments of their own."""

import copy
import logging
from collections.abc import Generator, Mapping, Sequence
from typing import Any

from sailplane.authoring.templates import Templater


class BaseNotifier(Templater):
    """A callback that is told what to say when the DAG is written. Subclasses write `notify`.

    Given as `on_failure_callback` and the like; called with the context, it renders its templates and notifies.
    """

    template_fields: Sequence[str] = ()
    template_ext: Sequence[str] = ()

    def __init__(self, context: Mapping[str, Any] | None = None) -> None:
        self.context = context or {}

    @property
    def log(self) -> logging.Logger:
        return logging.getLogger(f"{type(self).__module__}.{type(self).__qualname__}")

    def notify(self, context: Mapping[str, Any]) -> None:
        """Tell. The context has this notifier's rendered `template_fields` too."""
        raise NotImplementedError(f"{type(self).__name__} has no notify()")

    async def async_notify(self, context: Mapping[str, Any]) -> None:
        """Tell, where somebody waits for a coroutine; by default what `notify` does."""
        self.notify(context)

    def __await__(self) -> Generator[Any, None, None]:
        """Tell with the context that is kept here: of a deadline's callback that may be."""
        rendered, context = self._rendered(self.context)
        return rendered.async_notify(context).__await__()

    def __call__(self, context: Mapping[str, Any]) -> None:
        rendered, known = self._rendered(context)
        rendered.notify(known)

    def _rendered(self, context: Mapping[str, Any]) -> tuple["BaseNotifier", dict[str, Any]]:
        """A copy, as the next task that ends in this process needs the templates again; and its context."""
        rendered = copy.copy(self)
        rendered.render_template_fields(context)
        return rendered, {**context, **{name: getattr(rendered, name) for name in rendered.template_fields}}
