from collections import Counter

from deploy_stage import EVERYTHING, grants, resources, the

from sailplane.deploy.resource import Kind, Resource


def places(found: tuple[Resource, ...]) -> dict[tuple[Kind, str], int]:
    return {(one.kind, one.name): place for place, one in enumerate(found)}


def test_no_two_resources_have_the_same_kind_and_name() -> None:
    counts = Counter((one.kind, one.name) for one in resources(EVERYTHING))
    assert [each for each, count in counts.items() if count > 1] == []


def test_whoever_is_called_stands_before_who_calls() -> None:
    place = places(resources(EVERYTHING))
    order = [
        (Kind.TOPIC, "sailplane-default"),
        (Kind.JOB, "sailplane-gpu"),
        (Kind.FUNCTION, "sailplane-worker"),
        (Kind.SUBSCRIPTION, "sailplane-default"),
        (Kind.FUNCTION, "sailplane-tick"),
        (Kind.SCHEDULER_JOB, "sailplane-tick"),
    ]
    assert [place[one] for one in order] == sorted(place[one] for one in order)


def test_a_binding_stands_behind_its_resource_and_its_member() -> None:
    found = resources(EVERYTHING)
    place = places(found)
    kinds = {"bucket": Kind.BUCKET, "topic": Kind.TOPIC, "subscription": Kind.SUBSCRIPTION, "Cloud Run job": Kind.JOB}
    kinds |= {"Cloud Run service": Kind.FUNCTION, "Identity-Aware Proxy": Kind.IAP}
    for one in (each for each in found if each.kind is Kind.BINDING):
        scope, resource, member = (str(one.settings[key]) for key in ("scope", "resource", "member"))
        if scope in kinds:
            assert place[kinds[scope], resource] < place[Kind.BINDING, one.name], one
        email = member.partition(":")[2]
        if email.endswith("@acme.iam.gserviceaccount.com"):
            assert place[Kind.SERVICE_ACCOUNT, email] < place[Kind.BINDING, one.name], one


def test_the_notification_stands_behind_the_right_to_publish_it() -> None:
    names = [one.name for one in resources()]
    right = next(name for name in names if "gs-project-accounts" in name)
    assert names.index(right) < names.index("acme-sailplane to sailplane-events")


def test_each_function_may_do_what_it_does_and_nothing_else() -> None:
    queue, bucket = ("TOPIC", "sailplane-default"), ("BUCKET", "acme-sailplane")
    readers = {
        (f"sailplane-{function}", *right)
        for function in ("tick", "events", "web")
        for right in (
            ("datastore.user", "PROJECT", "acme"),
            ("pubsub.publisher", *queue),
            ("storage.objectViewer", *bucket),
        )
    }
    assert grants() == readers | {
        ("sailplane-worker", "datastore.user", "PROJECT", "acme"),
        ("sailplane-worker", "pubsub.publisher", *queue),
        ("sailplane-worker", "storage.objectUser", *bucket),
        ("sailplane-build", "artifactregistry.writer", "PROJECT", "acme"),
        ("sailplane-build", "logging.logWriter", "PROJECT", "acme"),
        ("sailplane-build", "storage.objectViewer", "PROJECT", "acme"),
        ("sailplane-push", "run.invoker", "SERVICE", "sailplane-worker"),
        ("sailplane-push", "run.invoker", "SERVICE", "sailplane-events"),
        ("sailplane-scheduler", "run.invoker", "SERVICE", "sailplane-tick"),
        ("service-4242", "pubsub.publisher", "TOPIC", "sailplane-events"),
        ("service-4242", "pubsub.publisher", "TOPIC", "sailplane-dead-letters"),
        ("service-4242", "pubsub.subscriber", "SUBSCRIPTION", "sailplane-default"),
        ("service-4242", "pubsub.subscriber", "SUBSCRIPTION", "sailplane-events"),
    }


def test_queues_bring_their_own_rights() -> None:
    more = grants(EVERYTHING) - grants()
    assert ("sailplane-worker", "run.jobsExecutorWithOverrides", "JOB", "sailplane-gpu") in more
    assert ("sailplane-worker", "secretmanager.secretAccessor", "SECRET", "db-password") in more
    assert ("sailplane-worker", "pubsub.subscriber", "SUBSCRIPTION", "sailplane-steady") in more
    assert ("sailplane-push", "run.invoker", "SERVICE", "sailplane-worker-small") in more
    assert ("sailplane-tick", "pubsub.publisher", "TOPIC", "sailplane-gpu") in more


def test_tasks_of_a_queue_with_an_account_of_its_own_have_the_rights_of_workers() -> None:
    toml = '[queues.rich]\nservice_account = "rich@elsewhere.iam.gserviceaccount.com"'
    rights = {(role, scope) for member, role, scope, _ in grants(toml) if member == "rich"}
    assert rights == {("datastore.user", "PROJECT"), ("pubsub.publisher", "TOPIC"), ("storage.objectUser", "BUCKET")}
    function = the(Kind.FUNCTION, "sailplane-worker-rich", toml)
    assert function.settings["service_account"] == "rich@elsewhere.iam.gserviceaccount.com"


def test_jobs_are_started_by_whom_the_worker_function_runs_as() -> None:
    toml = """
    [queues.default]
    service_account = "tasks@acme.iam.gserviceaccount.com"
    [queues.long]
    kind = "job"
    """
    assert (
        the(Kind.FUNCTION, "sailplane-worker", toml).settings["service_account"] == "tasks@acme.iam.gserviceaccount.com"
    )
    starters = {member for member, role, _, _ in grants(toml) if role == "run.jobsExecutorWithOverrides"}
    assert starters == {"tasks"}


def test_a_worker_that_is_given_a_secret_may_read_it_whoever_it_runs_as() -> None:
    toml = """
    [functions.worker]
    secrets = { TOKEN = "token:1" }
    [queues.own]
    service_account = "own@acme.iam.gserviceaccount.com"
    """
    readers = {member for member, role, _, _ in grants(toml) if role == "secretmanager.secretAccessor"}
    assert readers == {"sailplane-worker", "own"}
    assert the(Kind.FUNCTION, "sailplane-worker-own", toml).settings["secrets"] == {"TOKEN": "token:1"}


def test_web_users_are_let_in_by_token_or_by_proxy() -> None:
    members = 'members = ["user:ada@example.org"]'
    assert ("ada", "run.invoker", "SERVICE", "sailplane-web") in grants(f"[web]\n{members}")
    proxied = grants(f'[web]\naccess = "iap"\n{members}')
    assert ("ada", "iap.httpsResourceAccessor", "IAP", "sailplane-web") in proxied
    assert ("ada", "run.invoker", "SERVICE", "sailplane-web") not in proxied
    assert ("service-4242", "run.invoker", "SERVICE", "sailplane-web") in proxied
    function = the(Kind.FUNCTION, "sailplane-web", '[web]\naccess = "iap"')
    assert dict(function.settings["env"])["SAILPLANE_AUTH"] == "iap"  # type: ignore[arg-type]


def test_messages_go_to_whoever_serves_their_queue() -> None:
    def endpoint(queue: str) -> object:
        return the(Kind.SUBSCRIPTION, f"sailplane-{queue}", EVERYTHING).settings.get("push_endpoint")

    def url(function: str, topic: str) -> str:
        return f"https://{function}-4242.europe-west1.run.app/projects/acme/topics/{topic}"

    assert endpoint("default") == url("sailplane-worker", "sailplane-default")
    assert endpoint("small") == url("sailplane-worker-small", "sailplane-small")
    assert endpoint("gpu") == url("sailplane-worker", "sailplane-gpu")
    assert endpoint("steady") is None
    assert endpoint("events") == url("sailplane-events", "sailplane-events")


def test_a_tokens_audience_is_the_functions_url_without_a_path() -> None:
    settings = the(Kind.SUBSCRIPTION, "sailplane-default").settings
    assert settings["push_audience"] == "https://sailplane-worker-4242.europe-west1.run.app"
    assert the(Kind.SCHEDULER_JOB, "sailplane-tick").settings["audience"] == (
        "https://sailplane-tick-4242.europe-west1.run.app"
    )


def test_dead_letters_are_kept_and_never_die_again() -> None:
    settings = the(Kind.SUBSCRIPTION, "sailplane-dead-letters").settings
    assert settings["retention"] == 31 * 24 * 3600
    assert "dead_letter_topic" not in settings
    assert "push_endpoint" not in settings


def test_apis_are_those_that_are_needed() -> None:
    def apis(toml: str) -> set[str]:
        return {one.name.partition(".")[0] for one in resources(toml) if one.kind is Kind.API}

    assert apis(EVERYTHING) - apis("") == {"iap", "secretmanager"}
    assert {"run", "cloudfunctions", "cloudbuild", "firestore", "pubsub", "cloudscheduler"} <= apis("")


def test_bundles_are_never_deleted_by_age() -> None:
    rules = the(Kind.BUCKET, "acme-sailplane").settings["lifecycle"]
    assert "bundles" not in str(rules)
    assert {"action": "Delete", "age": 30, "prefix": "logs/"} in rules  # type: ignore[operator]


def test_the_jobs_image_is_built_unless_it_is_named() -> None:
    kinds = Counter(one.kind for one in resources(EVERYTHING))
    assert (kinds[Kind.REPOSITORY], kinds[Kind.IMAGE], kinds[Kind.JOB]) == (1, 1, 1)
    named = Counter(one.kind for one in resources('[queues.gpu]\nkind = "job"\nimage = "busybox"'))
    assert (named[Kind.REPOSITORY], named[Kind.IMAGE], named[Kind.JOB]) == (0, 0, 1)


def test_a_job_runs_the_image_that_was_built_from_its_source() -> None:
    job = the(Kind.JOB, "sailplane-gpu", EVERYTHING, sources="cafe")
    assert job.settings["image"] == "europe-west1-docker.pkg.dev/acme/sailplane/sailplane-gpu:cafe"


def test_a_worker_knows_its_queue_and_its_limits() -> None:
    env = the(Kind.FUNCTION, "sailplane-worker-small", "[queues.small]\nconcurrency = 4\ntimeout = 120").settings["env"]
    assert env == {
        "GOOGLE_CLOUD_PROJECT": "acme",
        "SAILPLANE_BUCKET": "acme-sailplane",
        "SAILPLANE_DATABASE": "(default)",
        "SAILPLANE_REGION": "europe-west1",
        "SAILPLANE_TOPIC_PREFIX": "sailplane",
        "SAILPLANE_QUEUE": "small",
        "SAILPLANE_WORKER_CONCURRENCY": "4",
        "SAILPLANE_REQUEST_LIMIT": "120",
        "SAILPLANE_CPU": "1",
        "SAILPLANE_MEMORY": "1Gi",
        "THREADS": "4",
    }


def test_alerts_and_dashboard_are_options() -> None:
    watching = {Kind.ALERT, Kind.DASHBOARD}
    assert [one.name for one in resources("[deployment]\nalerts = false") if one.kind in watching] == []
    assert {one.name for one in resources(EVERYTHING) if one.kind in watching} == {
        "sailplane",
        "sailplane-dead-letters",
        "sailplane-failed-runs",
        "sailplane-late-tick",
    }
