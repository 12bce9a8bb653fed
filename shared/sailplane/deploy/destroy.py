"""Taking a deployment away: what starts work first, accounts late, data last and only when told."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from sailplane.deploy.command import Command
from sailplane.deploy.commands import VERBS
from sailplane.deploy.kit import Kit
from sailplane.deploy.plan import Action, Step, known
from sailplane.deploy.resource import Kind, Resource, Scope
from sailplane.deploy.state import State, leftovers

DATA = (Kind.BUCKET, Kind.DATABASE)
_ORDER = (
    Kind.SCHEDULER_JOB,
    Kind.ALERT,
    Kind.DASHBOARD,
    Kind.LOG_METRIC,
    Kind.NOTIFICATION,
    Kind.FUNCTION,
    Kind.JOB,
    Kind.REPOSITORY,
    Kind.SUBSCRIPTION,
    Kind.TOPIC,
    # Before the accounts: a policy keeps a member that is gone, and nothing shows whose it was.
    Kind.BINDING,
    Kind.SERVICE_ACCOUNT,
)
_LASTING_SCOPES = frozenset({Scope.PROJECT, Scope.BUCKET, Scope.SECRET, Scope.IAP})
"""Policies that do not go with something that is taken away."""


def steps(kit: Kit, desired: Sequence[Resource], state: State, *, with_data: bool) -> tuple[Step, ...]:
    """What has to be done so that nothing of `desired` is left, data apart unless told, in order."""
    there = [known(one, state) for one in desired if (one.kind, one.name) in state]
    there += leftovers(kit, desired, state)
    gone = [_step(kit, one) for one in sorted(filter(_stands_alone, there), key=_place)]
    return (*gone, *(_data(kit, there) if with_data else ()))


def _stands_alone(resource: Resource) -> bool:
    """Whether it is no data, and does not go with something else."""
    if resource.kind is Kind.BINDING:
        return _scope(resource) in _LASTING_SCOPES
    return resource.kind in _ORDER


def _place(resource: Resource) -> int:
    """When it goes. Who passes the proxy is kept apart from the service, and found by its name while that is there."""
    passes = resource.kind is Kind.BINDING and _scope(resource) is Scope.IAP
    return _ORDER.index(Kind.FUNCTION if passes else resource.kind) * 2 - passes


def _scope(binding: Resource) -> Scope:
    return Scope(str(binding.settings["scope"]))


def _data(kit: Kit, there: Sequence[Resource]) -> Iterator[Step]:
    for kind in DATA:
        yield from (_step(kit, one) for one in there if one.kind is kind)


def commands(kit: Kit, resource: Resource) -> tuple[Command, ...]:
    """What takes `resource` away; nothing for what goes with something else."""
    delete = VERBS[resource.kind].delete
    return () if delete is None else delete(kit, resource)


def _step(kit: Kit, resource: Resource) -> Step:
    return Step(
        action=Action.DELETE,
        kind=resource.kind,
        title=str(resource),
        commands=commands(kit, resource),
        tolerates_absence=True,
    )


def data_that_stays(desired: Sequence[Resource], state: State) -> tuple[Resource, ...]:
    """What is left when data is kept."""
    return tuple(replace(one) for one in desired if one.kind in DATA and (one.kind, one.name) in state)
