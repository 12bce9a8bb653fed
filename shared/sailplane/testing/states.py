"""State of tasks and assets, kept in memory for a run in one process."""

from sailplane.model.state_store import StateOwner, StateRequest, StateVerb


class States:
    """What tasks have set; see `ChildServices.state`. Nothing expires: such a run is over before."""

    def __init__(self) -> None:
        self.entries: dict[tuple[str, ...], dict[str, str]] = {}
        """By what they are the state of: key -> JSON."""

    def answer(self, request: StateRequest) -> str | None:
        entries = self.entries.setdefault(_owner(request), {})
        match request.verb:
            case StateVerb.GET:
                return entries.get(request.key)
            case StateVerb.SET:
                entries[request.key] = request.value
            case StateVerb.DELETE:
                entries.pop(request.key, None)
            case StateVerb.CLEAR:
                entries.clear()
        return None


def _owner(request: StateRequest) -> tuple[str, ...]:
    if request.owner is StateOwner.TASK:
        return ("task", request.task.document_id)
    return ("asset", str(request.asset))
