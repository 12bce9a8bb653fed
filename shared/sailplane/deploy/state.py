"""Reading what is there already, of the kinds that a deployment has, by commands that change nothing."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from sailplane.deploy import found
from sailplane.deploy.access_commands import policy_command
from sailplane.deploy.command import Command
from sailplane.deploy.found import Item, Settings, last
from sailplane.deploy.kit import Kit
from sailplane.deploy.resource import Kind, Resource, Scope, binding
from sailplane.deploy.shell import CommandFailed
from sailplane.deploy.storage import index_name
from sailplane.deploy.templates import document
from sailplane.model.errors import SettingsError

State = Mapping[tuple[Kind, str], Settings]
"""What is there, by kind and name."""
Ask = Callable[[Command], Any]
"""Runs a reading command; the JSON that it prints."""
Named = Iterable[tuple[str, Settings]]
_AT_ONCE = 6


@dataclass(frozen=True, kw_only=True)
class Listing:
    """How the things of one kind are listed."""

    api: str
    """Without it nothing can be there, and the question would fail."""
    command: Callable[[Kit], Command]
    names: Callable[[Kit, Sequence[Item]], Named]
    within: Kind | None = None
    """Asked for only when the one thing of this kind is there."""


def _by_name(settings: Callable[[Item], Settings]) -> Callable[[Kit, Sequence[Item]], Named]:
    return lambda kit, items: ((last(item["name"]), settings(item)) for item in items)


def _accounts(kit: Kit, items: Sequence[Item]) -> Named:
    return ((item["email"], found.account(item)) for item in items)


def _indexes(kit: Kit, items: Sequence[Item]) -> Named:
    return ((index_name(settings), settings) for settings in map(found.index, items))


def _fields(settings: Callable[[Item], Settings]) -> Callable[[Kit, Sequence[Item]], Named]:
    return lambda kit, items: ((f"{found.collection_group(one)}.{last(one['name'])}", settings(one)) for one in items)


def _notifications(kit: Kit, items: Sequence[Item]) -> Named:
    return ((f"{one['bucket']} to {one['topic']}", one) for one in map(found.notification, items))


def _functions(kit: Kit, items: Sequence[Item]) -> Named:
    return ((last(one["name"]), found.function(one)) for one in items if one.get("environment") != "GEN_1")


def _jobs(kit: Kit, items: Sequence[Item]) -> Named:
    return ((item["metadata"]["name"], found.job(item)) for item in items)


def _alerts(kit: Kit, items: Sequence[Item]) -> Named:
    name = kit.design.config.name
    own = (item for item in items if found.owner(item) == name)
    return ((f"{name}-{item['userLabels'].get('alert', '')}", found.alert(item)) for item in own)


def _dashboards(kit: Kit, items: Sequence[Item]) -> Named:
    own = (one for one in items if "sailplane" in one.get("labels", {}))
    return ((one.get("displayName", ""), found.dashboard(one)) for one in own)


def _metrics(kit: Kit, items: Sequence[Item]) -> Named:
    return ((item["name"], {"item": dict(item)}) for item in items)


LISTINGS: Mapping[Kind, Listing] = {
    Kind.SERVICE_ACCOUNT: Listing(
        api="iam", command=lambda kit: kit.gcloud("iam", "service-accounts", "list"), names=_accounts
    ),
    Kind.DATABASE: Listing(
        api="firestore",
        command=lambda kit: kit.gcloud("firestore", "databases", "list"),
        names=_by_name(found.database),
    ),
    Kind.INDEX: Listing(
        api="firestore",
        command=lambda kit: kit.gcloud("firestore", "indexes", "composite", "list", **_database(kit)),
        names=_indexes,
        within=Kind.DATABASE,
    ),
    Kind.FIELD: Listing(
        api="firestore",
        command=lambda kit: kit.gcloud("firestore", "indexes", "fields", "list", **_database(kit)),
        names=_fields(found.field),
        within=Kind.DATABASE,
    ),
    Kind.TTL: Listing(
        api="firestore",
        command=lambda kit: kit.gcloud("firestore", "fields", "ttls", "list", **_database(kit)),
        names=_fields(found.ttl),
        within=Kind.DATABASE,
    ),
    Kind.BUCKET: Listing(
        api="storage",
        command=lambda kit: kit.gcloud("storage", "buckets", "list", raw=True),
        names=_by_name(found.bucket),
    ),
    Kind.NOTIFICATION: Listing(
        api="storage",
        command=lambda kit: kit.gcloud("storage", "buckets", "notifications", "list", f"gs://{kit.design.bucket}"),
        names=_notifications,
        within=Kind.BUCKET,
    ),
    Kind.TOPIC: Listing(
        api="pubsub", command=lambda kit: kit.gcloud("pubsub", "topics", "list"), names=_by_name(found.topic)
    ),
    Kind.SUBSCRIPTION: Listing(
        api="pubsub",
        command=lambda kit: kit.gcloud("pubsub", "subscriptions", "list"),
        names=_by_name(found.subscription),
    ),
    Kind.REPOSITORY: Listing(
        api="artifactregistry",
        command=lambda kit: kit.gcloud("artifacts", "repositories", "list", location=kit.region),
        names=_by_name(found.repository),
    ),
    Kind.FUNCTION: Listing(
        api="cloudfunctions",
        command=lambda kit: kit.gcloud("functions", "list", regions=kit.region),
        names=_functions,
    ),
    Kind.JOB: Listing(api="run", command=lambda kit: kit.gcloud("run", "jobs", "list", region=kit.region), names=_jobs),
    Kind.SCHEDULER_JOB: Listing(
        api="cloudscheduler",
        command=lambda kit: kit.gcloud("scheduler", "jobs", "list", location=kit.region),
        names=_by_name(found.clock),
    ),
    Kind.LOG_METRIC: Listing(
        api="logging", command=lambda kit: kit.gcloud("logging", "metrics", "list"), names=_metrics
    ),
    Kind.ALERT: Listing(
        api="monitoring", command=lambda kit: kit.gcloud("monitoring", "policies", "list"), names=_alerts
    ),
    Kind.DASHBOARD: Listing(
        api="monitoring", command=lambda kit: kit.gcloud("monitoring", "dashboards", "list"), names=_dashboards
    ),
}
_API_OF_SCOPE: Mapping[Scope, str] = {
    Scope.IAP: "iap",
    Scope.JOB: "run",
    Scope.SECRET: "secretmanager",
    Scope.SERVICE: "run",
}
_KIND_OF_SCOPE: Mapping[Scope, Kind] = {
    Scope.BUCKET: Kind.BUCKET,
    Scope.TOPIC: Kind.TOPIC,
    Scope.SUBSCRIPTION: Kind.SUBSCRIPTION,
    Scope.SERVICE: Kind.FUNCTION,
    Scope.JOB: Kind.JOB,
    Scope.IAP: Kind.FUNCTION,
}
"""What has to be there before its policy can be asked for."""


def _database(kit: Kit) -> dict[str, str]:
    return {"database": kit.design.config.database}


def read(kit: Kit, desired: Sequence[Resource], ask: Ask) -> State:
    """What is there of `desired`, and beside it what the same lists show. Raises `CommandFailed`."""
    return _Reading(kit, desired, ask).run()


class _Reading:
    """Asks in three rounds: which APIs are on, what there is, and what is within that."""

    def __init__(self, kit: Kit, desired: Sequence[Resource], ask: Ask) -> None:
        self._kit = kit
        self._desired = desired
        self._ask = ask
        self._kinds = {resource.kind for resource in desired}
        self._state: dict[tuple[Kind, str], Settings] = {}

    def run(self) -> State:
        self._note(Kind.API, self._apis())
        outer = [kind for kind, listing in LISTINGS.items() if listing.within is None]
        inner = [kind for kind, listing in LISTINGS.items() if listing.within is not None]
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            self._list(pool, outer)
            self._list(pool, inner)
            self._bindings(pool)
        self._iap()
        self._derive()
        return self._state

    def _note(self, kind: Kind, named: Named) -> None:
        self._state.update(((kind, name), settings) for name, settings in named)

    def _has(self, kind: Kind, name: str) -> bool:
        return (kind, name) in self._state

    def _is_on(self, api: str) -> bool:
        return self._has(Kind.API, f"{api}.googleapis.com")

    def _apis(self) -> Named:
        enabled = self._ask(self._kit.gcloud("services", "list", enabled=True))
        return [(item["config"]["name"], {}) for item in enabled]

    def _list(self, pool: ThreadPoolExecutor, kinds: Iterable[Kind]) -> None:
        asked = [kind for kind in kinds if self._is_worth_asking(kind)]
        answers = pool.map(lambda kind: self._ask(LISTINGS[kind].command(self._kit)), asked)
        for kind, items in zip(asked, answers, strict=True):
            self._note(kind, LISTINGS[kind].names(self._kit, items))

    def _is_worth_asking(self, kind: Kind) -> bool:
        listing = LISTINGS[kind]
        if kind not in self._kinds or not self._is_on(listing.api):
            return False
        holders = [one.name for one in self._desired if one.kind is listing.within]
        return listing.within is None or all(self._has(listing.within, name) for name in holders)

    def _bindings(self, pool: ThreadPoolExecutor) -> None:
        wanted = [one.settings for one in self._desired if one.kind is Kind.BINDING]
        places = dict.fromkeys((Scope(str(one["scope"])), str(one["resource"])) for one in wanted)
        asked = [place for place in places if self._has_policy(*place)]
        policies = pool.map(lambda place: self._policy(*place), asked)
        for (scope, resource), policy in zip(asked, policies, strict=True):
            for role, member in _members(policy):
                self._note(Kind.BINDING, [(binding(scope, resource, role, member).name, {})])

    def _has_policy(self, scope: Scope, resource: str) -> bool:
        kind = _KIND_OF_SCOPE.get(scope)
        if kind is not None and not self._has(kind, resource):
            return False
        return scope not in _API_OF_SCOPE or self._is_on(_API_OF_SCOPE[scope])

    def _policy(self, scope: Scope, resource: str) -> Item:
        return self._ask_of_existing(policy_command(self._kit, scope, resource, "get-iam-policy"))

    def _ask_of_existing(self, command: Command) -> Item:
        """The answer; empty when there is no such thing: a function that failed to come up has no service."""
        try:
            answer: Item = self._ask(command) or {}
        except CommandFailed as error:
            if not error.is_gone:
                raise
            return {}
        return answer

    def _iap(self) -> None:
        for resource in self._desired:
            if resource.kind is Kind.IAP and self._has(Kind.FUNCTION, resource.name):
                words = ("run", "services", "describe", resource.name)
                service = self._ask_of_existing(self._kit.gcloud(*words, region=self._kit.region))
                annotations = service.get("metadata", {}).get("annotations", {})
                if annotations.get("run.googleapis.com/iap-enabled") == "true":
                    self._note(Kind.IAP, [(resource.name, {})])

    def _derive(self) -> None:
        """What no command tells: agents are there when a binding names them, images when a job runs them; and of a log
        metric, whether it is the one that is wanted."""
        for resource in self._desired:
            match resource.kind:
                case Kind.SERVICE_AGENT if self._names_agent(resource.name):
                    self._note(Kind.SERVICE_AGENT, [(resource.name, {})])
                case Kind.IMAGE:
                    self._note(Kind.IMAGE, self._images(resource.name))
                case Kind.LOG_METRIC if self._has(Kind.LOG_METRIC, resource.name):
                    item = self._state[Kind.LOG_METRIC, resource.name].get("item")
                    is_same = bool(resource.settings["content"]) and found.contains(
                        item, document(self._kit.design, resource)
                    )
                    content = resource.settings["content"] if is_same else None
                    self._state[Kind.LOG_METRIC, resource.name] = {"content": content}
                case _:
                    pass

    def _names_agent(self, service: str) -> bool:
        domain = AGENTS[service]
        return any(kind is Kind.BINDING and domain in name for kind, name in self._state)

    def _images(self, image: str) -> Named:
        jobs = [settings for (kind, _), settings in self._state.items() if kind is Kind.JOB]
        running = [str(one["image"]) for one in jobs if str(one["image"]).startswith(f"{image}:")]
        return [(image, {"source": one.rpartition(":")[2]}) for one in running]


def leftovers(kit: Kit, desired: Sequence[Resource], state: State) -> tuple[Resource, ...]:
    """What the deployment made and no longer names, such as what served a queue that was taken out."""
    named = {(resource.kind, resource.name) for resource in desired}
    return tuple(
        Resource(kind=kind, name=name, settings=settings)
        for (kind, name), settings in sorted(state.items(), key=lambda each: each[0])
        if (kind, name) not in named and settings.get("owner") == kit.design.config.name
    )


AGENTS: Mapping[str, str] = {
    "iap.googleapis.com": "@gcp-sa-iap.iam.gserviceaccount.com",
    "pubsub.googleapis.com": "@gcp-sa-pubsub.iam.gserviceaccount.com",
    "storage.googleapis.com": "@gs-project-accounts.iam.gserviceaccount.com",
}
"""The domains of the agents' emails."""


def _members(policy: Item) -> Iterable[tuple[str, str]]:
    """Roles and members of all bindings that hold without a condition."""
    for each in policy.get("bindings", ()):
        if not each.get("condition"):
            for member in each.get("members", ()):
                yield each["role"], member


def find_project(kit_project: str, ask: Ask) -> str:
    """The number of a project. Raises `SettingsError` when it cannot be seen."""
    command = Command(argv=("gcloud", "projects", "describe", kit_project, "--quiet"))
    try:
        number = ask(command).get("projectNumber")
    except CommandFailed as error:
        if not (error.is_gone or error.is_hidden):
            raise
        raise SettingsError(
            f"there is no project {kit_project!r}, or this account may not see it: {error.said[-1].strip()} -- "
            "`gcloud projects list` shows the ids that you may see; `gcloud projects create ID` makes one"
        ) from error
    if not number:
        raise SettingsError(f"gcloud says nothing of the number of project {kit_project}; is that its id?")
    return str(number)
