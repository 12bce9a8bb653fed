"""What watches a deployment: the log metric of ended runs, alert policies, and a dashboard. Their content is in
`infra/monitoring/`, for deployment and Terraform alike."""

from collections.abc import Iterator

from sailplane.deploy.design import Design
from sailplane.deploy.resource import Kind, Resource, Setting
from sailplane.deploy.templates import filled_in, fingerprint

ALERTS = ("late-tick", "dead-letters", "failed-runs")
METRIC = "runs-ended"
DASHBOARD = "dashboard.json"


def resources(design: Design) -> Iterator[Resource]:
    name, config = design.config.name, design.config
    yield _resource(design, Kind.LOG_METRIC, f"{name}-{METRIC}", f"{METRIC}.metric.json")
    if config.alerts:
        for alert in ALERTS:
            channels = config.notification_channels
            yield _resource(design, Kind.ALERT, f"{name}-{alert}", f"{alert}.policy.json", channels=channels)
    if config.dashboard:
        yield _resource(design, Kind.DASHBOARD, name, DASHBOARD)


def _resource(design: Design, kind: Kind, name: str, file: str, **settings: Setting) -> Resource:
    content = fingerprint(repr((filled_in(design, file), settings))) if file in design.templates else ""
    return Resource(kind=kind, name=name, settings={"file": file, "content": content, **settings})
