"""Values of the context that are fetched when they are used, since few tasks use them."""

import operator
from collections.abc import Callable
from typing import Any

_UNSEEN = object()


class LazyValue:
    """Stands for what `fetch` returns, which is called with the first use, and once.

    Where a task asks for it by name, in a template, as an argument or as `context[name]`, it gets the value itself;
    only in a copy of the whole context (`**context`) does this stand for it.
    """

    __slots__ = ("_fetch", "_value")

    def __init__(self, fetch: Callable[[], Any]) -> None:
        object.__setattr__(self, "_fetch", fetch)
        object.__setattr__(self, "_value", _UNSEEN)

    def __getattr__(self, name: str) -> Any:
        return getattr(unwrapped(self), name)

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        return type(unwrapped(self))

    def __repr__(self) -> str:
        return repr(unwrapped(self))

    def __str__(self) -> str:
        return str(unwrapped(self))

    def __format__(self, form: str) -> str:
        return format(unwrapped(self), form)

    def __bool__(self) -> bool:
        return bool(unwrapped(self))

    def __hash__(self) -> int:
        return hash(unwrapped(self))

    def __reduce__(self) -> Any:
        return unwrapped, (unwrapped(self),)


def unwrapped(value: Any) -> Any:
    """What `value` stands for; itself when it is no `LazyValue`."""
    if type(value) is not LazyValue:
        return value
    if object.__getattribute__(value, "_value") is _UNSEEN:
        fetch = object.__getattribute__(value, "_fetch")
        object.__setattr__(value, "_value", fetch())
    return object.__getattribute__(value, "_value")


def _forward(name: str, does: Callable[[Any, Any], Any]) -> None:
    def forward(self: LazyValue, other: Any) -> Any:
        return does(unwrapped(self), unwrapped(other))

    def reflected(self: LazyValue, other: Any) -> Any:
        return does(unwrapped(other), unwrapped(self))

    setattr(LazyValue, f"__{name}__", forward)
    if name in ("add", "sub"):
        setattr(LazyValue, f"__r{name}__", reflected)


for _name in ("eq", "ne", "lt", "le", "gt", "ge", "add", "sub"):
    _forward(_name, getattr(operator, _name))


class Context(dict[str, Any]):
    """The context of a task: a dict that gives values themselves where it holds a `LazyValue`."""

    def __getitem__(self, name: str) -> Any:
        return unwrapped(super().__getitem__(name))

    def get(self, name: str, default: Any = None) -> Any:
        return unwrapped(super().get(name, default))
