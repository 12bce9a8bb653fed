"""Commands for the log metric, alert policies and the dashboard."""

from sailplane.deploy.command import Command, File
from sailplane.deploy.kit import Kit, text
from sailplane.deploy.resource import Kind, Resource
from sailplane.deploy.templates import document
from sailplane.deploy.verbs import Verbs


def _file(kit: Kit, resource: Resource) -> File:
    return kit.file(f"monitoring/{text(resource, 'file')}", document(kit.design, resource))


def _with(file: File, command: Command) -> tuple[Command, ...]:
    return (Command(argv=command.argv, files=(file,)),)


def _create_metric(kit: Kit, metric: Resource) -> tuple[Command, ...]:
    file = _file(kit, metric)
    return _with(file, kit.gcloud("logging", "metrics", "create", metric.name, config_from_file=str(file.path)))


def _update_metric(kit: Kit, metric: Resource) -> tuple[Command, ...]:
    file = _file(kit, metric)
    return _with(file, kit.gcloud("logging", "metrics", "update", metric.name, config_from_file=str(file.path)))


def _delete_metric(kit: Kit, metric: Resource) -> tuple[Command, ...]:
    return (kit.gcloud("logging", "metrics", "delete", metric.name),)


def _create_alert(kit: Kit, alert: Resource) -> tuple[Command, ...]:
    file = _file(kit, alert)
    return _with(file, kit.gcloud("monitoring", "policies", "create", policy_from_file=str(file.path)))


def _update_alert(kit: Kit, alert: Resource) -> tuple[Command, ...]:
    file = _file(kit, alert)
    words = ("monitoring", "policies", "update", text(alert, "id"))
    return _with(file, kit.gcloud(*words, policy_from_file=str(file.path)))


def _delete_alert(kit: Kit, alert: Resource) -> tuple[Command, ...]:
    return (kit.gcloud("monitoring", "policies", "delete", text(alert, "id")),)


def _create_dashboard(kit: Kit, dashboard: Resource) -> tuple[Command, ...]:
    file = _file(kit, dashboard)
    return _with(file, kit.gcloud("monitoring", "dashboards", "create", config_from_file=str(file.path)))


def _delete_dashboard(kit: Kit, dashboard: Resource) -> tuple[Command, ...]:
    return (kit.gcloud("monitoring", "dashboards", "delete", text(dashboard, "id")),)


VERBS = {
    Kind.LOG_METRIC: Verbs(create=_create_metric, update=_update_metric, delete=_delete_metric),
    Kind.ALERT: Verbs(create=_create_alert, update=_update_alert, delete=_delete_alert),
    # An update would have to name the version that it replaces.
    Kind.DASHBOARD: Verbs(create=_create_dashboard, delete=_delete_dashboard),
}
