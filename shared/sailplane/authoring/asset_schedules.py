"""Schedules by updates of assets, and what tasks read and update, as data."""

from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sailplane.authoring.asset_conditions import AssetAll, AssetCondition, BaseAsset
from sailplane.authoring.assets import Asset, AssetAlias, AssetNameRef, AssetUriRef
from sailplane.authoring.exceptions import AirflowTimetableInvalid
from sailplane.authoring.timetable_dates import as_schedule
from sailplane.model.assets import AssetKind, AssetNode, DagAssets
from sailplane.model.dags import Schedule, ScheduleKind

if TYPE_CHECKING:
    from sailplane.authoring.operator import BaseOperator


class AssetOrTimeSchedule:
    """Starts runs by a timetable, and besides whenever `assets` were updated."""

    def __init__(self, *, timetable: Any, assets: Collection[BaseAsset] | BaseAsset) -> None:
        if not hasattr(timetable, "to_schedule"):
            raise AirflowTimetableInvalid(
                f"AssetOrTimeSchedule(timetable=) takes a timetable such as CronTriggerTimetable, not {timetable!r}"
            )
        if isinstance(timetable, AssetOrTimeSchedule):
            raise AirflowTimetableInvalid("an AssetOrTimeSchedule cannot have another one as its timetable")
        self.timetable = timetable
        self.asset_condition = condition(assets)

    def to_schedule(self) -> Schedule:
        by_time = as_schedule(self.timetable)
        return replace(by_time, assets=as_node(self.asset_condition), summary=f"Asset or {by_time.summary}")


class DatasetOrTimeSchedule(AssetOrTimeSchedule):
    """`AssetOrTimeSchedule` by its name and argument in Airflow 2."""

    def __init__(self, *, timetable: Any, datasets: Collection[BaseAsset] | BaseAsset) -> None:
        super().__init__(timetable=timetable, assets=datasets)


def is_asset_schedule(value: Any) -> bool:
    """True for what `schedule=` takes as assets: one, a condition of several, or a collection of these."""
    return isinstance(value, BaseAsset) or (isinstance(value, Collection) and not isinstance(value, str | bytes))


def by_assets(value: Collection[BaseAsset] | BaseAsset) -> Schedule:
    """The schedule of a DAG whose runs start when `value` was updated: all of a collection."""
    return Schedule(kind=ScheduleKind.ASSETS, assets=as_node(condition(value)), summary="Asset")


def condition(value: Collection[BaseAsset] | BaseAsset) -> BaseAsset:
    """Raises `ValueError` when something in a collection is no asset."""
    if isinstance(value, BaseAsset):
        return value
    for each in value:
        if not isinstance(each, BaseAsset):
            raise ValueError(
                f"all elements in schedule= must be assets, asset references or asset aliases, and {each!r} is none"
            )
    return AssetAll(*value)


def as_node(value: BaseAsset) -> AssetNode:
    """The asset, alias, reference or condition as data."""
    match value:
        case Asset():
            return AssetNode(
                kind=AssetKind.ASSET, name=value.name, uri=value.uri, group=value.group, extra=dict(value.extra)
            )
        case AssetAlias():
            return AssetNode(kind=AssetKind.ALIAS, name=value.name, group=value.group)
        case AssetNameRef():
            return AssetNode(kind=AssetKind.NAME_REF, name=value.name)
        case AssetUriRef():
            return AssetNode(kind=AssetKind.URI_REF, uri=value.uri)
        case AssetCondition():
            return AssetNode(kind=AssetKind(value.word), parts=tuple(map(as_node, value.objects)))
    raise TypeError(f"{value!r} is neither an asset nor a condition of assets")


def dag_assets(tasks: "Iterable[BaseOperator]") -> DagAssets | None:
    """What the tasks read and update; None when that is nothing. What is no asset is left out."""
    touching = [task for task in tasks if task.inlets or task.outlets]
    inlets = {task.task_id: nodes for task in touching if (nodes := _nodes(task.inlets))}
    outlets = {task.task_id: nodes for task in touching if (nodes := _nodes(task.outlets))}
    return DagAssets(inlets=inlets, outlets=outlets) if inlets or outlets else None


def _nodes(listed: Iterable[Any]) -> tuple[AssetNode, ...]:
    return tuple(leaf for each in listed if isinstance(each, BaseAsset) for leaf in as_node(each).leaves())
