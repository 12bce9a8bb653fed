"""Taking a deployment away: what starts work first, accounts late, data last and only when told."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

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
_LASTING_SCOPES = frozenset({Scope.PROJECT, Scope.BUCKET, Scope.SECRET})
"""Policies that do not go with something that is taken away."""


def steps(kit: Kit, desired: Sequence[Resource], state: State, *, with_data: bool) -> tuple[Step, ...]:
    """What has to be done so that nothing of `desired` is left, data apart unless told, in order."""
    there = [known(one, state) for one in desired if (one.kind, one.name) in state]
    there += leftovers(kit, desired, state)
    ordered = sorted((one for one in there if one.kind in _ORDER), key=lambda one: _ORDER.index(one.kind))
    gone = [_step(kit, one) for one in ordered if _stands_alone(one)]
    return (*gone, *(_data(kit, there) if with_data else ()))


def _stands_alone(resource: Resource) -> bool:
    return resource.kind is not Kind.BINDING or Scope(str(resource.settings["scope"])) in _LASTING_SCOPES


def _data(kit: Kit, there: Sequence[Resource]) -> Iterator[Step]:
    for kind in DATA:
        yield from (_step(kit, one) for one in there if one.kind is kind)


def _step(kit: Kit, resource: Resource) -> Step:
    delete = VERBS[resource.kind].delete
    assert delete is not None
    return Step(
        action=Action.DELETE,
        kind=resource.kind,
        title=str(resource),
        commands=delete(kit, resource),
        tolerates_absence=True,
    )


def data_that_stays(desired: Sequence[Resource], state: State) -> tuple[Resource, ...]:
    """What is left when data is kept."""
    return tuple(replace(one) for one in desired if one.kind in DATA and (one.kind, one.name) in state)
