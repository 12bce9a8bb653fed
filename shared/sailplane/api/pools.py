"""Pools and what is taken of them."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import msgspec
from msgspec import UNSET

from sailplane.api import bulk
from sailplane.api.bulk import BulkCreate, BulkDelete, BulkResponse, BulkUpdate
from sailplane.api.context import Call
from sailplane.api.http import HttpError, Response
from sailplane.api.models import Body
from sailplane.api.paging import Page, Sorting, matches, order
from sailplane.api.pool_models import PoolBody, PoolCollectionResponse, PoolPatchBody, PoolResponse
from sailplane.api.routes import Routes
from sailplane.model.dags import DEFAULT_POOL
from sailplane.model.pools import Pool, checked

routes = Routes("/api/v2/pools", "Pool")

SORTING: Sorting[Pool] = {
    "name": lambda pool: pool.name,
    "pool": lambda pool: pool.name,
    "id": lambda pool: pool.name,
    "slots": lambda pool: pool.slots,
}


class PoolsQuery(Page, frozen=True, kw_only=True):
    pool_name_pattern: str | None = None
    pool_name_prefix_pattern: str | None = None


class MaskQuery(msgspec.Struct, frozen=True, kw_only=True):
    update_mask: tuple[str, ...] = ()


class PoolsBulkBody(Body, frozen=True, kw_only=True):
    actions: list[BulkCreate[PoolBody] | BulkUpdate[PoolBody] | BulkDelete]


def view(call: Call, pool: Pool) -> PoolResponse:
    use = call.backend.pools.use(pool)
    return PoolResponse(
        name=pool.name,
        slots=pool.slots,
        description=pool.description or None,
        include_deferred=pool.include_deferred,
        rate=pool.rate or None,
        occupied_slots=use.occupied,
        running_slots=use.running,
        queued_slots=use.queued,
        scheduled_slots=use.scheduled,
        open_slots=use.open,
        deferred_slots=use.deferred,
    )


@routes.get("")
def get_pools(call: Call, query: PoolsQuery) -> PoolCollectionResponse:
    """List the pools with their use."""
    found = [
        pool
        for pool in order(call.backend.pools.all(), query.order_by or ("name",), SORTING)
        if matches(query.pool_name_pattern, pool.name) and pool.name.startswith(query.pool_name_prefix_pattern or "")
    ]
    shown = [view(call, pool) for pool in query.cut(found)]
    return PoolCollectionResponse(pools=shown, total_entries=len(found))


@routes.post("", status=201)
def post_pool(call: Call, body: PoolBody) -> PoolResponse:
    """Create a pool."""
    return view(call, call.backend.pools.create(_made(body)))


def _made(body: PoolBody) -> Pool:
    return Pool(
        name=body.name,
        slots=body.slots,
        description=body.description or "",
        include_deferred=body.include_deferred,
        rate=body.rate or "",
    )


@routes.patch("")
def bulk_pools(call: Call, body: PoolsBulkBody) -> BulkResponse:
    """Create, update and delete many pools."""
    return bulk.handle(call, body.actions, KIND)


@routes.get("/{pool_name:path}")
def get_pool(call: Call, pool_name: str) -> PoolResponse:
    """Show a pool with its use."""
    return view(call, _find(call, pool_name))


@routes.patch("/{pool_name:path}")
def patch_pool(call: Call, pool_name: str, body: PoolPatchBody, query: MaskQuery) -> PoolResponse:
    """Change a pool: the fields that the body has, or of those the ones in `update_mask`."""
    if body.name is not None and body.name != pool_name:
        raise HttpError(400, "Invalid body, pool name from request body doesn't match uri parameter")
    _find(call, pool_name)
    return view(call, call.backend.pools.change(pool_name, _changes(body, query.update_mask)))


def _changes(body: PoolPatchBody | PoolBody, mask: Sequence[str]) -> dict[str, Any]:
    """What the body says, within the mask; a number or a flag that is null stays as it is."""
    texts = {"description", "rate"}
    given = {name: getattr(body, name) for name in ("slots", "description", "include_deferred", "rate")}
    return {
        name: (value or "") if name in texts else value
        for name, value in given.items()
        if value is not UNSET and (value is not None or name in texts) and (not mask or name in mask)
    }


@routes.add("DELETE", "/{pool_name:path}", status=204)
def delete_pool(call: Call, pool_name: str) -> Response:
    """Delete a pool; what waits for it waits on."""
    _find(call, pool_name)
    _delete(call, pool_name)
    return Response(status=204)


def _delete(call: Call, name: str) -> None:
    if name == DEFAULT_POOL:
        raise HttpError(400, "Default Pool can't be deleted")
    call.backend.pools.delete(name)


def _find(call: Call, name: str) -> Pool:
    found = next((pool for pool in call.backend.pools.all() if pool.name == name), None)
    if found is None:
        raise HttpError(404, f"The Pool with name: `{name}` was not found")
    return found


def _put_all(call: Call, pools: Sequence[Pool]) -> None:
    for pool in list(map(checked, pools)):
        call.backend.pools.put(pool)


KIND: bulk.Kind[PoolBody, Pool] = bulk.Kind(
    name="pools with these names",
    stored=lambda call: {pool.name: pool for pool in call.backend.pools.all()},
    name_of=lambda body: body.name,
    made=_made,
    changed=lambda pool, body, mask: replace(pool, **_changes(body, mask)),
    put=_put_all,
    remove=lambda call, pool: _delete(call, pool.name),
)
