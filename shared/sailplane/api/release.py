"""Which release of Sailplane this is."""

from functools import cache


@cache
def version() -> str:
    """The installed version; `0.dev` when it runs from a source tree that nobody installed."""
    from importlib import metadata

    try:
        return metadata.version("sailplane")
    except metadata.PackageNotFoundError:
        return "0.dev"
