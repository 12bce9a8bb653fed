"""What watches a deployment: the log metric of failed runs, alert policies, and a dashboard. Their content is in
`infra/monitoring/`, for deployment and Terraform alike."""

from collections.abc import Iterator

from sailplane.deploy.design import Design
from sailplane.deploy.resource import Kind, Resource

ALERTS = ("late-tick", "dead-letters", "failed-runs")
METRIC = "runs-ended"
DASHBOARD = "dashboard.json"


def resources(design: Design) -> Iterator[Resource]:
    name, config = design.config.name, design.config
    yield Resource(kind=Kind.LOG_METRIC, name=f"{name}-{METRIC}", settings={"file": f"{METRIC}.metric.json"})
    if config.alerts:
        for alert in ALERTS:
            yield Resource(
                kind=Kind.ALERT,
                name=f"{name}-{alert}",
                settings={"file": f"{alert}.policy.json", "channels": config.notification_channels},
            )
    if config.dashboard:
        yield Resource(kind=Kind.DASHBOARD, name=name, settings={"file": DASHBOARD})
