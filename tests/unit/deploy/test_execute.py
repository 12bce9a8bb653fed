"""Doing what was planned."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from deploy_stage import EVERYTHING, kit
from scripted_gcloud import ScriptedGcloud, failure

from sailplane.deploy import plan
from sailplane.deploy.command import Command
from sailplane.deploy.execute import PAUSES, UNTIL_KNOWN, Executor, StepFailed, script
from sailplane.deploy.plan import Action, Step
from sailplane.deploy.resource import Kind
from sailplane.deploy.resources import desired
from sailplane.deploy.shell import Answer


def step(kind: Kind, *argvs: tuple[str, ...], action: Action = Action.CREATE) -> Step:
    commands = tuple(Command(argv=argv) for argv in argvs)
    return Step(
        action=action, kind=kind, title=f"{kind} x", commands=commands, tolerates_absence=action is Action.DELETE
    )


@dataclass
class Watched:
    """An executor over a scripted gcloud, with what it said and how long it slept."""

    gcloud: ScriptedGcloud
    said: list[str] = field(default_factory=list)
    slept: list[float] = field(default_factory=list)

    def run(self, *steps: Step) -> None:
        again = "sailplane deploy"
        Executor(shell=self.gcloud.shell, say=self.said.append, sleep=self.slept.append, again=again).run(steps)


def watched(**answers: list[Any]) -> Watched:
    return Watched(ScriptedGcloud({words.replace("_", " "): row for words, row in answers.items()}))


TOPIC = step(Kind.TOPIC, ("gcloud", "pubsub", "topics", "create", "x"))
ACCOUNT = step(Kind.SERVICE_ACCOUNT, ("gcloud", "iam", "service-accounts", "create", "x"))


def test_steps_are_done_in_order_and_counted() -> None:
    one = watched()
    one.run(ACCOUNT, TOPIC)
    assert one.said == ["[1/2] create service account x", "[2/2] create topic x"]
    assert [argv[1] for argv in one.gcloud.calls] == ["iam", "pubsub"]


def test_a_failure_says_step_command_reason_and_how_to_go_on() -> None:
    one = watched(pubsub=[failure("INVALID_ARGUMENT: the name is bad")])
    with pytest.raises(StepFailed) as error:
        one.run(ACCOUNT, TOPIC, ACCOUNT)
    said = str(error.value)
    assert said.startswith("[2/3] create topic x failed: `gcloud pubsub topics create x` ended with code 1")
    assert "the name is bad" in said
    assert said.endswith("What was done before stays; `sailplane deploy` goes on from here")
    assert len(one.gcloud.calls) == 2
    assert one.slept == []


def test_passing_trouble_is_waited_for() -> None:
    one = watched(pubsub=[failure("UNAVAILABLE: try again later"), failure("503"), {}])
    one.run(TOPIC)
    assert one.slept == list(PAUSES[:2])


def test_what_a_lost_answer_made_is_there() -> None:
    one = watched(pubsub=[failure("UNAVAILABLE"), failure("ALREADY_EXISTS: Resource already exists")])
    one.run(TOPIC)
    assert one.slept == [PAUSES[0]]


def test_what_is_there_without_our_doing_is_told() -> None:
    one = watched(pubsub=[failure("ALREADY_EXISTS: Resource already exists")])
    with pytest.raises(StepFailed, match="already exists"):
        one.run(TOPIC)


def test_a_permission_may_take_time_after_accounts_or_roles_were_made() -> None:
    denied = failure("PERMISSION_DENIED: Permission 'x' denied on resource")
    one = watched(pubsub=[denied, {}])
    one.run(ACCOUNT, TOPIC)
    assert one.slept == [PAUSES[0]]
    assert "not yet" in one.said[-1]


def test_a_refusal_that_stays_is_meant() -> None:
    one = watched(pubsub=[failure("PERMISSION_DENIED: Permission 'x' denied on resource")])
    with pytest.raises(StepFailed, match="your account lacks a role"):
        one.run(ACCOUNT, TOPIC)
    assert one.slept == list(PAUSES[:UNTIL_KNOWN])


def test_a_metric_that_was_made_just_now_is_waited_for() -> None:
    young = 'Cannot find metric that matches type = "x". If a metric was created recently, please try again soon.'
    one = watched(monitoring=[*[failure(young)] * 9, {}])
    one.run(step(Kind.ALERT, ("gcloud", "monitoring", "policies", "create")))
    assert one.slept == list(PAUSES[:9])


def test_what_a_server_said_is_told_beside_the_code() -> None:
    one = watched(curl=[Answer(code=22, stdout='{"error": "the field is bad"}', stderr="curl: (22) 400")])
    with pytest.raises(StepFailed, match=r"the field is bad.*curl: .22. 400"):
        one.run(step(Kind.FIELD, ("curl", "https://example.org")))


def test_a_permission_that_is_missing_is_told_at_once() -> None:
    one = watched(pubsub=[failure("PERMISSION_DENIED: Permission 'x' denied on resource")])
    with pytest.raises(StepFailed, match="your account lacks a role"):
        one.run(TOPIC)
    assert one.slept == []


def test_a_failure_says_what_to_do_about_it() -> None:
    said = {
        "NOT_FOUND: Secret [projects/1/secrets/x] not found or has no versions.": "gcloud secrets create",
        "HTTPError 409: The requested bucket name is not available.": "`bucket` in sailplane.toml",
        "This API method requires billing to be enabled.": "billing account",
        "RESOURCE_EXHAUSTED: Quota exceeded": "a quota of the project",
        "argument --iap: unrecognized arguments: --iap": "gcloud components update",
    }
    for message, advice in said.items():
        one = watched(pubsub=[failure(message)])
        with pytest.raises(StepFailed, match=advice):
            one.run(TOPIC)


def test_patience_ends() -> None:
    one = watched(pubsub=[failure("UNAVAILABLE")])
    with pytest.raises(StepFailed):
        one.run(TOPIC)
    assert one.slept == list(PAUSES)


def test_what_is_to_be_taken_away_may_be_gone() -> None:
    one = watched(pubsub=[failure("NOT_FOUND: Resource not found (resource=x).")])
    one.run(step(Kind.TOPIC, ("gcloud", "pubsub", "topics", "delete", "x"), action=Action.DELETE))
    assert one.said[-1].strip() == "is gone already"


def test_what_is_to_be_made_may_not_be_missing() -> None:
    one = watched(pubsub=[failure("NOT_FOUND: Resource not found (resource=x).")])
    with pytest.raises(StepFailed):
        one.run(TOPIC)


def test_functions_that_follow_each_other_are_built_together_and_others_wait_for_them() -> None:
    one = watched()
    functions = [step(Kind.FUNCTION, ("gcloud", "functions", "deploy", name)) for name in "abc"]
    one.run(*functions, TOPIC)
    assert {argv[3] for argv in one.gcloud.calls[:3]} == set("abc")
    assert one.gcloud.calls[3][1] == "pubsub"


def test_a_function_that_fails_stops_what_comes_after_the_others() -> None:
    one = watched(**{"functions deploy b": [failure("Build failed")]})
    with pytest.raises(StepFailed, match="Build failed"):
        one.run(*(step(Kind.FUNCTION, ("gcloud", "functions", "deploy", name)) for name in "abc"), TOPIC)
    assert one.gcloud.asked("pubsub") == 0


def test_the_token_goes_where_no_process_list_shows_it() -> None:
    one = watched(**{"auth print-access-token": ["secret"]})
    command = Command(argv=("curl", "--header=@-", "https://example.org"), takes_token=True)
    one.run(Step(action=Action.CREATE, kind=Kind.FIELD, title="field", commands=(command,)))
    assert one.gcloud.inputs[-1] == 'Authorization: Bearer "secret"'
    assert "secret" not in str(one.gcloud.calls)


def test_a_script_can_be_pasted_and_brings_its_files(tmp_path: Path) -> None:
    one = kit(EVERYTHING, sources="cafe", workspace=tmp_path)
    lines = script(plan.steps(one, desired(one.design), {}))
    assert [*lines[:2], lines[-1]] == ["(", "set -e", ")"]
    commands = [line for line in lines[2:-1] if line and not line.startswith("#")]
    assert all(line.startswith(("gcloud ", "printf %s ")) for line in commands)
    named = [word for line in commands for word in line.split() if str(tmp_path) in word and "=" in word]
    files = [Path(word.partition("=")[2]) for word in named if not word.startswith("--source")]
    assert len(files) == 7
    assert all(file.is_file() for file in files)
