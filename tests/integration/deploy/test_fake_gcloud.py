"""The gcloud for tests, held against what the real one was recorded to say, and against what services demand."""

import json
import shlex
from pathlib import Path

import pytest
from fake_gcloud.cloud import Cloud
from fake_gcloud.program import COMMANDS, Result, curl, gcloud
from fake_gcloud.surface import recorded

REFUSALS = Path(__file__).parents[2] / "oracle" / "gcloud_refusals.json"
COMPLAINTS = (
    "unrecognized arguments",
    "Must be specified",
    "Exactly one of",
    "At most one of",
    "must be specified",
    "expected one argument",
    "Invalid choice",
    "must be one of",
    "must be greater than or equal to",
    "must be less than or equal to",
    "Failed to parse duration",
    "invalid int value",
    "valid keys are",
    "Bad syntax for dict arg",
    "ignored explicit argument",
    "Command name argument expected",
)
FIELD = "https://firestore.googleapis.com/v1/projects/demo-project/databases/(default)/collectionGroups/tasks/fields/a"


def complaint(text: str) -> str:
    return next(each for each in COMPLAINTS if each in text)


def run(cloud: Cloud, line: str) -> Result:
    return gcloud(cloud, shlex.split(line))


def done(cloud: Cloud, *lines: str) -> None:
    for line in lines:
        result = run(cloud, line)
        assert result.code == 0, result.stderr


@pytest.mark.parametrize(("line", "code", "said"), json.loads(REFUSALS.read_text())["refusals"])
def test_it_refuses_what_the_real_one_refuses_with_the_same_complaint(
    cloud: Cloud, line: str, code: int, said: str
) -> None:
    result = run(cloud, line)
    assert result.code == code
    assert result.stderr.split(")")[0] == said.split(")", maxsplit=1)[0], "the command that complains"
    assert complaint(result.stderr) == complaint(said)


def test_every_command_that_it_runs_is_one_of_the_real_gcloud() -> None:
    known = {path.removeprefix("alpha ").removeprefix("beta ") for path in recorded().commands}
    assert set(COMMANDS) <= known


def test_lists_and_tables_may_name_their_own_separator(cloud: Cloud, tmp_path: Path) -> None:
    done(cloud, "services enable cloudfunctions.googleapis.com run.googleapis.com cloudbuild.googleapis.com "
         "artifactregistry.googleapis.com")  # fmt: skip
    (tmp_path / "main.py").write_text("def f(request):\n    pass\n")
    (tmp_path / "requirements.txt").write_text("")
    done(cloud, f"functions deploy f --runtime=python313 --entry-point=f --trigger-http --source={tmp_path} "
         "--set-env-vars='^;^A=1,2;B=x=y'")  # fmt: skip
    env = json.loads(run(cloud, "functions describe f --format=json").stdout)["serviceConfig"]["environmentVariables"]
    assert env == {"A": "1,2", "B": "x=y", "LOG_EXECUTION_ID": "true"}


ON = "services enable pubsub.googleapis.com iam.googleapis.com firestore.googleapis.com cloudscheduler.googleapis.com"


@pytest.mark.parametrize(
    ("before", "line", "said"),
    [
        ("", "pubsub topics create tau", "has not been used in project"),
        (ON, "pubsub topics describe tau", "NOT_FOUND"),
        (f"{ON} && pubsub topics create tau", "pubsub topics create tau", "ALREADY_EXISTS"),
        (ON, "pubsub subscriptions create sub --topic=tau", "NOT_FOUND"),
        (
            f"{ON} && pubsub topics create tau",
            "pubsub subscriptions create sub --topic=tau --push-endpoint=http://x",
            "Invalid push endpoint",
        ),
        (
            f"{ON} && pubsub topics create tau",
            "pubsub subscriptions create sub --topic=tau --push-endpoint=https://x "
            "--push-auth-service-account=a@demo-project.iam.gserviceaccount.com",
            "does not exist",
        ),
        (
            f"{ON} && pubsub topics create tau",
            "pubsub topics add-iam-policy-binding tau --role=roles/pubsub.publisher "
            "--member=serviceAccount:nobody@demo-project.iam.gserviceaccount.com",
            "does not exist",
        ),
        (
            f"{ON} && pubsub topics create tau",
            "pubsub topics add-iam-policy-binding tau --role=roles/pubsub.publish --member=user:a@example.org",
            "not supported",
        ),
        (ON, "iam service-accounts create abc", "between 6 and 30"),
        ("", "storage buckets describe gs://none", "gs://none not found: 404"),
        ("storage buckets create gs://b1", "storage buckets create gs://b1", "409"),
        ("storage buckets create gs://b1", "storage buckets notifications create gs://b1 --topic=tau "
         "--skip-topic-setup", "404"),
        (f"{ON} && storage buckets create gs://b1 && pubsub topics create tau",
         "storage buckets notifications create gs://b1 --topic=tau --skip-topic-setup", "does not have permission"),
        (f"{ON} && firestore databases create --location=eur3 --delete-protection",
         "firestore databases delete --database='(default)'", "delete protection"),
        (f"{ON} && firestore databases create --location=eur3",
         "firestore indexes composite create --collection-group=g --field-config=field-path=a,order=ascending",
         "not necessary"),
        (ON, "scheduler jobs create http j1 --location=r --schedule='* * * * *' --uri=https://x "
         "--oidc-service-account-email=a@demo-project.iam.gserviceaccount.com", "does not exist"),
        (ON, "functions list --project=other", "other"),
    ],
)  # fmt: skip
def test_it_demands_what_the_services_demand(cloud: Cloud, before: str, line: str, said: str) -> None:
    done(cloud, *filter(None, before.split(" && ")))
    result = run(cloud, line)
    assert result.code == 1
    assert said in result.stderr


def test_a_deleted_account_stays_in_policies_as_a_deleted_one(cloud: Cloud) -> None:
    email = "robot-1@demo-project.iam.gserviceaccount.com"
    done(
        cloud,
        ON,
        "iam service-accounts create robot-1",
        f"projects add-iam-policy-binding demo-project --role=roles/viewer --member=serviceAccount:{email}",
        f"iam service-accounts delete {email}",
    )
    policy = json.loads(run(cloud, "projects get-iam-policy demo-project --format=json").stdout)
    assert policy["bindings"][0]["members"][0].startswith(f"deleted:serviceAccount:{email}?uid=")


def test_the_api_sets_indexes_of_collection_groups_which_gcloud_cannot(cloud: Cloud) -> None:
    done(cloud, ON, "firestore databases create --location=eur3")
    index = {"queryScope": "COLLECTION_GROUP", "fields": [{"fieldPath": "a", "order": "ASCENDING"}]}
    body = json.dumps({"indexConfig": {"indexes": [index]}})
    request = ["--request=PATCH", "--header=@-", "--header=content-type: application/json", f"--data={body}"]
    url = f"{FIELD}?updateMask=indexConfig"
    assert curl(cloud, [*request, url], "Authorization: Bearer ya29.fake-token").code == 0
    assert curl(cloud, [*request, url], "Authorization: Bearer stolen").code == 22
    (field,) = json.loads(run(cloud, "firestore indexes fields list --format=json").stdout)
    assert field["indexConfig"]["indexes"] == [{**index, "state": "READY"}]
    done(cloud, "firestore indexes fields update a --collection-group=tasks --index=order=ascending")
    (field,) = json.loads(run(cloud, "firestore indexes fields list --format=json").stdout)
    assert field["indexConfig"]["indexes"][0]["queryScope"] == "COLLECTION"


@pytest.mark.parametrize(("when", "topics"), [("before", 1), ("after", 2)])
def test_a_fault_strikes_once_before_or_after_the_effect(cloud: Cloud, when: str, topics: int) -> None:
    done(cloud, ON)
    cloud.state["fault"] = {"left": 2, "message": "INTERNAL: Internal error encountered.", "when": when}
    done(cloud, "pubsub topics create one-1", "pubsub topics list")
    assert run(cloud, "pubsub topics create two-2").code == 1
    assert len(json.loads(run(cloud, "pubsub topics list --format=json").stdout)) == topics
    assert run(cloud, "pubsub topics create three-3").code == 0
