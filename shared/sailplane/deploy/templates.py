"""The content of alert policies, log metric and dashboard, filled in for one deployment."""

import hashlib
import json
import re
from typing import Any

from sailplane.deploy.design import Design
from sailplane.deploy.resource import Kind, Resource

CONTENT = "content"
OWNER = "sailplane"
"""The label that says to which deployment something belongs."""
_PLACEHOLDER = re.compile(r"\$\$\{|\$\{(\w+)\}")


def fingerprint(text: str) -> str:
    """Short, and a valid value of a label."""
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def filled_in(design: Design, file: str) -> str:
    """A file of `infra/monitoring` with the names of this deployment; empty when the design has no such file. The
    placeholders are those of Terraform's `templatefile`: `${name}`, and `$${` for the characters themselves."""
    values = {
        "name": design.config.name,
        "project": design.place.project,
        "region": design.place.region,
        "bucket": design.bucket,
        "database": design.config.database,
    }
    return _PLACEHOLDER.sub(lambda match: values[match[1]] if match[1] else "${", design.templates.get(file, ""))


def document(design: Design, resource: Resource) -> dict[str, Any]:
    """What Google is given for `resource`, marked so that it is found again and a change of it is seen."""
    content: dict[str, Any] = json.loads(filled_in(design, str(resource.settings["file"])))
    mark = str(resource.settings[CONTENT])
    match resource.kind:
        case Kind.ALERT:
            channels = resource.settings["channels"]
            labels = {**content.get("userLabels", {}), OWNER: design.config.name, CONTENT: mark}
            return {**content, "userLabels": labels, "notificationChannels": list(channels or ())}  # type: ignore[arg-type]
        case Kind.DASHBOARD:
            return {**content, "labels": {**content.get("labels", {}), OWNER: "", f"{CONTENT}-{mark}": ""}}
        case _:
            return content
