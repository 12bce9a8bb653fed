"""What tasks leave in the bucket for other tasks; the same name again replaces it."""

from sailplane.cloud.blobs import Blobs
from sailplane.model.errors import NotFound
from sailplane.model.shelf import ShelfKind, ShelfRequest, ShelfVerb


def answer(blobs: Blobs, dag_id: str, request: ShelfRequest) -> str | None:
    """What a task of the DAG asked for; see `ShelfRequest`."""
    name = request.object_name(dag_id)
    if request.verb is ShelfVerb.GET:
        return _get(blobs, name, request)
    if request.kind is ShelfKind.RESULT:
        blobs.write(name, request.text.encode(), "application/json")
    else:
        blobs.write_file(name, request.file, "application/gzip")
    return None


def _get(blobs: Blobs, name: str, request: ShelfRequest) -> str | None:
    try:
        if request.kind is ShelfKind.RESULT:
            return blobs.read(name).decode()
        blobs.read_file(name, request.file)
    except NotFound:
        return None
    return request.file
