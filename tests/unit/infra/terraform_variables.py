"""`sailplane.toml` as the variables of the Terraform module."""

from collections.abc import Mapping
from typing import Any

from declared_resources import PROJECT, REGION

STAGED_ONLY = frozenset({"requirements", "dockerfile", "system_packages"})
"""What staging and image builds read: by the time Terraform runs, it is in the source or image."""


def variables(toml: Mapping[str, Any]) -> dict[str, Any]:
    """The variables that say what the TOML document says."""
    queues = toml.get("queues", {})
    given = {
        **toml.get("deployment", {}),
        "functions": toml.get("functions", {}),
        "web": toml.get("web", {}),
        "queues": {
            name: {key: value for key, value in queue.items() if key not in STAGED_ONLY}
            for name, queue in queues.items()
        },
    }
    return {"project_id": PROJECT, "region": REGION, "sources": "staged", **{k: v for k, v in given.items() if v != {}}}
