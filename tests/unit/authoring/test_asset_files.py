"""DAG files with assets: what they declare, and what their tasks tell of updates."""

import textwrap
from datetime import UTC, datetime
from typing import Any

import pytest
from authored_bundle import Bundle

from sailplane.authoring.assets import Asset, AssetAlias
from sailplane.authoring.bundle_files import dag_files
from sailplane.authoring.serialization import serialize
from sailplane.model.assets import AssetAnswer, AssetEvent, AssetKind, AssetNode, AssetUpdate, AssetVerb
from sailplane.model.dags import ScheduleKind
from sailplane.model.execution import Outcome, OutcomeKind

WHEN = datetime(2024, 5, 1, 5, tzinfo=UTC)


def found(name: str, **fields: Any) -> AssetNode:
    return AssetNode(kind=AssetKind.ASSET, name=name, uri=f"gs://lake/{name}", group="asset", **fields)


def run(bundle: Bundle, text: str, task_id: str = "make") -> Outcome:
    return bundle.run(bundle.one(flow(text)), task_id)


HEAD = """
from sailplane import *
ORDERS = Asset("orders", "gs://lake/orders")
USERS = Asset("users", "gs://lake/users")
FOUND = AssetAlias("found")
"""


def flow(text: str) -> str:
    return HEAD + textwrap.dedent(text)


def said(outcome: Outcome) -> list[tuple[str, dict[str, Any], tuple[str, ...]]]:
    assert outcome.kind is OutcomeKind.SUCCESS, outcome.error
    return [(update.name, dict(update.extra), update.aliases) for update in outcome.asset_updates]


def test_a_schedule_by_assets_is_part_of_the_dag(bundle: Bundle) -> None:
    dag = bundle.one(HEAD + 'with DAG("d", schedule=[ORDERS, USERS | FOUND]):\n    EmptyOperator(task_id="t")')
    schedule = serialize(dag, "flow.py").schedule
    assert (schedule.kind, schedule.summary) == (ScheduleKind.ASSETS, "Asset")
    assert schedule.assets is not None
    assert [each.name for each in schedule.assets.leaves()] == ["orders", "users", "found"]
    assert [part.kind for part in schedule.assets.parts] == [AssetKind.ASSET, AssetKind.ANY]


def test_a_schedule_by_time_or_assets_has_both(bundle: Bundle) -> None:
    dag = bundle.one(
        flow("""
    clock = CronTriggerTimetable("0 6 * * *", timezone="UTC")
    with DAG("d", schedule=AssetOrTimeSchedule(timetable=clock, assets=ORDERS & USERS)):
        EmptyOperator(task_id="t")
    """)
    )
    schedule = serialize(dag, "flow.py").schedule
    assert (schedule.kind, schedule.cron) == (ScheduleKind.CRON, "0 6 * * *")
    assert schedule.summary == "Asset or 0 6 * * *"
    assert schedule.assets is not None
    assert schedule.assets.kind is AssetKind.ALL


def test_airflow_2_calls_assets_datasets(bundle: Bundle) -> None:
    dag = bundle.one("""
    from airflow import DAG, Dataset
    from airflow.datasets import DatasetAlias
    from airflow.operators.empty import EmptyOperator
    from airflow.timetables.datasets import DatasetOrTimeSchedule
    from airflow.timetables.trigger import CronTriggerTimetable

    clock = CronTriggerTimetable("@daily", timezone="UTC")
    schedule = DatasetOrTimeSchedule(timetable=clock, datasets=[Dataset("s3://b/k"), DatasetAlias("x")])
    with DAG("d", schedule=schedule):
        EmptyOperator(task_id="t", outlets=[Dataset("s3://b/other")])
    """)
    stored = serialize(dag, "flow.py")
    assert stored.schedule.assets is not None
    assert [(each.kind, each.name) for each in stored.schedule.assets.leaves()] == [
        (AssetKind.ASSET, "s3://b/k"),
        (AssetKind.ALIAS, "x"),
    ]
    assert stored.assets is not None
    assert [each.uri for each in stored.assets.outlets["t"]] == ["s3://b/other"]


@pytest.mark.parametrize(
    ("schedule", "message"),
    [
        ("[ORDERS, 'users']", "'users' is none"),
        ("AssetOrTimeSchedule(timetable='@daily', assets=ORDERS)", "takes a timetable"),
        (
            "AssetOrTimeSchedule(timetable=AssetOrTimeSchedule(timetable=CronTriggerTimetable('@daily', "
            "timezone='UTC'), assets=ORDERS), assets=USERS)",
            "cannot have another",
        ),
    ],
)
def test_a_wrong_schedule_by_assets_is_refused(bundle: Bundle, schedule: str, message: str) -> None:
    with pytest.raises(Exception, match=message):
        bundle.one(HEAD + f'with DAG("d", schedule={schedule}):\n    EmptyOperator(task_id="t")')


def test_inlets_and_outlets_are_part_of_the_dag(bundle: Bundle) -> None:
    dag = bundle.one(
        flow("""
    with DAG("d"):
        BashOperator(task_id="t", bash_command="true", inlets=[ORDERS, "a_task"], outlets=Asset.ref(name="users"))
        EmptyOperator(task_id="plain")
    """)
    )
    assets = serialize(dag, "flow.py").assets
    assert assets is not None
    assert {task_id: [node.name for node in nodes] for task_id, nodes in assets.inlets.items()} == {"t": ["orders"]}
    assert [node.kind for node in assets.outlets["t"]] == [AssetKind.NAME_REF]


def test_a_dag_without_assets_says_nothing_of_them(bundle: Bundle) -> None:
    dag = serialize(bundle.one(HEAD + 'with DAG("d"):\n    EmptyOperator(task_id="t")'), "flow.py")
    assert (dag.assets, dag.schedule.assets) == (None, None)


def test_a_task_that_succeeds_has_updated_its_outlets(bundle: Bundle) -> None:
    outcome = run(
        bundle,
        """
    with DAG("d"):
        @task(outlets=[ORDERS, USERS, ORDERS])
        def make(*, outlet_events):
            outlet_events[ORDERS].extra = {"rows": 3}
        make()
    """,
    )
    assert said(outcome) == [("orders", {"rows": 3}, ()), ("users", {}, ())]
    assert outcome.asset_updates[0] == AssetUpdate(name="orders", uri="gs://lake/orders", extra={"rows": 3})


def test_a_task_that_fails_or_is_skipped_has_updated_nothing(bundle: Bundle) -> None:
    for error in ("ValueError", "AirflowSkipException"):
        outcome = run(
            bundle,
            f"""
    with DAG("d"):
        @task(outlets=ORDERS)
        def make():
            raise {error}("no")
        make()
    """,
        )
        assert outcome.kind is not OutcomeKind.SUCCESS
        assert outcome.asset_updates == ()


def test_metadata_may_be_yielded(bundle: Bundle) -> None:
    outcome = run(
        bundle,
        """
    with DAG("d"):
        @task(outlets=[ORDERS, FOUND])
        def make():
            yield Metadata(ORDERS, {"rows": 3})
            yield "something else"
            yield Metadata(USERS, extra={"n": 1}, alias=FOUND)
            return "done"
        make()
    """,
    )
    assert said(outcome) == [("orders", {"rows": 3}, ()), ("users", {"n": 1}, ("found",))]
    assert "done" in outcome.xcoms["return_value"]


def test_an_alias_stands_for_what_the_task_found(bundle: Bundle) -> None:
    outcome = run(
        bundle,
        """
    with DAG("d"):
        @task(outlets=[FOUND, AssetAlias("also"), AssetAlias("unused")])
        def make(*, outlet_events):
            outlet_events[FOUND].add(ORDERS, extra={"n": 1})
            outlet_events[AssetAlias("also")].add(ORDERS, extra={"n": 1})
            outlet_events[FOUND].add(Asset("users", "gs://lake/users", extra={"who": "me"}))
            outlet_events[AssetAlias("no outlet")].add(ORDERS)
        make()
    """,
    )
    assert said(outcome) == [("orders", {"n": 1}, ("found", "also")), ("users", {}, ("found",))]
    assert dict(outcome.asset_updates[1].asset_extra) == {"who": "me"}


def test_partitions_are_an_event_each(bundle: Bundle) -> None:
    outcome = run(
        bundle,
        """
    with DAG("d"):
        @task(outlets=ORDERS)
        def make(*, outlet_events):
            outlet_events[ORDERS].add_partitions(["2024-05-02", "2024-05-01"])
        make()
    """,
    )
    assert [update.partition_key for update in outcome.asset_updates] == ["2024-05-01", "2024-05-02"]


def test_an_extra_that_is_no_json_fails_the_task_and_says_which(bundle: Bundle) -> None:
    outcome = run(
        bundle,
        """
    with DAG("d"):
        @task(outlets=ORDERS)
        def make(*, outlet_events):
            outlet_events[ORDERS].extra["when"] = {1, 2}
        make()
    """,
    )
    assert outcome.kind is OutcomeKind.FAILED
    assert outcome.error is not None
    assert "the extra of the event of asset 'orders' must be JSON" in outcome.error.message


def test_a_reference_among_the_outlets_is_looked_up(bundle: Bundle) -> None:
    text = """
    with DAG("d"):
        @task(outlets=Asset.ref(name="orders"))
        def make(): ...
        make()
    """
    assert said(run(bundle, text)) == []
    bundle.services.asset_answer = AssetAnswer(assets=(found("orders"),))
    assert said(run(bundle, text)) == [("orders", {}, ())]
    assert bundle.services.asset_queries[-1].name == "orders"


def event(name: str, **fields: Any) -> AssetEvent:
    return AssetEvent(id=7, name=name, uri=f"gs://lake/{name}", timestamp=WHEN, **fields)


def test_a_task_sees_the_events_of_its_inlets(bundle: Bundle) -> None:
    bundle.services.asset_answer = AssetAnswer(events=(event("orders", extra={"rows": 1}), event("orders")))
    outcome = run(
        bundle,
        """
    with DAG("d"):
        @task(inlets=[ORDERS, FOUND])
        def make(*, inlet_events):
            events = inlet_events[ORDERS].after("2024-01-01").limit(5)
            assert inlet_events[0][0].uri == inlet_events.for_asset(name="orders")[0].uri
            assert len(inlet_events[FOUND]) == 2
            return [len(events), events[0].extra, events[-1].asset.name, [each.id for each in events[:1]]]
        make()
    """,
    )
    assert outcome.kind is OutcomeKind.SUCCESS, outcome.error
    assert '[2,{"rows":1},"orders",[7]]' in outcome.xcoms["return_value"].replace(" ", "")
    asked = {(query.name, query.alias, query.limit, query.after) for query in bundle.services.asset_queries}
    assert ("orders", None, 5, datetime(2024, 1, 1, tzinfo=UTC)) in asked
    assert (None, "found", None, None) in asked
    assert {query.verb for query in bundle.services.asset_queries} == {AssetVerb.EVENTS}


def test_what_is_no_inlet_has_no_events(bundle: Bundle) -> None:
    outcome = run(
        bundle,
        """
    with DAG("d"):
        @task(inlets=ORDERS)
        def make(*, inlet_events):
            inlet_events[USERS]
        make()
    """,
    )
    assert outcome.error is not None
    assert outcome.error.kind == "KeyError"


def test_a_task_sees_what_started_its_run_also_in_templates(bundle: Bundle) -> None:
    source = {"source_dag_id": "maker", "source_run_id": "r", "source_task_id": "t"}
    bundle.services.asset_answer = AssetAnswer(events=(event("orders", **source), event("users", aliases=("found",))))
    outcome = run(
        bundle,
        """
    with DAG("d", schedule=ORDERS):
        BashOperator(
            task_id="make",
            bash_command="echo {{ (triggering_asset_events.values() | first | first).source_dag_id }} "
            "{{ triggering_asset_events | length }}",
        )
    """,
    )
    assert outcome.kind is OutcomeKind.SUCCESS, outcome.error
    assert "maker 3" in outcome.xcoms["return_value"]


def test_events_know_their_alias_and_what_their_task_pushed(bundle: Bundle) -> None:
    bundle.services.asset_answer = AssetAnswer(events=(event("users", aliases=("found",)),))
    outcome = run(
        bundle,
        """
    with DAG("d", schedule=ORDERS):
        @task
        def make(*, triggering_asset_events):
            (one,) = triggering_asset_events[FOUND]
            assert triggering_asset_events[USERS] == [one]
            assert one.source_task_instance is None
            return [one.asset.name, one.source_aliases[0].name, sorted(str(each) for each in triggering_asset_events)]
        make()
    """,
    )
    assert outcome.kind is OutcomeKind.SUCCESS, outcome.error
    assert "users" in outcome.xcoms["return_value"]


ASSET_FILE = (
    HEAD
    + """
@asset(schedule="@daily", uri="gs://lake/raw", tags=["lake"])
def raw(self, context, outlet_events):
    outlet_events[self].extra = {"run": context["run_id"]}


@asset(schedule=raw)
def clean(raw, limit=10):
    return [raw.uri, limit]


@asset.multi(schedule=None, outlets=[ORDERS, USERS])
def both():
    "Makes two."


@asset(schedule=None, name="tasked")
@task(retries=3)
def bashful():
    return 1
"""
)


def test_asset_functions_are_dags_of_one_task(bundle: Bundle) -> None:
    dags = bundle.load(ASSET_FILE)
    assert sorted(dags) == ["both", "clean", "raw", "tasked"]
    raw = serialize(dags["raw"], "flow.py")
    assert (raw.schedule.cron, raw.tags) == ("0 0 * * *", ("lake",))
    assert raw.assets is not None
    assert [(node.name, node.uri) for node in raw.assets.outlets["raw"]] == [("raw", "gs://lake/raw")]
    clean = serialize(dags["clean"], "flow.py")
    assert clean.schedule.assets is not None
    assert clean.schedule.assets.name == "raw"
    assert clean.assets is not None
    assert [node.kind for node in clean.assets.inlets["clean"]] == [AssetKind.NAME_REF]
    both = serialize(dags["both"], "flow.py")
    assert both.assets is not None
    assert [node.name for node in both.assets.outlets["both"]] == ["orders", "users"]
    tasked = serialize(dags["tasked"], "flow.py")
    assert tasked.task_dict["bashful"].retries == 3
    assert tasked.assets is not None
    assert [node.name for node in tasked.assets.outlets["bashful"]] == ["tasked"]


def test_a_file_with_assets_alone_is_a_dag_file(bundle: Bundle) -> None:
    bundle.write("lake.py", "from sailplane import asset\n\n@asset(schedule=None)\ndef raw(): ...\n")
    bundle.write("other.py", "from sailplane import task\n")
    assert dag_files(bundle.root) == ["lake.py"]


def test_asset_functions_get_assets_by_the_names_of_their_parameters(bundle: Bundle) -> None:
    dags = bundle.load(ASSET_FILE)
    bundle.services.asset_answer = AssetAnswer(assets=(found("raw"),))
    raw = bundle.run(dags["raw"], "raw")
    assert [update.name for update in raw.asset_updates] == ["raw"]
    assert bundle.value(dags["clean"], "clean") == ["gs://lake/raw", 10]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("@asset(schedule=None)\ndef wide(*args): ...", r"wildcard '\*args'"),
        ("@asset(schedule=None)\ndef wide(**kw): ...", r"wildcard '\*\*kw'"),
        ("@asset(schedule=None)\ndef only(a, /): ...", "positional-only argument 'a'"),
        ("@asset.multi(schedule=None, outlets=[])\ndef none(): ...", "outlets= is empty"),
        ("@asset(schedule=None)\n@task(outlets=ORDERS)\ndef twice(): ...", "cannot have outlets"),
        ("def f():\n    @asset(schedule=None)\n    def inner(): ...\nf()", "inside another"),
    ],
)
def test_a_wrong_asset_function_is_refused(bundle: Bundle, text: str, message: str) -> None:
    with pytest.raises(Exception, match=message):
        bundle.load(HEAD + text)


def test_assets_are_xcoms_too(bundle: Bundle) -> None:
    dag = bundle.one(
        flow("""
    with DAG("d"):
        @task
        def make():
            return ORDERS
        make()
    """)
    )
    assert bundle.value(dag, "make") == Asset("orders", "gs://lake/orders")
    assert AssetAlias("x") == AssetAlias("x")
