"""`Deployment`: one configuration in one place, from reading it to the steps that remain."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from sailplane.deploy import destroy, plan
from sailplane.deploy.config import DeploymentConfig
from sailplane.deploy.design import Design
from sailplane.deploy.kit import Kit
from sailplane.deploy.plan import Step
from sailplane.deploy.resource import Place, Resource
from sailplane.deploy.resources import desired
from sailplane.deploy.runtimes import Runtime
from sailplane.deploy.shell import Shell
from sailplane.deploy.sources import ReadRequirements, Sources, Stage
from sailplane.deploy.state import State, find_project, leftovers, read
from sailplane.model.errors import SettingsError

INDEXES = "firestore.indexes.json"


@dataclass(frozen=True, kw_only=True)
class Order:
    """What is to be deployed, and where."""

    project: str
    region: str
    config: DeploymentConfig
    dags: Path | None
    workspace: Path
    """Where staged sources and other files for commands are written."""
    infra: Path
    """The folder with the indexes and `monitoring/`."""
    runtime: Runtime


class Deployment:
    """One order, looked at once."""

    def __init__(self, order: Order, shell: Shell) -> None:
        self._order = order
        self._shell = shell

    @property
    def project(self) -> str:
        return self._order.project

    @cached_property
    def design(self) -> Design:
        """Without sources."""
        return self._design(find_project(self._order.project, self._shell.ask))

    def _design(self, number: str) -> Design:
        order = self._order
        return Design(
            config=order.config,
            place=Place(project=order.project, project_number=number, region=order.region),
            indexes=_json(order.infra / INDEXES),
            templates={path.name: path.read_text() for path in sorted((order.infra / "monitoring").glob("*.json"))},
            runtime=order.runtime,
        )

    def stage(self, stage: Stage, read_requirements: ReadRequirements) -> Design:
        """Write the sources; the design that knows them."""
        return replace(self.design, sources=self._sources(self.design, stage, read_requirements))

    def stage_only(self, stage: Stage, read_requirements: ReadRequirements) -> tuple[str, ...]:
        """Write the sources without a look at the project, for whoever deploys them by other means; their names."""
        return tuple(self._sources(self._design(number=""), stage, read_requirements))

    def _sources(self, design: Design, stage: Stage, read_requirements: ReadRequirements) -> Mapping[str, str]:
        order = self._order
        sources = Sources(
            design=design, workspace=order.workspace, dags=order.dags, stage=stage, read_requirements=read_requirements
        )
        return sources.write()

    def steps_to_deploy(self, design: Design) -> tuple[tuple[Step, ...], tuple[Resource, ...]]:
        """What remains to be done, and what is there that the configuration no longer names."""
        kit = self._kit(design)
        wanted = desired(design)
        state = self._state(kit, wanted)
        return plan.steps(kit, wanted, state), leftovers(kit, wanted, state)

    def removal(self, leftover: Resource) -> str:
        """The commands that take away what the configuration no longer names."""
        return "; ".join(str(command) for command in destroy.commands(self._kit(self.design), leftover))

    def steps_to_destroy(self, *, with_data: bool) -> tuple[tuple[Step, ...], tuple[Resource, ...]]:
        """What there is to take away, and which data stays."""
        kit = self._kit(self.design)
        wanted = desired(self.design)
        state = self._state(kit, wanted)
        kept = () if with_data else destroy.data_that_stays(wanted, state)
        return destroy.steps(kit, wanted, state, with_data=with_data), kept

    def environment(self) -> Mapping[str, str]:
        """What a command needs to talk to the deployment, such as `sailplane dags push`."""
        config, project = self._order.config, self._order.project
        return {
            "GOOGLE_CLOUD_PROJECT": project,
            "SAILPLANE_BUCKET": config.bucket_of(project),
            "SAILPLANE_DATABASE": config.database,
            "SAILPLANE_TOPIC_PREFIX": config.name,
            "SAILPLANE_REGION": self._order.region,
        }

    def _kit(self, design: Design) -> Kit:
        return Kit(design=design, workspace=self._order.workspace)

    def _state(self, kit: Kit, wanted: Sequence[Resource]) -> State:
        return read(kit, wanted, self._shell.ask)


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise SettingsError(f"{path} cannot be read: {error}; install Sailplane again") from error
