"""Taking away."""

from deploy_stage import EVERYTHING, kit

from sailplane.deploy import destroy
from sailplane.deploy.kit import Kit
from sailplane.deploy.plan import Step
from sailplane.deploy.resource import Kind, Resource
from sailplane.deploy.resources import desired
from sailplane.deploy.state import State


def state_of(one: Kit) -> State:
    known = {"id": "the-id"}
    return {(each.kind, each.name): {**each.settings, **known} for each in desired(one.design)}


def steps(one: Kit, state: State, *, with_data: bool = False) -> tuple[Step, ...]:
    return destroy.steps(one, desired(one.design), state, with_data=with_data)


def test_the_clock_goes_first_and_accounts_last() -> None:
    one = kit(EVERYTHING)
    kinds = [step.kind for step in steps(one, state_of(one))]
    assert kinds[0] is Kind.SCHEDULER_JOB
    assert kinds[-1] is Kind.SERVICE_ACCOUNT
    assert kinds.index(Kind.FUNCTION) < kinds.index(Kind.SUBSCRIPTION) < kinds.index(Kind.TOPIC)


def test_data_stays_unless_told() -> None:
    one = kit(EVERYTHING)
    state = state_of(one)
    assert {step.kind for step in steps(one, state)}.isdisjoint({Kind.BUCKET, Kind.DATABASE})
    assert [step.kind for step in steps(one, state, with_data=True)][-2:] == [Kind.BUCKET, Kind.DATABASE]
    assert [str(each) for each in destroy.data_that_stays(desired(one.design), state)] == [
        "Firestore database (default)",
        "bucket acme-sailplane",
    ]


def test_a_protected_database_is_unprotected_first() -> None:
    one = kit()
    database = steps(one, state_of(one), with_data=True)[-1]
    assert [command.argv[3] for command in database.commands] == ["update", "delete"]
    assert "--no-delete-protection" in database.commands[0].argv


def test_what_is_not_there_is_not_taken_away() -> None:
    assert steps(kit(), {}, with_data=True) == ()


def test_policies_go_with_what_they_are_on() -> None:
    one = kit(EVERYTHING)
    scopes = {
        step.title.split(" on ")[1].split(" ")[0] for step in steps(one, state_of(one)) if step.kind is Kind.BINDING
    }
    assert scopes == {"project", "bucket", "secret", "Identity-Aware"}


def test_who_passes_the_proxy_is_forgotten_while_its_service_is_there() -> None:
    one = kit(EVERYTHING)
    titles = [step.title for step in steps(one, state_of(one))]
    (proxied,) = [title for title in titles if "Identity-Aware Proxy" in title]
    assert titles.index(proxied) < titles.index("function sailplane-web")


def test_what_the_settings_no_longer_name_goes_too() -> None:
    one = kit()
    left: State = {
        (Kind.FUNCTION, "sailplane-worker-old"): {"owner": "sailplane"},
        (Kind.TOPIC, "sailplane-old"): {"owner": "sailplane"},
        (Kind.TOPIC, "somebody-elses"): {"owner": None},
    }
    assert [str(step) for step in steps(one, left)] == [
        "delete function sailplane-worker-old",
        "delete topic sailplane-old",
    ]


def test_what_takes_a_leftover_away_can_be_told() -> None:
    (command,) = destroy.commands(kit(), Resource(kind=Kind.TOPIC, name="sailplane-old"))
    assert str(command) == "gcloud pubsub topics delete sailplane-old --project=acme --quiet"


def test_every_step_accepts_that_its_thing_is_gone() -> None:
    one = kit(EVERYTHING)
    assert all(step.tolerates_absence for step in steps(one, state_of(one), with_data=True))


def test_apis_stay_on() -> None:
    one = kit(EVERYTHING)
    assert Kind.API not in {step.kind for step in steps(one, state_of(one), with_data=True)}
