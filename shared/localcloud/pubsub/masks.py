"""Updates by field mask."""

from collections.abc import Set as AbstractSet

from google.protobuf.field_mask_pb2 import FieldMask

from localcloud.pubsub.errors import InvalidArgumentError
from localcloud.pubsub.wire import Pb


def merged(current: Pb, wanted: Pb, mask: FieldMask, *, fixed: AbstractSet[str]) -> Pb:
    """A copy of `current` with the masked fields taken from `wanted`.

    Raises InvalidArgumentError for an empty mask, an unknown field, and a field that is `fixed` for life.
    """
    if not mask.paths:
        raise InvalidArgumentError("The update_mask must name at least one field.")
    for path in mask.paths:
        top = path.split(".")[0]
        if top in fixed:
            raise InvalidArgumentError(f"Invalid update_mask: {path} cannot be changed after creation.")
        if top not in current.DESCRIPTOR.fields_by_name:
            raise InvalidArgumentError(f"Invalid update_mask: there is no field {path}.")
    updated = type(current)()
    updated.CopyFrom(current)
    try:
        mask.MergeMessage(wanted, updated, True, True)
    except ValueError as error:
        raise InvalidArgumentError(f"Invalid update_mask {list(mask.paths)}: {error}") from error
    return updated
