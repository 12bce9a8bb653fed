"""`Verbs`: how things of one kind are made, changed and taken away."""

from collections.abc import Callable
from dataclasses import dataclass

from sailplane.deploy.command import Command
from sailplane.deploy.kit import Kit
from sailplane.deploy.resource import Resource

Make = Callable[[Kit, Resource], tuple[Command, ...]]


@dataclass(frozen=True, kw_only=True)
class Verbs:
    """The commands for one kind of resource. `update` and `delete` are given what was found there, too: the resource's
    settings with `id`, by which Google knows it."""

    create: Make
    update: Make | None = None
    """None: it is taken away and made anew."""
    delete: Make | None = None
    """None: it stays."""
    fixed: frozenset[str] = frozenset()
    """Settings that can be changed by making it anew only."""
    lasting: frozenset[str] = frozenset()
    """Settings that cannot be changed at all, because data would be lost."""
