"""What people and other systems do with assets: tell of an update."""

import secrets
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from sailplane.cloud.wiring import Cloud
from sailplane.engine import asset_runs, asset_updates
from sailplane.engine.asset_updates import Origin
from sailplane.model.assets import AssetEvent, AssetRecord, AssetUpdate


def emit(
    cloud: Cloud,
    record: AssetRecord,
    *,
    extra: Mapping[str, Any],
    partition_key: str | None = None,
    clock: Callable[[], datetime],
) -> AssetEvent:
    """Record an update of an asset that no task made, and start the runs that waited for it."""
    update = AssetUpdate(name=record.name, uri=record.uri, group=record.group, extra=extra, partition_key=partition_key)
    origin = Origin(key=("outside", secrets.token_hex()))
    prepared = asset_updates.prepare(cloud, [update], origin, clock())
    cloud.store.commit(prepared.changes)
    asset_runs.look_at_all(cloud, clock, prepared.dag_ids)
    return prepared.events[0]
