"""`sailplane deploy` over a project that behaves as Google Cloud does."""

import json
import shlex

import pytest
from deployer import REGION, Deployer
from fake_gcloud.cloud import Cloud
from fake_gcloud.program import gcloud
from settings import EVERYTHING, SECRETS

from sailplane.deploy.execute import StepFailed
from sailplane.model.errors import SettingsError

INTERNAL = "INTERNAL: Internal error encountered."
PASSING = "UNAVAILABLE: The service is currently unavailable."


def make(cloud: Cloud, *lines: str) -> None:
    """What a person does in the project beside."""
    for line in lines:
        result = gcloud(cloud, shlex.split(line))
        assert result.code == 0, result.stderr


def prepare(cloud: Cloud) -> None:
    """What `EVERYTHING` takes for granted: the team's own account and secrets."""
    make(cloud, "services enable iam.googleapis.com secretmanager.googleapis.com")
    make(cloud, "iam service-accounts create tasks-bought", *(f"secrets create {name}" for name in SECRETS))
    cloud.state["calls"] = []


CONFIGS = pytest.mark.parametrize("config", ["", EVERYTHING], ids=["defaults", "everything"])


@CONFIGS
def test_an_empty_project_gets_all_and_the_next_deployment_changes_nothing(deployer: Deployer, config: str) -> None:
    prepare(deployer.cloud)
    assert deployer.deploy(config)
    assert deployer.refusals() == []
    assert len(deployer.changes()) > 60
    before = deployer.picture()

    assert deployer.deploy(config) == ()
    assert deployer.changes() == []
    assert deployer.picture() == before


def test_a_change_of_memory_deploys_that_function_and_nothing_else(deployer: Deployer) -> None:
    deployer.deploy()
    deployer.changes()
    deployer.deploy('[functions.tick]\nmemory = "1Gi"')
    (change,) = deployer.changes()
    assert change.startswith("gcloud functions deploy sailplane-tick ")
    assert "--memory=1Gi" in change
    assert deployer.cloud.kind("functions")["sailplane-tick"]["serviceConfig"]["availableMemory"] == "1Gi"


@pytest.mark.parametrize(
    ("config", "changes"),
    [
        ("[functions.worker]\nmax_instances = 7", ["functions deploy sailplane-worker"]),
        ('[functions.web]\nenv = { A = "1" }', ["functions deploy sailplane-web"]),
        ('[functions.events]\ningress = "internal-only"', ["functions deploy sailplane-events"]),
        (
            "[deployment]\nlog_retention_days = 3",
            [
                "storage buckets update gs://demo-project-sailplane",
                "storage buckets update gs://demo-project-sailplane",
            ],
        ),
        ("[deployment]\npoint_in_time_recovery = true", ["firestore databases update"]),
        ("[deployment]\ndashboard = true", ["monitoring dashboards create"]),
        (
            '[web]\nmembers = ["user:ada@example.org"]',
            ["run services add-iam-policy-binding sailplane-web"],
        ),
        (
            '[deployment]\nnotification_channels = ["projects/demo-project/notificationChannels/7"]',
            ["monitoring policies update"] * 3,
        ),
    ],
)
def test_each_changed_setting_changes_what_it_is_about(deployer: Deployer, config: str, changes: list[str]) -> None:
    deployer.deploy()
    deployer.changes()
    deployer.deploy(config)
    done = deployer.changes()
    assert len(done) == len(changes)
    assert all(each.startswith(f"gcloud {start}") for each, start in zip(done, changes, strict=True))
    assert deployer.steps(config) == ()


QUEUE = '[queues.reports]\nmemory = "2Gi"'


def test_a_queue_that_the_settings_no_longer_name_is_named_and_left_alone(deployer: Deployer) -> None:
    deployer.deploy(QUEUE)
    deployer.changes()
    before = deployer.picture()

    steps, leftovers = deployer.look()
    assert steps == ()
    assert "function sailplane-worker-reports" in {str(each) for each in leftovers}
    deployer.deploy()
    assert deployer.changes() == []
    assert deployer.picture() == before


def test_a_queue_can_be_added(deployer: Deployer) -> None:
    deployer.deploy()
    deployer.changes()
    deployer.deploy(QUEUE)
    changes = deployer.changes()
    assert any("topics create sailplane-reports" in each for each in changes)
    assert all("reports" in each for each in changes)
    assert deployer.steps(QUEUE) == ()


BY_HAND = [
    "pubsub subscriptions delete sailplane-default",
    "pubsub subscriptions update sailplane-default --ack-deadline=20",
    "pubsub subscriptions update sailplane-events --clear-dead-letter-policy",
    "pubsub topics delete sailplane-dead-letters",
    f"functions delete sailplane-tick --region={REGION}",
    f"functions deploy sailplane-tick --region={REGION} --memory=2Gi",
    f"functions deploy sailplane-worker --region={REGION} --update-env-vars=SAILPLANE_QUEUE=other",
    f"scheduler jobs delete sailplane-tick --location={REGION}",
    f"scheduler jobs update http sailplane-tick --location={REGION} --schedule='*/5 * * * *'",
    "storage buckets notifications delete gs://demo-project-sailplane",
    "storage buckets update gs://demo-project-sailplane --clear-lifecycle",
    "storage buckets update gs://demo-project-sailplane --no-public-access-prevention",
    "firestore fields ttls update expire_at --collection-group=runs --disable-ttl",
    "firestore indexes fields update alarm_at --collection-group=tasks --clear-exemption",
    "firestore databases update --no-delete-protection",
    "iam service-accounts update sailplane-web@demo-project.iam.gserviceaccount.com --display-name=W",
    "projects remove-iam-policy-binding demo-project --role=roles/datastore.user "
    "--member=serviceAccount:sailplane-worker@demo-project.iam.gserviceaccount.com",
    f"run services remove-iam-policy-binding sailplane-tick --region={REGION} --role=roles/run.invoker "
    "--member=serviceAccount:sailplane-scheduler@demo-project.iam.gserviceaccount.com",
    "logging metrics update sailplane-runs-ended --description=d --log-filter=f",
]


@pytest.mark.parametrize("by_hand", BY_HAND)
def test_what_was_changed_by_hand_is_put_back(deployer: Deployer, by_hand: str) -> None:
    deployer.deploy()
    make(deployer.cloud, by_hand)
    assert deployer.steps() != ()
    deployer.deploy()
    assert deployer.steps() == ()


def test_what_others_have_in_the_project_stays(deployer: Deployer) -> None:
    others = ("topics create mine-1", "subscriptions create mine-1 --topic=mine-1")
    make(deployer.cloud, "services enable pubsub.googleapis.com", *(f"pubsub {each}" for each in others))
    make(deployer.cloud, "projects add-iam-policy-binding demo-project --role=roles/viewer --member=user:a@example.org")
    deployer.deploy()
    deployer.destroy(with_data=True)
    assert set(deployer.cloud.kind("topics")) == set(deployer.cloud.kind("subscriptions")) == {"mine-1"}
    assert deployer.cloud.may("project demo-project", "roles/viewer", "user:a@example.org")


def test_two_deployments_live_side_by_side_in_one_project(deployer: Deployer) -> None:
    night, day = (
        f'[deployment]\nname = "{name}"\nbucket = "{name}-1"\ndatabase = "{name}-1"' for name in ("night", "days")
    )
    deployer.deploy(night)
    deployer.deploy(day)
    assert deployer.steps(night) == deployer.steps(day) == ()
    deployer.destroy(night, with_data=True)
    assert deployer.steps(day) == ()
    assert not any("night" in json.dumps(each) for each in deployer.picture()["resources"].values())


def test_nobody_gets_more_than_the_table_of_roles_says(deployer: Deployer) -> None:
    deployer.deploy()
    granted = {
        (resource.split()[0], binding["role"].removeprefix("roles/"), member.partition("@")[0].rpartition(":")[2])
        for resource, policy in deployer.picture()["policies"].items()
        for binding in policy["bindings"]
        for member in binding["members"]
    }
    projectwide = {(role, member) for kind, role, member in granted if kind == "project"}
    assert projectwide == {
        *(("datastore.user", f"sailplane-{name}") for name in ("tick", "worker", "events", "web")),
        *(
            (role, "sailplane-build")
            for role in ("artifactregistry.writer", "logging.logWriter", "storage.objectViewer")
        ),
    }
    assert {member for kind, role, member in granted if role == "run.invoker"} == {
        "sailplane-push",
        "sailplane-scheduler",
    }
    assert {member for kind, role, member in granted if role == "storage.objectUser"} == {"sailplane-worker"}
    assert not any(member.startswith("all") for _, _, member in granted)


def test_after_a_rollback_by_traffic_the_next_version_gets_the_traffic_again(deployer: Deployer) -> None:
    deployer.deploy()
    make(deployer.cloud, f"run services update-traffic sailplane-worker --region={REGION} --to-revisions=old=100")
    service = deployer.cloud.kind("functions")["sailplane-worker"]["serviceConfig"]
    assert not service["allTrafficOnLatestRevision"]
    deployer.deploy('[functions.worker]\nmemory = "2Gi"')
    assert deployer.cloud.kind("functions")["sailplane-worker"]["serviceConfig"]["allTrafficOnLatestRevision"]


def test_a_queue_with_a_gpu_gets_one(deployer: Deployer) -> None:
    queue = '[queues.learn]\nkind = "job"\nimage = "docker.io/x/y:1"\ngpu = "nvidia-l4"\nmemory = "16Gi"\ncpu = 4'
    deployer.deploy(queue)
    assert deployer.steps(queue) == ()
    task = deployer.cloud.kind("jobs")["sailplane-learn"]["spec"]["template"]["spec"]["template"]["spec"]
    assert task["containers"][0]["resources"]["limits"]["nvidia.com/gpu"] == "1"
    assert task["nodeSelector"] == {"run.googleapis.com/accelerator": "nvidia-l4"}
    without = queue.replace('gpu = "nvidia-l4"\n', "")
    deployer.deploy(without)
    assert deployer.steps(without) == ()


# -- bad days


@CONFIGS
def test_wherever_a_deployment_stopped_the_next_one_completes(deployer: Deployer, config: str) -> None:
    """A step that failed had its effect or had not: the project is as it was after some change."""
    prepare(deployer.cloud)
    deployer.moments = [json.dumps(deployer.cloud.state)]
    deployer.deploy(config)
    moments, deployer.moments = deployer.moments, None
    complete = _without_serials(deployer)
    for number, moment in enumerate(moments):
        deployer.cloud.state = json.loads(moment)
        deployer.deploy(config)
        assert _without_serials(deployer) == complete, f"after {number} changes"
    assert deployer.steps(config) == ()


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("number", [1, 4, 12, 26, 46])
def test_a_step_that_fails_ends_the_deployment(deployer: Deployer, number: int, when: str) -> None:
    deployer.fail(number, when, INTERNAL)
    with pytest.raises(StepFailed, match="goes on from here"):
        deployer.deploy()
    assert len(deployer.changes()) < 64, "only what was under way at the same time goes on"
    deployer.deploy()
    assert deployer.steps() == ()


def test_a_function_whose_build_failed_is_deployed_again(deployer: Deployer) -> None:
    untouched = json.dumps(deployer.cloud.state)
    deployer.deploy()
    functions = [number for number, change in enumerate(deployer.changes(), 1) if " functions deploy " in change]
    assert len(functions) == 4
    for number in functions:
        deployer.cloud.state = json.loads(untouched)
        deployer.fail(number, "broken", INTERNAL)
        with pytest.raises(StepFailed):
            deployer.deploy()
        deployer.deploy()
        assert deployer.steps() == ()
        assert {each["state"] for each in deployer.cloud.kind("functions").values()} == {"ACTIVE"}


def _without_serials(deployer: Deployer) -> object:
    """The project, but for ids and times, which depend on how often something was tried."""
    picture = deployer.picture()
    kinds = picture["resources"]
    for service in ("notifications", "alerts", "dashboards", "indexes"):
        kinds[service] = sorted(json.dumps(_bare(each), sort_keys=True) for each in kinds.get(service, {}).values())
    return _bare(picture)


SERIALS = (
    "createTime",
    "updateTime",
    "timeCreated",
    "userUpdateTime",
    "etag",
    "id",
    "uniqueId",
    "oauth2ClientId",
    "name",
)


def _bare(value: object) -> object:
    if isinstance(value, dict):
        return {key: _bare(each) for key, each in value.items() if key not in SERIALS}
    return [_bare(each) for each in value] if isinstance(value, list) else value


@pytest.mark.parametrize("when", ["before", "after"])
def test_passing_trouble_is_waited_for_in_the_same_deployment(deployer: Deployer, when: str) -> None:
    deployer.fail_each(when, PASSING)
    deployer.deploy()
    assert deployer.steps() == ()
    assert set(deployer.slept) == {5.0}
    assert len(deployer.slept) > 60


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ('[deployment]\nlocation = "us-east1"', r"location 'europe-west1' and not 'us-east1'"),
    ],
)
def test_what_cannot_be_changed_is_said_before_anything_is_done(deployer: Deployer, config: str, said: str) -> None:
    deployer.deploy()
    deployer.changes()
    with pytest.raises(SettingsError, match=said):
        deployer.deploy(config)
    assert deployer.changes() == []
