"""A run's summary as it is stored: neighbouring instances of a mapped task in one state as one entry.

A document holds a MiB at most, and a summary of tens of thousands of instances, each under its own id, would not fit.
"""

import re
from collections.abc import Mapping

from sailplane.model.states import TaskState

_ID = re.compile(r"(?P<task>.*):(?P<index>\d+)")
_SPAN = re.compile(r"(?P<task>.*):(?P<first>\d+)-(?P<last>\d+)")


def packed(summary: Mapping[str, TaskState]) -> dict[str, str]:
    """Document id, or `task:first-last` of instances that ended alike, -> state."""
    found: dict[str, str] = {}
    spans: dict[str, list[tuple[int, TaskState]]] = {}
    for document_id, state in summary.items():
        if match := _ID.fullmatch(document_id):
            spans.setdefault(match["task"], []).append((int(match["index"]), state))
        else:
            found[document_id] = state
    for task_id, instances in spans.items():
        for first, last, state in _neighbours(sorted(instances)):
            found[f"{task_id}:{first}" if first == last else f"{task_id}:{first}-{last}"] = state
    return found


def _neighbours(instances: list[tuple[int, TaskState]]) -> list[tuple[int, int, TaskState]]:
    spans: list[tuple[int, int, TaskState]] = []
    for index, state in instances:
        if spans and spans[-1][1:] == (index - 1, state):
            spans[-1] = spans[-1][0], index, state
        else:
            spans.append((index, index, state))
    return spans


def unpacked(stored: Mapping[str, str]) -> dict[str, TaskState]:
    """Document id -> state, each instance by itself."""
    found: dict[str, TaskState] = {}
    for name, state in stored.items():
        if match := _SPAN.fullmatch(name):
            each = range(int(match["first"]), int(match["last"]) + 1)
            found.update(dict.fromkeys((f"{match['task']}:{index}" for index in each), TaskState(state)))
        else:
            found[name] = TaskState(state)
    return found
