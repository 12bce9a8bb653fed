"""`sailplane destroy` over a project that behaves as Google Cloud does."""

import json

import pytest
from deployer import Deployer
from settings import EVERYTHING, SECRETS
from test_deploying import CONFIGS, INTERNAL, prepare

from sailplane.deploy.execute import StepFailed

DATA = {"databases", "buckets", "fields", "indexes"}


def left(deployer: Deployer) -> dict[str, object]:
    """What the project still has, by kind, but for what people made."""
    people = {"tasks-bought@demo-project.iam.gserviceaccount.com", *SECRETS}
    kinds = deployer.picture()["resources"].items()
    remains = {kind: {name for name in named if name not in people} for kind, named in kinds}
    return {kind: names for kind, names in remains.items() if names}


def members(deployer: Deployer) -> set[str]:
    policies = deployer.picture()["policies"].values()
    return {member for policy in policies for binding in policy["bindings"] for member in binding["members"]}


@CONFIGS
def test_data_stays_unless_told(deployer: Deployer, config: str) -> None:
    prepare(deployer.cloud)
    deployer.deploy(config)
    kept = deployer.destroy(config)
    assert {each.kind.value for each in kept} == {"bucket", "Firestore database"}
    assert set(left(deployer)) <= DATA
    assert members(deployer) == set()
    assert deployer.refusals() == []


@CONFIGS
def test_with_data_nothing_is_left(deployer: Deployer, config: str) -> None:
    prepare(deployer.cloud)
    deployer.deploy(config)
    assert deployer.destroy(config, with_data=True) == ()
    assert left(deployer) == {}
    assert members(deployer) == set()


def test_data_goes_last(deployer: Deployer) -> None:
    deployer.deploy()
    deployer.changes()
    deployer.destroy(with_data=True)
    changes = deployer.changes()
    assert "scheduler jobs delete" in changes[0]
    assert [each.split()[1:4] for each in changes[-3:]] == [
        ["storage", "rm", "gs://demo-project-sailplane"],
        ["firestore", "databases", "update"],
        ["firestore", "databases", "delete"],
    ]


def test_destroying_twice_or_nothing_changes_nothing(deployer: Deployer) -> None:
    assert deployer.destroy() == ()
    deployer.deploy()
    deployer.destroy()
    deployer.changes()
    deployer.destroy()
    assert deployer.changes() == []


@CONFIGS
def test_after_destroying_it_can_be_deployed_again_over_its_data(deployer: Deployer, config: str) -> None:
    prepare(deployer.cloud)
    deployer.deploy(config)
    deployer.destroy(config)
    deployer.deploy(config)
    assert deployer.steps(config) == ()


@CONFIGS
def test_a_deployment_that_stopped_anywhere_can_be_destroyed(deployer: Deployer, config: str) -> None:
    prepare(deployer.cloud)
    deployer.moments = [json.dumps(deployer.cloud.state)]
    deployer.deploy(config)
    moments, deployer.moments = deployer.moments, None
    for number, moment in enumerate(moments):
        deployer.cloud.state = json.loads(moment)
        deployer.destroy(config, with_data=True)
        assert left(deployer) == {}, f"after {number} changes"
        assert members(deployer) == set(), f"after {number} changes"


def test_wherever_destroying_stopped_the_next_time_completes(deployer: Deployer) -> None:
    prepare(deployer.cloud)
    deployer.deploy(EVERYTHING)
    deployer.moments = []
    deployer.destroy(EVERYTHING, with_data=True)
    moments, deployer.moments = deployer.moments, None
    for number, moment in enumerate(moments):
        deployer.cloud.state = json.loads(moment)
        deployer.destroy(EVERYTHING, with_data=True)
        assert left(deployer) == {}, f"after {number} changes"
        assert members(deployer) == set(), f"after {number} changes"


def test_a_step_that_fails_ends_the_destruction_and_the_next_one_goes_on(deployer: Deployer) -> None:
    deployer.deploy()
    deployer.fail(3, "after", INTERNAL)
    with pytest.raises(StepFailed):
        deployer.destroy(with_data=True)
    deployer.destroy(with_data=True)
    assert left(deployer) == {}


def test_a_function_whose_build_failed_can_be_destroyed(deployer: Deployer) -> None:
    untouched = json.dumps(deployer.cloud.state)
    deployer.deploy()
    number = next(n for n, change in enumerate(deployer.changes(), 1) if " functions deploy " in change)
    deployer.cloud.state = json.loads(untouched)
    deployer.fail(number, "broken", INTERNAL)
    with pytest.raises(StepFailed):
        deployer.deploy()
    deployer.destroy(with_data=True)
    assert left(deployer) == {}
