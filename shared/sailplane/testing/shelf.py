"""What tasks leave for others, kept in memory for a run in one process."""

from sailplane.model.shelf import ShelfKind, ShelfRequest, ShelfVerb


class Shelf:
    """Answers of `ChildServices.shelf`: results are kept. Environments are not, for they are on this machine anyway."""

    def __init__(self) -> None:
        self.results: dict[str, str] = {}
        """Object name -> text."""

    def answer(self, request: ShelfRequest) -> str | None:
        if request.kind is ShelfKind.ENVIRONMENT:
            return None
        name = request.object_name("dag")
        if request.verb is ShelfVerb.GET:
            return self.results.get(name)
        self.results[name] = request.text
        return None
