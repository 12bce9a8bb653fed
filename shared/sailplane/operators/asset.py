"""`@asset`: a function that makes an asset, as a DAG of one task."""

import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from sailplane.authoring.asset_conditions import AssetAll, BaseAsset
from sailplane.authoring.asset_events import find_asset
from sailplane.authoring.assets import Asset
from sailplane.authoring.dag import DAG
from sailplane.authoring.taskflow import TaskFactory
from sailplane.operators.python import PythonOperator

_OF_THE_CONTEXT = ("self", "context", "outlet_events")
"""Parameters that are no names of assets."""
_REFUSED = {
    inspect.Parameter.VAR_POSITIONAL: "the wildcard '*{}'",
    inspect.Parameter.VAR_KEYWORD: "the wildcard '**{}'",
}


class AssetOperator(PythonOperator):
    """Calls the function of an `@asset`: each of its parameters without a default is an asset of that name."""

    custom_operator_name = "@asset"

    def __init__(self, *, definition_name: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._definition_name = definition_name

    def call(self, context: Mapping[str, Any]) -> Any:
        given = {name: self._given(name, each, context) for name, each in _parameters(self.python_callable).items()}
        self.op_kwargs = given
        return super().call({"outlet_events": context["outlet_events"]})

    def _given(self, name: str, parameter: inspect.Parameter, context: Mapping[str, Any]) -> Any:
        if parameter.default is not inspect.Parameter.empty:
            return parameter.default
        match name:
            case "self":
                return find_asset(context["ti"].services, Asset.ref(name=self._definition_name))
            case "context":
                return context
            case "outlet_events":
                return context["outlet_events"]
        return find_asset(context["ti"].services, Asset.ref(name=name))


def _parameters(function: Callable[..., Any]) -> Mapping[str, inspect.Parameter]:
    return inspect.signature(function).parameters


def _check(function: Callable[..., Any]) -> None:
    if function.__name__ != function.__qualname__:
        raise ValueError(
            f"@asset cannot decorate {function.__qualname__}, a function inside another: define it in the module"
        )
    for name, parameter in _parameters(function).items():
        if parameter.kind in _REFUSED:
            raise TypeError(
                f"@asset function {function.__name__}: {_REFUSED[parameter.kind].format(name)} has no asset"
            )
        if parameter.kind is parameter.POSITIONAL_ONLY and parameter.default is parameter.empty:
            raise TypeError(
                f"@asset function {function.__name__}: the positional-only argument {name!r} needs a default"
            )


def _make_task(function: Any, name: str, outlets: Sequence[BaseAsset]) -> None:
    """The DAG's task: of a `@task` function as that says, else one that calls `function`."""
    if isinstance(function, TaskFactory):
        if "outlets" in function.options:
            raise TypeError(f"@asset {name!r}: its @task cannot have outlets= of its own")
        function.override(outlets=list(outlets))()
        return
    _check(function)
    parameters = _parameters(function).items()
    inlets = [each for each, how in parameters if how.default is how.empty and each not in _OF_THE_CONTEXT]
    AssetOperator(
        task_id=function.__name__,
        inlets=[Asset.ref(name=each) for each in inlets],
        outlets=list(outlets),
        python_callable=function,
        definition_name=name,
    )


class AssetDefinition(Asset):
    """What `@asset` makes: the asset, which a DAG of one task updates."""


class MultiAssetDefinition(AssetAll):
    """What `@asset.multi` makes: all its outlets, which a DAG of one task updates."""


class _DagOptions:
    """The arguments that `@asset` and `@asset.multi` hand to their DAG."""

    def __init__(
        self,
        *,
        schedule: Any,
        is_paused_upon_creation: bool | None = None,
        dag_id: str | None = None,
        dag_display_name: str | None = None,
        description: str | None = None,
        params: Any = None,
        on_success_callback: Any = None,
        on_failure_callback: Any = None,
        access_control: Any = None,
        owner_links: Mapping[str, str] | None = None,
        tags: Collection[str] = (),
    ) -> None:
        self.dag_id = dag_id
        self._options = {
            "schedule": schedule,
            "is_paused_upon_creation": is_paused_upon_creation,
            "dag_display_name": dag_display_name or "",
            "description": description,
            "params": params,
            "on_success_callback": on_success_callback,
            "on_failure_callback": on_failure_callback,
            "access_control": access_control,
            "owner_links": owner_links,
            "tags": tags,
        }

    def make_dag(self, function: Any, name: str, outlets: Sequence[BaseAsset]) -> None:
        with DAG(self.dag_id or name, catchup=False, **self._options):
            _make_task(function, name, outlets)


class _Multi(_DagOptions):
    def __init__(self, *, outlets: Collection[BaseAsset], **options: Any) -> None:
        super().__init__(**options)
        self.outlets = list(outlets)

    def __call__(self, function: Callable[..., Any]) -> MultiAssetDefinition:
        if not self.outlets:
            raise ValueError(f"@asset.multi {function.__name__}: outlets= is empty; name the assets that it updates")
        made = MultiAssetDefinition(*self.outlets)
        self.make_dag(function, function.__name__, self.outlets)
        return made


class asset(_DagOptions):  # noqa: N801 (Airflow's name)
    """Makes of a function that updates an asset a DAG with one task, and is that asset in other schedules.

    Parameters without a default are names of other assets, which become inlets; `self` is the asset itself,
    `context` the context and `outlet_events` what it is in the context.
    """

    multi = _Multi

    def __init__(
        self,
        *,
        name: str | None = None,
        uri: Any = None,
        group: str = Asset.asset_type,
        extra: Mapping[str, Any] | None = None,
        watchers: Sequence[Any] = (),
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self._name = name
        self._defined = {"uri": uri, "group": group, "extra": extra, "watchers": watchers}

    def __call__(self, function: Any) -> AssetDefinition:
        name = self._name or function.__name__
        made = AssetDefinition(name, **self._defined)
        self.make_dag(function, name, [made])
        return made
