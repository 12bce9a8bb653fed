"""Commands for APIs, Google's agents, service accounts and IAM bindings."""

from collections.abc import Sequence

from sailplane.deploy.command import Command
from sailplane.deploy.kit import Kit, text
from sailplane.deploy.resource import Kind, Resource, Scope
from sailplane.deploy.verbs import Verbs


def enable_apis(kit: Kit, apis: Sequence[Resource]) -> Command:
    """One command for all: each alone takes as long as all together."""
    return kit.gcloud("services", "enable", *(api.name for api in apis))


def _enable(kit: Kit, api: Resource) -> tuple[Command, ...]:
    return (enable_apis(kit, [api]),)


def _create_agent(kit: Kit, agent: Resource) -> tuple[Command, ...]:
    if agent.name == "storage.googleapis.com":
        return (kit.gcloud("storage", "service-agent"),)
    return (kit.gcloud("beta", "services", "identity", "create", service=agent.name),)


def _create_account(kit: Kit, account: Resource) -> tuple[Command, ...]:
    name = account.name.partition("@")[0]
    return (kit.gcloud("iam", "service-accounts", "create", name, display_name=text(account, "display_name")),)


def _update_account(kit: Kit, account: Resource) -> tuple[Command, ...]:
    return (kit.gcloud("iam", "service-accounts", "update", account.name, display_name=text(account, "display_name")),)


def _delete_account(kit: Kit, account: Resource) -> tuple[Command, ...]:
    return (kit.gcloud("iam", "service-accounts", "delete", account.name),)


_TAKES_CONDITIONS = frozenset({Scope.PROJECT, Scope.SECRET, Scope.IAP})
"""Where gcloud asks for a condition as soon as the policy has a binding with one. These bindings have none."""


def policy_command(kit: Kit, scope: Scope, resource: str, verb: str, **flags: str) -> Command:
    """`get-iam-policy`, `add-iam-policy-binding` or `remove-iam-policy-binding` on one resource."""
    if flags and scope in _TAKES_CONDITIONS:
        flags["condition"] = "None"
    match scope:
        case Scope.PROJECT:
            return Command(argv=("gcloud", "projects", verb, resource, *_pairs(flags), "--quiet"))
        case Scope.BUCKET:
            return kit.gcloud("storage", "buckets", verb, f"gs://{resource}", **flags)
        case Scope.TOPIC:
            return kit.gcloud("pubsub", "topics", verb, resource, **flags)
        case Scope.SUBSCRIPTION:
            return kit.gcloud("pubsub", "subscriptions", verb, resource, **flags)
        case Scope.SERVICE:
            return kit.gcloud("run", "services", verb, resource, region=kit.region, **flags)
        case Scope.JOB:
            return kit.gcloud("run", "jobs", verb, resource, region=kit.region, **flags)
        case Scope.SECRET:
            return kit.gcloud("secrets", verb, resource, **flags)
        case Scope.IAP:
            where = {"resource_type": "cloud-run", "service": resource, "region": kit.region}
            return kit.gcloud("beta", "iap", "web", verb, **where, **flags)


def _pairs(flags: dict[str, str]) -> list[str]:
    return [f"--{name}={value}" for name, value in flags.items()]


def _bind(kit: Kit, binding: Resource) -> tuple[Command, ...]:
    return (_binding(kit, binding, "add-iam-policy-binding"),)


def _unbind(kit: Kit, binding: Resource) -> tuple[Command, ...]:
    return (_binding(kit, binding, "remove-iam-policy-binding"),)


def _binding(kit: Kit, binding: Resource, verb: str) -> Command:
    return policy_command(
        kit,
        Scope(text(binding, "scope")),
        text(binding, "resource"),
        verb,
        member=text(binding, "member"),
        role=text(binding, "role"),
    )


VERBS = {
    # APIs stay on: others may use them.
    Kind.API: Verbs(create=_enable),
    Kind.SERVICE_AGENT: Verbs(create=_create_agent),
    Kind.SERVICE_ACCOUNT: Verbs(create=_create_account, update=_update_account, delete=_delete_account),
    Kind.BINDING: Verbs(create=_bind, delete=_unbind),
}
