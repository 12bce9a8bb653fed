"""`docs/operations.md`, held against gcloud, the command line and what a deployment makes."""

import json
import re
import shlex
from pathlib import Path

import pytest
from deployer import Deployer
from fake_gcloud.surface import parse
from settings import EVERYTHING
from test_deploying import prepare
from typer.main import get_command

from sailplane.cli.main import app

ROOT = Path(__file__).parents[3]
GUIDE = (ROOT / "docs" / "operations.md").read_text()
MONITORING = sorted((ROOT / "infra" / "monitoring").glob("*.policy.json"))
COMMANDS = [
    line.strip()
    for block in re.findall(r"```sh\n(.*?)```", GUIDE, re.DOTALL)
    for line in block.splitlines()
    if line.strip() and not line.strip().startswith("export ")
]
IN_ALERTS = [
    command
    for path in MONITORING
    for command in re.findall(
        r"`((?:gcloud|sailplane) [^`]+)`", json.loads(path.read_text())["documentation"]["content"]
    )
]


def accept_sailplane(words: list[str]) -> None:
    """Parses as the command line does, without running anything. Raises what it would show."""
    command = get_command(app)
    context = command.make_context("sailplane", list(words), resilient_parsing=True)
    while hasattr(command, "resolve_command"):
        name, command, words = command.resolve_command(context, list(words))
        inner = hasattr(command, "resolve_command")
        context = command.make_context(name, list(words), parent=context, resilient_parsing=inner)


def accept(line: str) -> None:
    program, *words = shlex.split(line)
    assert program in ("gcloud", "sailplane"), line
    if program == "gcloud":
        parse(words)
    else:
        accept_sailplane(words)


@pytest.mark.parametrize("line", [*COMMANDS, *IN_ALERTS])
def test_every_command_is_one_that_gcloud_or_sailplane_takes(line: str) -> None:
    accept(line.replace("${name}", "sailplane").replace("=NOW", "=2027-01-31T09:00:00Z"))


def test_a_wrong_command_would_be_found() -> None:
    for line in ("sailplane runs list --stat failed", "sailplane deploi", "gcloud pubsub topics create t --labels"):
        with pytest.raises(Exception, match=r"."):
            accept(line)


def test_it_quotes_many() -> None:
    assert len(COMMANDS) > 40


def test_the_table_of_roles_is_what_a_deployment_grants(deployer: Deployer) -> None:
    table = GUIDE.partition("<!-- roles: begin -->")[2].partition("<!-- roles: end -->")[0]
    said = set(re.findall(r"`(roles/[\w.]+)`", table))
    prepare(deployer.cloud)
    deployer.deploy(EVERYTHING)
    policies = deployer.picture()["policies"].values()
    assert said == {binding["role"] for policy in policies for binding in policy["bindings"]}


def test_every_alert_has_its_chapter() -> None:
    chapters = [chapter.lower() for chapter in re.findall(r"^### (.*)$", GUIDE.partition("## Alerts")[2], re.MULTILINE)]
    subjects = [json.loads(path.read_text())["displayName"].partition(": ")[2] for path in MONITORING]
    assert sorted(chapters) == sorted(subjects)


def test_links_within_the_project_lead_somewhere() -> None:
    links = [link for link in re.findall(r"\]\(([^)]+)\)", GUIDE) if not link.startswith("http")]
    for link in links:
        file, _, anchor = link.partition("#")
        page = (ROOT / "docs" / file).resolve() if file else ROOT / "docs" / "operations.md"
        assert page.exists(), link
        headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE) if anchor else []
        assert not anchor or anchor in [re.sub(r"[^\w -]", "", one).lower().replace(" ", "-") for one in headings], link
