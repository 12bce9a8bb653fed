"""Registering the assets that a bundle's DAGs name: who updates them, who reads them, whose runs they start."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from sailplane.cloud.changes import Change, Create, Replace
from sailplane.cloud.committer import Committed
from sailplane.cloud.wiring import Cloud
from sailplane.model.assets import AliasRecord, AssetKind, AssetNode, AssetRecord, alias_id, asset_id
from sailplane.model.dags import SerializedDag

_BATCH = 400
_MOST_ROUNDS = 5
"""Workers write to the same documents, rarely: when they first update an asset through an alias."""


@dataclass
class _Touched:
    """What DAGs say of one asset or alias."""

    node: AssetNode
    consumers: set[str] = field(default_factory=set)
    producers: set[str] = field(default_factory=set)
    readers: set[str] = field(default_factory=set)


def register(cloud: Cloud, dags: Sequence[SerializedDag], now: datetime) -> frozenset[str]:
    """Bring assets and aliases up to date with `dags`, which are all that there are.

    Returns the dag_ids that were scheduled on assets before: theirs may wait for others now.
    """
    before: frozenset[str] | None = None
    for _ in range(_MOST_ROUNDS):
        stored = {record.id: record for record in cloud.store.assets.all()}
        aliases = {record.id: record for record in cloud.store.assets.aliases()}
        if before is None:
            every: list[AssetRecord | AliasRecord] = [*stored.values(), *aliases.values()]
            before = frozenset(dag_id for record in every for dag_id in record.consumers)
        changes = [*_asset_changes(dags, stored, now), *_alias_changes(dags, aliases)]
        if _commit(cloud, changes):
            break
    return before or frozenset()


def _commit(cloud: Cloud, changes: Sequence[Change]) -> bool:
    """False when something was changed meanwhile; the rest is written all the same."""
    parts = [changes[begin : begin + _BATCH] for begin in range(0, len(changes), _BATCH)]
    results = [cloud.store.commit(part) for part in parts]
    return all(isinstance(result, Committed) for result in results)


def _asset_changes(dags: Iterable[SerializedDag], stored: Mapping[int, AssetRecord], now: datetime) -> Iterable[Change]:
    touched = _assets(dags, stored)
    for record_id, asset in touched.items():
        known = stored.get(record_id)
        wanted = _wanted(asset, known, now)
        if known is None:
            yield Create(wanted)
        elif wanted != known:
            yield Replace(replace(wanted, updated_at=now))
    for record_id, known in stored.items():
        if record_id not in touched:
            # What was found out through an alias is in no DAG file, and goes on.
            left = replace(known, consumers=(), producers=(), readers=(), is_active=bool(known.aliases))
            if left != known:
                yield Replace(replace(left, updated_at=now))


def _wanted(asset: _Touched, known: AssetRecord | None, now: datetime) -> AssetRecord:
    base = known or AssetRecord(name=asset.node.name, uri=asset.node.uri, created_at=now, updated_at=now)
    if asset.node.kind is AssetKind.ASSET:
        base = replace(base, group=asset.node.group, extra=asset.node.extra)
    return replace(
        base,
        consumers=tuple(sorted(asset.consumers)),
        producers=tuple(sorted(asset.producers)),
        readers=tuple(sorted(asset.readers)),
        is_active=True,
    )


def _assets(dags: Iterable[SerializedDag], stored: Mapping[int, AssetRecord]) -> dict[int, _Touched]:
    """By id, the assets that `dags` name, themselves or by a reference."""
    dags = list(dags)
    known = _Known(dags, stored)
    found: dict[int, _Touched] = {}

    def touched(node: AssetNode) -> list[_Touched]:
        return [found.setdefault(each, _Touched(known.nodes[each])) for each in known.meant_by(node)]

    for dag in dags:
        for node in dag.schedule.assets.leaves() if dag.schedule.assets is not None else ():
            for asset in touched(node):
                asset.consumers.add(dag.dag_id)
        for task_id, node in _of_tasks(dag.assets.outlets if dag.assets else {}):
            for asset in touched(node):
                asset.producers.add(f"{dag.dag_id}/{task_id}")
        for task_id, node in _of_tasks(dag.assets.inlets if dag.assets else {}):
            for asset in touched(node):
                asset.readers.add(f"{dag.dag_id}/{task_id}")
    return found


class _Known:
    """All assets that there are: those that DAGs define, and those that are stored."""

    def __init__(self, dags: Iterable[SerializedDag], stored: Mapping[int, AssetRecord]) -> None:
        self.nodes = {
            each: AssetNode(kind=AssetKind.NAME_REF, name=record.name, uri=record.uri)
            for each, record in stored.items()
        }
        """One that is only stored keeps what is stored of it: it stands here as a reference."""
        for node in (node for dag in dags for node in _nodes(dag) if node.kind is AssetKind.ASSET):
            self.nodes[asset_id(node.name, node.uri)] = node
        self._by_name: dict[str, list[int]] = {}
        self._by_uri: dict[str, list[int]] = {}
        for each, node in self.nodes.items():
            self._by_name.setdefault(node.name, []).append(each)
            self._by_uri.setdefault(node.uri, []).append(each)

    def meant_by(self, node: AssetNode) -> Sequence[int]:
        """Ids of the assets that `node`, of a DAG, is or refers to."""
        match node.kind:
            case AssetKind.ASSET:
                return (asset_id(node.name, node.uri),)
            case AssetKind.NAME_REF:
                return self._by_name.get(node.name, ())
            case AssetKind.URI_REF:
                return self._by_uri.get(node.uri, ())
            case _:
                return ()


def _of_tasks(listed: Mapping[str, Iterable[AssetNode]]) -> Iterable[tuple[str, AssetNode]]:
    return ((task_id, node) for task_id, nodes in listed.items() for node in nodes)


def _alias_changes(dags: Iterable[SerializedDag], stored: Mapping[int, AliasRecord]) -> Iterable[Change]:
    touched: dict[int, _Touched] = {}
    for dag in dags:
        scheduled = {node.name for node in _scheduled(dag)}
        for node in (node for node in _nodes(dag) if node.kind is AssetKind.ALIAS):
            alias = touched.setdefault(alias_id(node.name), _Touched(node))
            if node.name in scheduled:
                alias.consumers.add(dag.dag_id)
    for record_id in {**touched, **stored}:
        known = stored.get(record_id)
        alias_now = touched.get(record_id)
        consumers = tuple(sorted(alias_now.consumers)) if alias_now is not None else ()
        if known is None and alias_now is not None:
            yield Create(AliasRecord(name=alias_now.node.name, group=alias_now.node.group, consumers=consumers))
        elif known is not None:
            group = alias_now.node.group if alias_now is not None else known.group
            wanted = replace(known, group=group, consumers=consumers)
            if wanted != known:
                yield Replace(wanted)


def _scheduled(dag: SerializedDag) -> list[AssetNode]:
    leaves = dag.schedule.assets.leaves() if dag.schedule.assets is not None else ()
    return [node for node in leaves if node.kind is AssetKind.ALIAS]


def _nodes(dag: SerializedDag) -> Iterable[AssetNode]:
    """All that a DAG names, but for conditions."""
    if dag.schedule.assets is not None:
        yield from dag.schedule.assets.leaves()
    if dag.assets is not None:
        for nodes in (*dag.assets.outlets.values(), *dag.assets.inlets.values()):
            yield from nodes
