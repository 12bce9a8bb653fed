"""The difference between an argument that is None and one that was not given."""

from typing import Any, Final, TypeGuard


class ArgNotSet:
    """Type of `NOTSET`."""

    def __repr__(self) -> str:
        return "NOTSET"


NOTSET: Final = ArgNotSet()


def is_arg_set(value: Any) -> TypeGuard[Any]:
    return not isinstance(value, ArgNotSet)
