"""Reading what is there."""

from typing import Any

import pytest
from deploy_stage import EVERYTHING, kit
from scripted_gcloud import ScriptedGcloud, failure

from sailplane.deploy.kit import Kit
from sailplane.deploy.resource import Kind
from sailplane.deploy.resources import desired
from sailplane.deploy.shell import CommandFailed
from sailplane.deploy.state import State, find_project, leftovers, read

READING = {"list", "describe", "get-iam-policy"}


def enabled(*apis: str) -> list[dict[str, Any]]:
    return [{"config": {"name": f"{api}.googleapis.com"}, "state": "ENABLED"} for api in apis]


ALL = enabled(
    "artifactregistry",
    "cloudbuild",
    "cloudfunctions",
    "cloudscheduler",
    "firestore",
    "iam",
    "iap",
    "logging",
    "monitoring",
    "pubsub",
    "run",
    "secretmanager",
    "storage",
)


def look(gcloud: ScriptedGcloud, one: Kit) -> State:
    return read(one, desired(one.design), gcloud.shell.ask)


def test_of_an_empty_project_only_what_always_answers_is_asked() -> None:
    gcloud = ScriptedGcloud({"projects get-iam-policy": [{}]})
    assert look(gcloud, kit()) == {}
    assert [argv[1:3] for argv in gcloud.calls] == [("services", "list"), ("projects", "get-iam-policy")]


def test_reading_changes_nothing() -> None:
    gcloud = ScriptedGcloud(
        {
            "services list": [ALL],
            "firestore databases list": [[{"name": "projects/acme/databases/(default)"}]],
            "storage buckets list": [[{"name": "acme-sailplane"}]],
            "pubsub topics list": [[{"name": "projects/acme/topics/sailplane-default"}]],
        }
    )
    look(gcloud, kit(EVERYTHING))
    verbs = [set(argv) & READING for argv in gcloud.calls]
    assert len(verbs) > 15
    assert all(verbs)


def test_every_question_is_asked_once() -> None:
    gcloud = ScriptedGcloud({"services list": [ALL]})
    look(gcloud, kit(EVERYTHING))
    assert len(gcloud.calls) == len(set(gcloud.calls))


def test_what_is_within_a_database_is_asked_for_when_it_is_there() -> None:
    gcloud = ScriptedGcloud({"services list": [ALL], "storage buckets list": [[{"name": "another"}]]})
    look(gcloud, kit())
    assert gcloud.asked("firestore indexes") == gcloud.asked("firestore fields") == 0
    assert gcloud.asked("storage buckets notifications") == 0


def test_a_policy_is_asked_for_when_its_resource_is_there() -> None:
    gcloud = ScriptedGcloud(
        {"services list": [ALL], "pubsub topics list": [[{"name": "projects/acme/topics/sailplane-events"}]]}
    )
    look(gcloud, kit())
    assert gcloud.asked("pubsub topics get-iam-policy sailplane-events") == 1
    assert gcloud.asked("pubsub topics get-iam-policy") == 1


def test_bindings_are_known_by_scope_resource_role_and_member() -> None:
    member = "serviceAccount:sailplane-tick@acme.iam.gserviceaccount.com"
    policy = {
        "bindings": [
            {"role": "roles/datastore.user", "members": [member]},
            {"role": "roles/pubsub.publisher", "members": [member], "condition": {"title": "only today"}},
        ]
    }
    gcloud = ScriptedGcloud({"projects get-iam-policy": [policy]})
    names = [name for kind, name in look(gcloud, kit()) if kind is Kind.BINDING]
    assert names == [f"roles/datastore.user on project acme for {member}"]


def test_an_agent_is_there_when_a_binding_names_it() -> None:
    member = "serviceAccount:service-4242@gcp-sa-pubsub.iam.gserviceaccount.com"
    gcloud = ScriptedGcloud(
        {
            "services list": [ALL],
            "pubsub topics list": [[{"name": "projects/acme/topics/sailplane-dead-letters"}]],
            "pubsub topics get-iam-policy": [{"bindings": [{"role": "roles/pubsub.publisher", "members": [member]}]}],
        }
    )
    agents = [name for kind, name in look(gcloud, kit()) if kind is Kind.SERVICE_AGENT]
    assert agents == ["pubsub.googleapis.com"]


def test_a_function_that_failed_to_come_up_has_no_policy() -> None:
    gcloud = ScriptedGcloud(
        {
            "services list": [ALL],
            "functions list": [[{"name": "projects/acme/locations/europe-west1/functions/sailplane-tick"}]],
            "run services get-iam-policy": [failure("Could not find service [sailplane-tick]")],
        }
    )
    state = look(gcloud, kit())
    assert (Kind.FUNCTION, "sailplane-tick") in state
    assert Kind.BINDING not in {kind for kind, _ in state}


def test_a_proxy_is_there_when_the_service_says_so() -> None:
    annotations = {"run.googleapis.com/iap-enabled": "true"}
    gcloud = ScriptedGcloud(
        {
            "services list": [ALL],
            "functions list": [[{"name": "projects/acme/locations/europe-west1/functions/sailplane-web"}]],
            "run services describe sailplane-web": [{"metadata": {"annotations": annotations}}],
        }
    )
    assert (Kind.IAP, "sailplane-web") in look(gcloud, kit(EVERYTHING))


def test_a_failing_question_says_which_command_and_what_to_do() -> None:
    gcloud = ScriptedGcloud({"services list": [failure("You do not currently have an active account selected.")]})
    with pytest.raises(
        CommandFailed, match=r"`gcloud services list .*--format=json` ended with code 1.*gcloud auth login"
    ):
        look(gcloud, kit())


def test_the_number_of_a_project_is_asked_for() -> None:
    gcloud = ScriptedGcloud({"projects describe acme": [{"projectNumber": "4242"}]})
    assert find_project("acme", gcloud.shell.ask) == "4242"


def test_what_the_settings_no_longer_name_is_found_by_its_label() -> None:
    topics = [
        {"name": "projects/acme/topics/sailplane-default", "labels": {"sailplane": "sailplane"}},
        {"name": "projects/acme/topics/sailplane-old", "labels": {"sailplane": "sailplane"}},
        {"name": "projects/acme/topics/sailplane-dev-default", "labels": {"sailplane": "sailplane-dev"}},
        {"name": "projects/acme/topics/sailplane-theirs"},
    ]
    gcloud = ScriptedGcloud({"services list": [ALL], "pubsub topics list": [topics]})
    one = kit()
    left = leftovers(one, desired(one.design), look(gcloud, one))
    assert [str(resource) for resource in left] == ["topic sailplane-old"]
