"""Notifiers: callbacks with arguments of their own."""

import copy
import logging
from collections.abc import Mapping, Sequence
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

    def __call__(self, context: Mapping[str, Any]) -> None:
        # A copy: the templates are needed again by the next task that ends in this process.
        rendered = copy.copy(self)
        rendered.render_template_fields(context)
        rendered.notify({**context, **{name: getattr(rendered, name) for name in rendered.template_fields}})
