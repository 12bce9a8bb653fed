"""Pages of a list answer."""

from collections.abc import Iterable
from dataclasses import dataclass

from localcloud.pubsub.errors import InvalidArgumentError
from localcloud.pubsub.wire import Pb

DEFAULT_PAGE_SIZE = 100
MAX_PAGE_SIZE = 1000


@dataclass(frozen=True, kw_only=True)
class Page:
    """The names on one page, and the token of the next one, empty on the last."""

    names: list[str]
    next_token: str


def page_of(names: Iterable[str], request: Pb) -> Page:
    """The page that a list request asks for. A token is the last name of the page before."""
    if request.page_size < 0:
        raise InvalidArgumentError(f"Invalid page_size: {request.page_size}. It must not be negative.")
    size = min(request.page_size or DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE)
    rest = sorted(name for name in names if name > request.page_token)
    page = rest[:size]
    return Page(names=page, next_token=page[-1] if len(rest) > size else "")
