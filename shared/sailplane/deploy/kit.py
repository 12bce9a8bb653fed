"""`Kit`: what commands are made from, beside the resource that they are about."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sailplane.deploy.command import Command, File, gcloud
from sailplane.deploy.design import Design
from sailplane.deploy.resource import Resource, Setting
from sailplane.deploy.templates import OWNER


@dataclass(frozen=True, kw_only=True)
class Kit:
    """A design, and the folder in which the files lie that commands need."""

    design: Design
    workspace: Path

    @property
    def project(self) -> str:
        return self.design.place.project

    @property
    def region(self) -> str:
        return self.design.place.region

    def gcloud(self, *words: str, **flags: str | int | bool | None) -> Command:
        return gcloud(self.project, *words, **flags)

    def file(self, name: str, content: Any) -> File:
        """A JSON file in the workspace."""
        return File(path=self.workspace / name, content=json.dumps(content, indent=2) + "\n")

    def source(self, name: str) -> Path:
        """The folder of the staged source of a function or image."""
        return source_folder(self.workspace, name)


def source_folder(workspace: Path, name: str) -> Path:
    return workspace / "sources" / name.rpartition("/")[2]


def owner_label(kit: Kit) -> str:
    """The label by which `destroy` knows what belongs to a deployment, also what its configuration no longer names."""
    return f"{OWNER}={kit.design.config.name}"


def text(resource: Resource, key: str) -> str:
    """A setting that is a text."""
    return str(resource.settings[key])


def number(resource: Resource, key: str) -> int:
    value = resource.settings[key]
    assert isinstance(value, int)
    return value


def texts(value: Setting) -> dict[str, str]:
    """A setting that is a table of texts."""
    assert isinstance(value, dict)
    return {key: str(each) for key, each in value.items()}


def items(value: Setting) -> tuple[dict[str, Setting], ...]:
    """A setting that is a list of tables."""
    assert isinstance(value, tuple)
    return tuple(dict(each) for each in value if isinstance(each, dict))
