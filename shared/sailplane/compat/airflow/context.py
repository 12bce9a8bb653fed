"""What DAG files annotate with."""

from typing import Any


class Context(dict[str, Any]):
    """The context of a running task, as an annotation: what tasks are given is a plain dict."""
