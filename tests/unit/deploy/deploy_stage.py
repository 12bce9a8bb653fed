"""Designs to test with."""

import json
import tomllib
from pathlib import Path

from sailplane.deploy.config import parse
from sailplane.deploy.design import Design
from sailplane.deploy.kit import Kit
from sailplane.deploy.resource import Kind, Place, Resource, Scope
from sailplane.deploy.resources import desired

INFRA = Path(__file__).parents[3] / "infra"
PLACE = Place(project="acme", project_number="4242", region="europe-west1")
EVERYTHING = """
[deployment]
dashboard = true
notification_channels = ["projects/acme/notificationChannels/1"]

[web]
access = "iap"
members = ["user:ada@example.org"]

[queues.gpu]
kind = "job"
gpu = "nvidia-l4"
memory = "16Gi"
cpu = 4
secrets = { DB_PASSWORD = "db-password:latest" }

[queues.steady]
kind = "pull"

[queues.small]
max_instances = 3
"""
"""Settings that lead to every kind of resource but a composite index."""


def design(toml: str = "", *, sources: str = "") -> Design:
    """The design of a `sailplane.toml`; each source has the hash `sources`."""
    indexes = json.loads((INFRA / "firestore.indexes.json").read_text())
    templates = {path.name: path.read_text() for path in (INFRA / "monitoring").glob("*.json")}
    made = Design(
        config=parse(tomllib.loads(toml), file="sailplane.toml", folder=Path()),
        place=PLACE,
        indexes=indexes,
        templates=templates,
    )
    if not sources:
        return made
    named = [one.name for one in desired(made) if one.kind in (Kind.FUNCTION, Kind.IMAGE)]
    return Design(
        config=made.config,
        place=PLACE,
        indexes=indexes,
        templates=templates,
        sources=dict.fromkeys(named, sources),
    )


def kit(toml: str = "", *, sources: str = "", workspace: Path = Path("work")) -> Kit:
    return Kit(design=design(toml, sources=sources), workspace=workspace)


def resources(toml: str = "") -> tuple[Resource, ...]:
    return desired(design(toml))


def the(kind: Kind, name: str, toml: str = "", *, sources: str = "") -> Resource:
    """The one resource of that kind and name."""
    (found,) = [one for one in desired(design(toml, sources=sources)) if one.kind is kind and one.name == name]
    return found


def grants(toml: str = "") -> set[tuple[str, str, str, str]]:
    """Who may do what: member without domain, role without `roles/`, scope and resource."""
    settings = [one.settings for one in resources(toml) if one.kind is Kind.BINDING]
    return {
        (
            str(one["member"]).partition(":")[2].partition("@")[0],
            str(one["role"]).removeprefix("roles/"),
            Scope(str(one["scope"])).name,
            str(one["resource"]),
        )
        for one in settings
    }
