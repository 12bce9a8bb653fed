"""Deploys into a fake project, with everything real but gcloud and the staging of sources."""

import copy
import json
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from fake_gcloud.cloud import Cloud
from fake_gcloud.program import curl, gcloud

from sailplane.deploy.config import load
from sailplane.deploy.deployment import Deployment, Order
from sailplane.deploy.execute import Executor, script
from sailplane.deploy.plan import Step
from sailplane.deploy.resource import Resource
from sailplane.deploy.runtimes import runtime_like
from sailplane.deploy.shell import Answer, Shell
from sailplane.standalone.assets import infra_folder

REGION = "europe-west1"


def stage(function: str, folder: Path, *, extra_requirements: Sequence[str]) -> None:
    """What a function could be built from, in no time."""
    (folder / "main.py").write_text(f"def {function}(request):\n    return 'OK'\n")
    (folder / "requirements.txt").write_text(
        "".join(f"{each}\n" for each in ("functions-framework", *extra_requirements))
    )


def read_requirements(path: Path) -> Sequence[str]:
    return path.read_text().split()


@dataclass
class Deployer:
    """Deploys, destroys and counts."""

    cloud: Cloud
    folder: Path
    said: list[str] = field(default_factory=list)
    slept: list[float] = field(default_factory=list)
    moments: list[str] | None = None
    """The project after each change, when someone wants to know."""
    _sources: dict[str, Mapping[str, str]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def run(self, argv: tuple[str, ...], standard_input: str) -> Answer:
        """What a shell would do with the programs of `fake_gcloud` on its path."""
        with self._lock:
            if argv[0] == "curl":
                result = curl(self.cloud, argv[1:], standard_input)
            else:
                assert argv[0] == "gcloud", argv
                result = gcloud(self.cloud, argv[1:])
            if self.moments is not None and self.cloud.state["calls"][-1]["mutates"]:
                self.moments.append(json.dumps({**self.cloud.state, "calls": []}))
        return Answer(code=result.code, stdout=result.stdout, stderr=result.stderr)

    def deployment(self, config: str = "") -> Deployment:
        path = self.folder / "sailplane.toml"
        path.write_text(config)
        order = Order(
            project=self.cloud.project,
            region=REGION,
            config=load(path),
            dags=None,
            workspace=self.folder / "workspace",
            infra=infra_folder(),
            runtime=runtime_like((3, 13)),
        )
        return Deployment(order, Shell({}, self.run))

    def look(self, config: str = "") -> tuple[tuple[Step, ...], tuple[Resource, ...]]:
        """What is left to do, and what nothing names any more."""
        deployment = self.deployment(config)
        if config not in self._sources:
            self._sources[config] = deployment.stage(stage, read_requirements).sources
        return deployment.steps_to_deploy(replace(deployment.design, sources=self._sources[config]))

    def steps(self, config: str = "") -> tuple[Step, ...]:
        return self.look(config)[0]

    def deploy(self, config: str = "") -> tuple[Step, ...]:
        """Deploys; the steps that it took."""
        steps = self.steps(config)
        self._execute(steps)
        return steps

    def destroy(self, config: str = "", *, with_data: bool = False) -> tuple[Resource, ...]:
        """Destroys; the data that stays."""
        steps, kept = self.deployment(config).steps_to_destroy(with_data=with_data)
        self._execute(steps)
        return kept

    def deploy_script(self, config: str = "") -> str:
        """What a dry run prints."""
        return "\n".join(script(self.steps(config)))

    def destroy_script(self, config: str = "") -> str:
        return "\n".join(script(self.deployment(config).steps_to_destroy(with_data=True)[0]))

    def _execute(self, steps: Sequence[Step]) -> None:
        Executor(shell=Shell({}, self.run), say=self.said.append, sleep=self.slept.append, again="the same").run(steps)

    def changes(self) -> list[str]:
        """The changing commands since the last time, as one would type them."""
        calls, self.cloud.state["calls"] = self.cloud.state["calls"], []
        return [" ".join(each["argv"]) for each in calls if each["mutates"]]

    def refusals(self) -> list[str]:
        """Commands so far that gcloud would not even have run."""
        return [" ".join(each["argv"]) for each in self.cloud.state["calls"] if each["code"] == 2]

    def fail(self, number: int, when: str, message: str) -> None:
        """The changing call with this number, from 1, fails once: `before` its effect, `after` it, or halfway."""
        self.cloud.state["fault"] = {"left": number, "message": message, "when": when}

    def fail_each(self, when: str, message: str) -> None:
        """Every changing call fails the first time."""
        self.cloud.state["fault"] = {"every": [[]], "message": message, "when": when}

    def picture(self) -> dict[str, Any]:
        """Everything in the project."""
        return copy.deepcopy({key: self.cloud.state[key] for key in ("agents", "apis", "policies", "resources")})
