"""`sailplane deploy` and the Terraform module make the same deployment, resource for resource."""

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from declared_resources import ANSWERS, NUMBER, PROJECT, REGION, resources
from hcl_module import Module
from terraform_variables import variables

from sailplane.deploy.config import parse
from sailplane.deploy.design import Design
from sailplane.deploy.resource import Kind, Place, Resource, Scope
from sailplane.deploy.resources import desired

INFRA = Path(__file__).parents[3] / "infra"
NOT_DECLARED = frozenset({Kind.IMAGE})
"""Images are built, by `sailplane deploy` or the team's own pipeline; Terraform only names them."""
NOT_COMPARED = {
    Kind.FUNCTION: frozenset({"source"}),
    Kind.LOG_METRIC: frozenset({"content"}),
    Kind.ALERT: frozenset({"content"}),
    Kind.DASHBOARD: frozenset({"content"}),
}
"""Hashes by which `sailplane deploy` sees that a source or file changed; Terraform has ways of its own. What files in
`infra/monitoring` say is compared in test_monitoring_files.py."""

CONFIGURATIONS: Mapping[str, Mapping[str, Any]] = {
    "nothing said": {},
    "the example": tomllib.loads((INFRA / "sailplane.toml").read_text()),
    "another name, place and bucket": {
        "deployment": {
            "name": "night-flights",
            "bucket": "flights-data",
            "database": "flights",
            "location": "eur3",
            "point_in_time_recovery": True,
            "delete_protection": False,
            "log_retention_days": 0,
            "soft_delete_days": 7,
            "xcom_retention_days": 7,
        }
    },
    "queues of every kind": {
        "queues": {
            "default": {"concurrency": 4, "env": {"REGION": "eu"}, "secrets": {"TOKEN": "token:latest"}},
            "heavy": {"memory": "4Gi", "cpu": 2, "timeout": 600, "min_instances": 1, "max_instances": 5},
            "gpu": {
                "kind": "job",
                "image": "europe-docker.pkg.dev/flights/images/gpu:1",
                "memory": "16Gi",
                "cpu": 4,
                "gpu": "nvidia-l4",
                "timeout": 604800,
                "service_account": "gpu@flights.iam.gserviceaccount.com",
                "secrets": {"DB_PASSWORD": "db-password:3", "TOKEN": "token:latest"},
                "env": {"CUDA": "1"},
            },
            "media": {"kind": "job", "system_packages": ["ffmpeg"], "cpu": 2},
            "far": {"kind": "pull", "service_account": "far@other.iam.gserviceaccount.com"},
            "near": {"kind": "pull"},
        }
    },
    "functions of all sizes": {
        "functions": {
            "tick": {"memory": "256Mi", "timeout": 60, "max_instances": 2},
            "worker": {"memory": "2Gi", "cpu": 2, "concurrency": 16, "timeout": 300, "env": {"LEVEL": "info"}},
            "events": {"min_instances": 1, "vpc_connector": "projects/flights/locations/europe-west1/connectors/inner"},
            "web": {"ingress": "internal-and-gclb", "secrets": {"KEY": "web-key:2"}, "env": {"TITLE": "Flights"}},
        },
        "queues": {"slow": {"timeout": 500}, "far": {"kind": "pull"}},
    },
    "a worker with secrets and a queue with an account": {
        "functions": {"worker": {"secrets": {"TOKEN": "token:latest"}, "ingress": "internal-only"}},
        "queues": {"own": {"service_account": "own@flights.iam.gserviceaccount.com"}},
    },
    "workers with an account that start jobs": {
        "queues": {
            "default": {"service_account": "tasks@flights.iam.gserviceaccount.com"},
            "long": {"kind": "job", "image": "europe-docker.pkg.dev/flights/images/long:1"},
        },
    },
    "Identity-Aware Proxy": {"web": {"access": "iap", "members": ["user:ada@example.org", "group:data@example.org"]}},
    "ID tokens for some": {"web": {"members": ["user:ada@example.org", "group:data@example.org"]}},
    "alerts off": {"deployment": {"alerts": False}},
    "alerts to someone, and a dashboard": {
        "deployment": {"notification_channels": ["projects/flights/notificationChannels/1"], "dashboard": True}
    },
}


def deployed(toml: Mapping[str, Any]) -> tuple[Resource, ...]:
    design = Design(
        config=parse(toml, file="sailplane.toml", folder=Path()),
        place=Place(project=PROJECT, project_number=NUMBER, region=REGION),
        indexes=json.loads((INFRA / "firestore.indexes.json").read_text()),
    )
    return desired(design)


def declared(toml: Mapping[str, Any]) -> tuple[Resource, ...]:
    module = Module(INFRA / "terraform", variables(toml), ANSWERS)
    assert module.complaints() == []
    return tuple(resource for one in module.resources() for resource in resources(one))


def by_name(found: tuple[Resource, ...]) -> dict[str, Any]:
    kept = [one for one in found if one.kind not in NOT_DECLARED]
    names = [str(one) for one in kept]
    assert len(set(names)) == len(names)
    return {str(one): plain(one.settings, NOT_COMPARED.get(one.kind, frozenset())) for one in kept}


def plain(value: Any, left_out: frozenset[str] = frozenset()) -> Any:
    """Settings as JSON has them: order of keys and the kind of sequence do not matter."""
    if isinstance(value, Mapping):
        return {key: plain(one) for key, one in value.items() if key not in left_out}
    return [plain(one) for one in value] if isinstance(value, (tuple, list)) else value


@pytest.mark.parametrize("situation", CONFIGURATIONS)
def test_both_make_the_same_resources(situation: str) -> None:
    toml = CONFIGURATIONS[situation]
    assert sorted(by_name(declared(toml))) == sorted(by_name(deployed(toml)))


@pytest.mark.parametrize("situation", CONFIGURATIONS)
def test_both_give_each_resource_the_same_settings(situation: str) -> None:
    toml = CONFIGURATIONS[situation]
    terraform, deploy = by_name(declared(toml)), by_name(deployed(toml))
    different = {name: (terraform[name], deploy[name]) for name in terraform.keys() & deploy.keys()
                 if terraform[name] != deploy[name]}  # fmt: skip
    assert different == {}


def test_who_is_given_a_secret_may_read_it() -> None:
    for toml in CONFIGURATIONS.values():
        found = deployed(toml)
        given = {
            (str(reference).partition(":")[0], f"serviceAccount:{one.settings['service_account']}")
            for one in found
            if one.kind in (Kind.FUNCTION, Kind.JOB)
            for reference in plain(one.settings["secrets"]).values()
        }
        readers = {
            (one.settings["resource"], one.settings["member"])
            for one in found
            if one.kind is Kind.BINDING and one.settings["scope"] == Scope.SECRET
        }
        assert given <= readers


def test_the_configurations_have_resources_of_every_kind() -> None:
    kinds = {one.kind for toml in CONFIGURATIONS.values() for one in deployed(toml)}
    indexes = json.loads((INFRA / "firestore.indexes.json").read_text())
    without = set() if indexes["indexes"] else {Kind.INDEX}
    assert set(Kind) - kinds == without
