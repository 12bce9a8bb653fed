"""How the deployment is: version, health, DAG files that could not be read, logging in."""

from sailplane.api import models, views
from sailplane.api.context import Call
from sailplane.api.http import HttpError
from sailplane.api.paging import Page, Sorting, matches, order
from sailplane.api.release import version
from sailplane.api.routes import Routes
from sailplane.model.errors import TransientError
from sailplane.model.runs import DagFileError

routes = Routes("/api/v2", "Monitor")

HEALTHY = "healthy"
UNHEALTHY = "unhealthy"

ERROR_SORTING: Sorting[DagFileError] = {
    "id": views.import_error_id,
    "import_error_id": views.import_error_id,
    "timestamp": lambda error: error.seen_at,
    "filename": lambda error: error.file,
    "stacktrace": lambda error: error.message,
}


@routes.get("/version", public=True)
def get_version(call: Call) -> models.VersionInfo:
    """Sailplane's version."""
    return models.VersionInfo(version=version())


@routes.get("/monitor/health", public=True)
def get_health(call: Call) -> models.HealthInfoResponse:
    """Whether the state can be read. Nothing of Sailplane runs when nothing is due, so nothing else can be ill."""
    try:
        call.backend.runs(None, limit=1)
        metadatabase = HEALTHY
    except TransientError:
        metadatabase = UNHEALTHY
    return models.HealthInfoResponse(
        metadatabase=models.Health(status=metadatabase),
        scheduler=models.SchedulerHealth(status=metadatabase),
        triggerer=models.TriggererHealth(status=None),
        dag_processor=models.DagProcessorHealth(status=None),
    )


class ImportErrorsQuery(Page, frozen=True, kw_only=True):
    filename_pattern: str | None = None
    filename: str | None = None


@routes.get("/importErrors")
def get_import_errors(call: Call, query: ImportErrorsQuery) -> models.ImportErrorCollectionResponse:
    """List the DAG files that could not be read."""
    found = [
        error
        for error in order(call.backend.file_errors(), query.order_by or ("filename",), ERROR_SORTING)
        if matches(query.filename_pattern, error.file) and query.filename in (None, error.file)
    ]
    shown = [views.import_error_view(error) for error in query.cut(found)]
    return models.ImportErrorCollectionResponse(import_errors=shown, total_entries=len(found))


@routes.get("/importErrors/{import_error_id}")
def get_import_error(call: Call, import_error_id: int) -> models.ImportErrorResponse:
    """Show why a DAG file could not be read."""
    for error in call.backend.file_errors():
        if views.import_error_id(error) == import_error_id:
            return views.import_error_view(error)
    raise HttpError(404, f"The ImportError with import_error_id: `{import_error_id}` was not found")
