"""Settings that need a service which the local cloud does not have: refused, for else they would be ignored."""

from localcloud.pubsub.errors import UnimplementedError
from localcloud.pubsub.wire import Pb

_FIELDS = (
    "bigquery_config",
    "bigtable_config",
    "cloud_storage_config",
    "ingestion_data_source_settings",
    "message_transforms",
    "schema_settings",
)


def refuse_unsupported(resource: Pb) -> None:
    """Raise UnimplementedError if a topic or subscription asks for an export, an import, a schema or a transform."""
    asked_for = {field.name for field, _ in resource.ListFields()} & set(_FIELDS)
    if asked_for:
        raise UnimplementedError(
            f"The local Pub/Sub has no {', '.join(sorted(asked_for))} (resource={resource.name}). Leave it out."
        )
