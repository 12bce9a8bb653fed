"""The commands, word for word."""

import json
import shlex
import tomllib
from pathlib import Path

import pytest
from deploy_stage import EVERYTHING, INFRA, kit, the

from sailplane.deploy import plan
from sailplane.deploy.command import Command, mapping_flag
from sailplane.deploy.commands import VERBS
from sailplane.deploy.config import load
from sailplane.deploy.resource import Kind, Resource
from sailplane.deploy.resources import desired


def create(resource: Resource, toml: str = "", *, sources: str = "") -> list[str]:
    return [str(each) for each in VERBS[resource.kind].create(kit(toml, sources=sources), resource)]


def flags(line: str) -> dict[str, str]:
    """Flags and their values."""
    words = [word.partition("=") for word in shlex.split(line) if word.startswith("--")]
    return {name: value for name, _, value in words}


def test_a_function_is_deployed_with_all_its_settings() -> None:
    toml = """
    [functions.web]
    memory = "1Gi"
    cpu = 2
    env = { A = "1,2", B = "x" }
    secrets = { KEY = "web-key:3" }
    vpc_connector = "inside"
    ingress = "internal-and-gclb"
    min_instances = 1
    """
    (line,) = create(the(Kind.FUNCTION, "sailplane-web", toml, sources="cafe"), toml, sources="cafe")
    assert line.startswith("gcloud functions deploy sailplane-web --gen2 ")
    expected = {
        "--region": "europe-west1",
        "--runtime": "python313",
        "--entry-point": "web",
        "--source": "work/sources/sailplane-web",
        "--trigger-http": "",
        "--serve-all-traffic-latest-revision": "",
        "--no-allow-unauthenticated": "",
        "--service-account": "sailplane-web@acme.iam.gserviceaccount.com",
        "--build-service-account": "projects/acme/serviceAccounts/sailplane-build@acme.iam.gserviceaccount.com",
        "--memory": "1Gi",
        "--cpu": "2",
        "--concurrency": "16",
        "--timeout": "60s",
        "--min-instances": "1",
        "--max-instances": "5",
        "--ingress-settings": "internal-and-gclb",
        "--vpc-connector": "inside",
        "--set-secrets": "KEY=web-key:3",
        "--update-labels": "sailplane=sailplane,sailplane-source=cafe",
        "--project": "acme",
        "--quiet": "",
        "--gen2": "",
    }
    found = flags(line)
    assert found.pop("--set-env-vars").endswith("|SAILPLANE_AUTH=id-token|A=1,2|B=x")
    assert found == expected


def test_a_subscription_is_made_with_identity_patience_and_dead_letters() -> None:
    (line,) = create(the(Kind.SUBSCRIPTION, "sailplane-events"))
    found = flags(line)
    assert found["--message-filter"].startswith('NOT hasPrefix(attributes.objectId, "logs/") AND NOT')
    assert found["--push-auth-service-account"] == "sailplane-push@acme.iam.gserviceaccount.com"
    assert (found["--ack-deadline"], found["--expiration-period"]) == ("600", "never")
    assert (found["--min-retry-delay"], found["--max-retry-delay"]) == ("1s", "60s")
    assert (found["--dead-letter-topic"], found["--max-delivery-attempts"]) == ("sailplane-dead-letters", "20")


def test_a_subscription_is_updated_without_what_it_was_made_with() -> None:
    update = VERBS[Kind.SUBSCRIPTION].update
    assert update is not None
    (pushed,) = update(kit(), the(Kind.SUBSCRIPTION, "sailplane-events"))
    assert not {"--topic", "--message-filter", "--labels"} & flags(str(pushed)).keys()
    (pulled,) = update(kit(EVERYTHING), the(Kind.SUBSCRIPTION, "sailplane-steady", EVERYTHING))
    assert "--push-endpoint=" in pulled.argv


def test_a_field_is_written_by_the_api_that_knows_collection_groups() -> None:
    (command,) = VERBS[Kind.FIELD].create(kit(), the(Kind.FIELD, "tasks.alarm_at"))
    assert command.takes_token
    data = command.argv[command.argv.index("--data") + 1]
    assert json.loads(data) == {
        "indexConfig": {
            "indexes": [{"queryScope": "COLLECTION_GROUP", "fields": [{"fieldPath": "alarm_at", "order": "ASCENDING"}]}]
        }
    }
    assert command.argv[-1] == (
        "https://firestore.googleapis.com/v1/projects/acme/databases/(default)/collectionGroups/tasks/fields/alarm_at"
        "?updateMask=indexConfig"
    )
    assert 'printf %s "Authorization: Bearer $(gcloud auth print-access-token)" | curl ' in str(command)


def test_a_composite_index_names_its_fields_in_order() -> None:
    index = Resource(
        kind=Kind.INDEX,
        name="runs",
        settings={
            "collection_group": "runs",
            "scope": "COLLECTION_GROUP",
            "fields": ({"field": "state", "order": "ASCENDING"}, {"field": "tags", "array": "CONTAINS"}),
        },
    )
    (line,) = create(index)
    assert (
        "--field-config=field-path=state,order=ascending --field-config=field-path=tags,array-config=contains" in line
    )
    assert flags(line)["--query-scope"] == "collection-group"


def test_a_bucket_is_closed_and_forgets() -> None:
    created, updated = VERBS[Kind.BUCKET].create(kit(), the(Kind.BUCKET, "acme-sailplane"))
    assert "--uniform-bucket-level-access --public-access-prevention --soft-delete-duration=0s" in str(created)
    (file,) = updated.files
    assert f"--lifecycle-file={file.path}" in updated.argv
    assert json.loads(file.content)["rule"][0] == {
        "action": {"type": "Delete"},
        "condition": {"age": 30, "matchesPrefix": ["logs/"]},
    }


def test_a_job_is_one_task_that_is_never_repeated() -> None:
    (line,) = create(the(Kind.JOB, "sailplane-gpu", EVERYTHING, sources="cafe"), EVERYTHING)
    found = flags(line)
    assert (found["--command"], found["--args"]) == ("sailplane", "run-task")
    assert (found["--tasks"], found["--max-retries"], found["--task-timeout"]) == ("1", "0", "86400s")
    assert (found["--gpu"], found["--gpu-type"]) == ("1", "nvidia-l4")
    assert found["--set-secrets"] == "DB_PASSWORD=db-password:latest"


def test_a_job_gives_up_its_gpu() -> None:
    job = the(Kind.JOB, "sailplane-gpu", '[queues.gpu]\nkind = "job"\nimage = "busybox"')
    before = {(Kind.JOB, "sailplane-gpu"): {**job.settings, "gpu": "nvidia-l4"}}
    (step,) = plan.steps(kit(), [job], before)
    assert flags(str(step.commands[0]))["--gpu"] == "0"
    assert "--gpu" not in flags(create(job)[0])


def test_an_image_is_built_by_the_account_that_may() -> None:
    (command,) = VERBS[Kind.IMAGE].create(
        kit(EVERYTHING, sources="cafe"),
        the(Kind.IMAGE, "europe-west1-docker.pkg.dev/acme/sailplane/sailplane-gpu", EVERYTHING, sources="cafe"),
    )
    assert command.argv[1:4] == ("builds", "submit", "work/sources/sailplane-gpu")
    build = json.loads(command.files[0].content)
    assert build["serviceAccount"] == "projects/acme/serviceAccounts/sailplane-build@acme.iam.gserviceaccount.com"
    assert build["images"] == ["europe-west1-docker.pkg.dev/acme/sailplane/sailplane-gpu:cafe"]


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind is not Kind.INDEX])
def test_every_kind_can_be_made(kind: Kind) -> None:
    one = kit(EVERYTHING, sources="cafe")
    for resource in desired(one.design):
        if resource.kind is kind:
            for command in VERBS[kind].create(one, resource):
                assert command.argv[0] in ("gcloud", "curl")
                assert all(isinstance(word, str) and word for word in command.argv)


def test_only_apis_agents_and_what_goes_with_its_holder_cannot_be_taken_away() -> None:
    lasting = {kind for kind, verbs in VERBS.items() if verbs.delete is None}
    assert lasting == {Kind.API, Kind.SERVICE_AGENT, Kind.INDEX, Kind.FIELD, Kind.TTL, Kind.IMAGE, Kind.IAP}
    assert set(VERBS) == set(Kind)


def test_monitoring_is_filled_in_and_marked() -> None:
    (command,) = VERBS[Kind.ALERT].create(kit(EVERYTHING), the(Kind.ALERT, "sailplane-failed-runs", EVERYTHING))
    content = json.loads(command.files[0].content)
    assert content["userLabels"]["sailplane"] == "sailplane"
    assert content["notificationChannels"] == ["projects/acme/notificationChannels/1"]
    assert "${" not in command.files[0].content


def test_values_with_commas_are_separated_by_something_else() -> None:
    assert mapping_flag({"A": "1", "B": "2"}) == "A=1,B=2"
    assert mapping_flag({"A": "1,2", "B": "3"}) == "^|^A=1,2|B=3"
    assert mapping_flag({"A": "1,2|3"}) == "^;^A=1,2|3"
    assert mapping_flag({}) is None


def test_a_command_is_printed_so_that_a_shell_reads_the_same_words() -> None:
    argv = ("gcloud", "x", "--filter=a AND NOT (b)", "--text=it's")
    assert tuple(shlex.split(str(Command(argv=argv)))) == argv


def test_the_example_of_settings_is_valid() -> None:
    example = INFRA / "sailplane.toml"
    made = load(example)
    assert {queue.kind for queue in made.queues.values()} == {"function", "job", "pull"}
    assert tomllib.loads(Path(example).read_text())["deployment"]["name"] == "sailplane"
