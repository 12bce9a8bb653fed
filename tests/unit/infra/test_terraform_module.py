"""The Terraform module by itself: what it refuses, what its pages say, and that its references lead somewhere."""

import inspect
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from declared_resources import ANSWERS, PROJECT
from hcl_expressions import attributes
from hcl_module import Module, parsed
from terraform_variables import variables

from sailplane.cli.deploy import deploy
from sailplane.deploy.config import parse
from sailplane.model.errors import SettingsError

TERRAFORM = Path(__file__).parents[3] / "infra" / "terraform"
FOLDERS = (TERRAFORM, TERRAFORM / "function")

REFUSED: Mapping[str, Mapping[str, Any]] = {
    "a name with capitals": {"deployment": {"name": "Night"}},
    "a name too long for service accounts": {"deployment": {"name": "a-name-of-seventeen"}},
    "a database with capitals": {"deployment": {"database": "Flights"}},
    "a database with a short name": {"deployment": {"database": "abc"}},
    "everybody as a member": {"web": {"members": ["allUsers"]}},
    "negative days": {"deployment": {"log_retention_days": -1}},
    "soft delete for a day": {"deployment": {"soft_delete_days": 1}},
    "memory without its unit": {"functions": {"tick": {"memory": "512"}}},
    "concurrency on half a CPU": {"functions": {"worker": {"cpu": 0.5}}},
    "more instances at least than at most": {"functions": {"web": {"min_instances": 9}}},
    "an unknown ingress": {"functions": {"web": {"ingress": "none"}}},
    "a worker slower than Pub/Sub waits": {"functions": {"worker": {"timeout": 601}}},
    "a tick longer than a request may take": {"functions": {"tick": {"timeout": 3601}}},
    "a secret without version": {"functions": {"web": {"secrets": {"KEY": "key"}}}},
    "an unknown access": {"web": {"access": "open"}},
    "a member without its kind": {"web": {"members": ["ada@example.org"]}},
    "an unknown kind": {"queues": {"fast": {"kind": "thread"}}},
    "a default queue of jobs": {"queues": {"default": {"kind": "job"}}},
    "a queue named like a topic of ours": {"queues": {"events": {}}},
    "a queue with a dot": {"queues": {"a.b": {}}},
    "a queue with a long name": {"queues": {"q" * 34: {}}},
    "a queue with odd memory": {"queues": {"fast": {"memory": "1GB"}}},
    "a queue with concurrency on half a CPU": {"queues": {"fast": {"cpu": 0.5}}},
    "a queue whose tasks take too long for a function": {"queues": {"fast": {"timeout": 601}}},
    "a job of more than a week": {"queues": {"long": {"kind": "job", "timeout": 604801}}},
    "a function with a GPU": {"queues": {"fast": {"gpu": "nvidia-l4"}}},
    "a function with an image": {"queues": {"fast": {"image": "somewhere/image"}}},
    "a job with instances": {"queues": {"long": {"kind": "job", "max_instances": 3}}},
    "a job with concurrency": {"queues": {"long": {"kind": "job", "concurrency": 3}}},
    "a queue with an account that is no email": {"queues": {"fast": {"service_account": "own"}}},
    "a queue with a secret of version 0": {"queues": {"fast": {"secrets": {"KEY": "key:0"}}}},
}


@pytest.mark.parametrize("mistake", REFUSED)
def test_what_the_configuration_file_refuses_the_module_refuses_too(mistake: str) -> None:
    with pytest.raises(SettingsError):
        parse(REFUSED[mistake], file="sailplane.toml", folder=Path())
    assert len(Module(TERRAFORM, variables(REFUSED[mistake]), ANSWERS).complaints()) == 1


def test_what_a_resource_waits_for_is_declared() -> None:
    for folder in FOLDERS:
        assert Module(folder, {}, ANSWERS).dangling() == []


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_every_variable_and_output_is_described(folder: Path) -> None:
    for path in folder.glob("*.tf"):
        for labels, body in parsed(path.read_text()):
            if labels[0] in ("variable", "output"):
                assert attributes(body).keys() >= {"description"}, labels
            if labels[0] == "variable":
                assert attributes(body).keys() >= {"type"}, labels


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_every_variable_is_read(folder: Path) -> None:
    text = "".join(path.read_text() for path in folder.glob("*.tf"))
    unread = [name for name in Module(folder, {}, ANSWERS).variables() if f"var.{name}" not in text]
    assert unread == []


def test_providers_are_pinned_to_one_major_version() -> None:
    for folder in FOLDERS:
        text = (folder / "versions.tf").read_text()
        ranges = re.findall(r'version\s*= ">= (\d+)\.\d+\.\d+, < (\d+)\.0\.0"', text)
        assert len(ranges) == text.count("version ")
        assert all(int(below) == int(least) + 1 for least, below in ranges)


def test_the_outputs_name_what_the_deployment_has() -> None:
    toml = {"queues": {"gpu": {"kind": "job"}, "far": {"kind": "pull"}, "heavy": {}}}
    outputs = Module(TERRAFORM, variables(toml), ANSWERS).outputs()
    assert outputs["urls"].keys() == {"tick", "worker", "worker-heavy", "events", "web"}
    assert outputs["topics"]["gpu"] == f"projects/{PROJECT}/topics/sailplane-gpu"
    assert outputs["jobs"] == {"gpu": "sailplane-gpu"}
    assert outputs["dead_letter_subscription"].endswith("/sailplane-dead-letters")


def test_the_example_on_the_modules_page_calls_the_module_rightly() -> None:
    page = (TERRAFORM / "README.md").read_text()
    [example] = re.findall(r"```hcl\n(.*?)```", page, re.DOTALL)
    [call] = [body for labels, body in parsed(example) if labels[0] == "module"]
    module = Module(TERRAFORM, {}, ANSWERS)
    required = {name for name, body in module.variables().items() if "default" not in attributes(body)}
    assert required <= attributes(call).keys() - {"source"} <= module.variables().keys()


def test_the_page_knows_the_outputs_it_names() -> None:
    page = (TERRAFORM / "README.md").read_text()
    named = set(re.findall(r"module\.sailplane\.(\w+)", page))
    outputs = parsed((TERRAFORM / "outputs.tf").read_text())
    assert named <= {labels[1] for labels, _ in outputs}


def test_the_command_on_the_page_is_one_that_sailplane_has() -> None:
    page = (TERRAFORM / "README.md").read_text()
    [command] = re.findall(r"sailplane deploy (.*?)```", page, re.DOTALL)
    flags = {f"--{name.replace('_', '-')}" for name in inspect.signature(deploy).parameters}
    assert set(re.findall(r"--[\w-]+", command)) <= flags


def test_no_member_is_everyone() -> None:
    text = "".join(path.read_text() for folder in FOLDERS for path in folder.glob("*.tf"))
    assert not re.search("allUsers|allAuthenticatedUsers", text)


def test_labels_of_blocks_are_unique() -> None:
    for folder in FOLDERS:
        seen = [
            tuple(labels)
            for path in folder.glob("*.tf")
            for labels, body in parsed(path.read_text())
            if labels[0] not in ("locals", "terraform")
        ]
        assert len(seen) == len(set(seen))
        assert all(name_of_label.islower() for _, *rest in seen for name_of_label in rest)
