"""Updates of assets on bad days and crowded ones, what they cost, and through real child processes."""

import textwrap
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from asset_dags import asset, consumer, every, names, produce, producer, some, started, update, updated, write
from engine_flights import Flight
from engine_stage import Stage, chain

from localcloud.faults import Fault, FaultKind
from sailplane.api.asset_backend import EngineAssets
from sailplane.authoring.loading import load_file
from sailplane.authoring.serialization import serialize
from sailplane.cloud import codec
from sailplane.cloud.changes import Change, Merge, Remove, ReplaceShared
from sailplane.cloud.committer import Committed, Committer
from sailplane.cloud.firestore import Firestore
from sailplane.engine import asset_answers, asset_runs, runs
from sailplane.model import xcom
from sailplane.model.assets import AssetQuery, AssetQueue, AssetVerb, alias_id
from sailplane.model.ids import TaskKey
from sailplane.model.states import RunState, RunType

WRITERS = 24
PATIENCE = 20


def test_of_many_updates_at_once_each_is_in_exactly_one_run(stage: Stage) -> None:
    stage.push(producer("maker", asset("a"), asset("b")), consumer("user", some(asset("a"), asset("b"))))

    def tell(number: int) -> None:
        write(stage, update("ab"[number % 2]), key=str(number))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(tell, range(WRITERS)))
    for _ in range(3):  # What was given up for want of quiet is left to the alarms.
        stage.clock.turn(minutes=1)
        stage.tick()
    taken = Counter(reference for run in started(stage, "user") for reference in run.asset_events)
    assert len(taken) == WRITERS
    assert set(taken.values()) == {1}
    assert stage.cloud.store.assets.queues("user") == []


def test_the_last_of_several_assets_starts_the_run_whoever_is_last(stage: Stage) -> None:
    letters = "abcdefgh"
    condition = every(*(asset(letter) for letter in letters))
    stage.push(producer("maker", *(asset(letter) for letter in letters)), consumer("user", condition))
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda letter: write(stage, update(letter)), letters))
    (run,) = started(stage, "user")
    assert sorted(names(stage, run)) == list(letters)


@pytest.mark.localcloud
@pytest.mark.parametrize("commit", range(3))
def test_a_lost_answer_neither_loses_nor_repeats_an_update(stage: Stage, commit: int) -> None:
    stage.push(producer("maker", asset("a")), consumer("user", asset("a")))
    stage.clock.turn(seconds=1)
    stage.runner.script["make", 1] = updated("a")
    runs.trigger(stage.cloud, "maker", now=stage.clock())
    stage.local.cloud.faults.inject(Fault(point="firestore.Commit", kind=FaultKind.LOST_ANSWER, skip=commit))
    stage.deliver_all()
    stage.clock.turn(minutes=1)
    stage.tick()
    stage.deliver_all()
    assert [names(stage, run) for run in started(stage, "user")] == [["a"]]
    assert len(stage.cloud.store.assets.events()) == 1


@pytest.mark.localcloud
def test_a_store_that_is_away_when_a_run_is_due_is_asked_again_by_the_tick(stage: Stage) -> None:
    stage.push(producer("maker", asset("a")), consumer("user", asset("a")))
    write(stage, update("a"), look=False)
    stage.local.cloud.faults.inject(Fault(point="firestore.*", kind=FaultKind.ERROR, times=1000))
    asset_runs.look_at_all(stage.cloud, stage.clock, ["user"])
    stage.local.cloud.faults.clear()
    assert started(stage, "user") == []
    stage.clock.turn(minutes=1)
    stage.tick()
    assert len(started(stage, "user")) == 1


@pytest.mark.localcloud
def test_an_outlet_costs_one_write_and_one_read(stage: Stage) -> None:
    stage.push(producer("maker", asset("a")))
    costs = []
    for outcome in (updated(), updated(), updated("a")):  # The first one also reads what does not change.
        before = stage.count()
        produce(stage, "maker", outcome)
        costs.append(stage.since(before))
    assert costs[2]["firestore.writes"] - costs[1]["firestore.writes"] == 1
    assert costs[2]["firestore.reads"] - costs[1]["firestore.reads"] == 1
    assert costs[2]["firestore.commits"] == costs[1]["firestore.commits"]


@pytest.mark.localcloud
def test_what_waits_for_other_assets_costs_the_tick_nothing(stage: Stage) -> None:
    stage.push(producer("maker", asset("a")), consumer("user", every(asset("a"), asset("b"))))
    produce(stage, "maker", updated("a"))
    stage.clock.turn(minutes=5)
    before = stage.count()
    assert stage.tick().looks == 1
    cost = stage.since(before)
    assert (cost.get("firestore.reads"), cost.get("firestore.writes")) == (2, None)


def test_a_run_without_assets_writes_nothing_of_them(stage: Stage) -> None:
    key = stage.start(chain(2))
    stage.deliver_all()
    assert stage.run(key).state is RunState.SUCCESS
    assert stage.cloud.store.assets.all() == []


def test_questions_of_tasks_are_answered_from_the_store(stage: Stage) -> None:
    stage.push(producer("maker", asset("a"), asset("b")), consumer("user", asset("a")))
    moments = []
    for _ in range(3):
        produce(stage, "maker", updated("a", aliases=("found",)))
        moments.append(stage.clock())
    (run, *_) = started(stage, "user")

    def ask(**fields: object) -> list[object]:
        query = AssetQuery(verb=AssetVerb.EVENTS, **fields)  # type: ignore[arg-type]
        return [event.timestamp for event in asset_answers.answer(stage.cloud, run.key, query).events]

    assert ask(name="a", uri="gs://lake/a") == moments
    assert ask(name="a", limit=1, ascending=False) == moments[-1:]
    assert ask(uri="gs://lake/a", after=moments[1]) == moments[1:]
    assert ask(alias="found", before=moments[1], ascending=False, limit=1) == [moments[1]]
    assert ask(name="nothing") == []
    find = AssetQuery(verb=AssetVerb.FIND, uri="gs://lake/b")
    (found,) = asset_answers.answer(stage.cloud, run.key, find).assets
    assert found.name == "b"
    triggering = asset_answers.answer(stage.cloud, run.key, AssetQuery(verb=AssetVerb.TRIGGERING)).events
    assert [event.timestamp for event in triggering] == moments[:1]


def test_the_faces_read_assets_and_drop_what_waits(stage: Stage) -> None:
    stage.push(
        producer("maker", asset("a")), consumer("user", every(asset("a"), asset("b"))), consumer("now", asset("a"))
    )
    produce(stage, "maker", updated("a", aliases=("found",)))
    backend = EngineAssets(stage.cloud)
    record = next(each for each in backend.all() if each.name == "a")
    assert backend.get(record.id) == record
    assert backend.get(7) is None
    alias = backend.alias(alias_id("found"))
    assert alias is not None
    assert [each.name for each in backend.aliases()] == ["found"]
    (event,) = backend.events(record.id)
    assert backend.count_events(record.id) == backend.count_events() == 1
    (made,) = started(stage, "maker")
    assert backend.events_from(made.key) == [event]
    (run,) = backend.runs_started_by([event.reference])
    assert (run.key.dag_id, backend.triggering(run.key)) == ("now", [event])
    (queue,) = backend.queues_of(record)
    assert backend.queues("user") == [queue]
    assert (backend.drop([queue]), backend.drop([queue])) == (1, 0)
    told = backend.emit(record, {"by": "hand"}, None)
    assert backend.count_events(record.id, after=event.timestamp + timedelta(seconds=1)) == 1
    assert told.source_dag_id is None
    assert len(started(stage, "now")) == 2


FILE = """
from sailplane import DAG, Asset, AssetAlias, Metadata, asset, task

ORDERS = Asset("orders", "gs://lake/orders")


@asset(schedule=None, uri="gs://lake/raw")
def raw(self, outlet_events):
    outlet_events[self].extra = {"rows": 3}
    return "raw"


@asset(schedule=raw)
def clean(context, raw, outlet_events):
    (event,) = context["triggering_asset_events"][raw]
    outlet_events[AssetOf.clean].extra = {"from": event.source_task_instance.xcom_pull(), **event.extra}


class AssetOf:
    clean = Asset("clean")


with DAG("report", schedule=[AssetOf.clean]):

    @task(inlets=[AssetOf.clean], outlets=[AssetAlias("reports")])
    def report(*, inlet_events, outlet_events, triggering_asset_events):
        (newest,) = inlet_events[AssetOf.clean].ascending(False).limit(1)
        outlet_events[AssetAlias("reports")].add(Asset("report"), extra=dict(newest.extra))
        return [dict(newest.extra), [each.name for each in triggering_asset_events]]

    report()


with DAG("archive", schedule=AssetAlias("reports")):

    @task
    def archive(*, triggering_asset_events):
        return [event.asset.name for event in triggering_asset_events.for_asset_alias(name="reports")]

    archive()
"""


def test_assets_lead_from_dag_to_dag_through_real_processes(flight: Flight) -> None:
    stage = flight.stage
    (stage.bundle / "dags.py").write_text(textwrap.dedent(FILE))
    dags = [serialize(dag, "dags.py") for dag in load_file(stage.bundle, "dags.py").values()]
    stage.push(*dags)
    runs.trigger(stage.cloud, "raw", run_type=RunType.ASSET_MATERIALIZATION, now=stage.clock())
    while taken := stage.bus.take():
        for data in taken:
            flight.worker.handle(data)
    states = {dag.dag_id: [run.state for run in started(stage, dag.dag_id)] for dag in dags}
    assert states == {dag_id: [RunState.SUCCESS] for dag_id in ("raw", "clean", "report", "archive")}

    def returned(dag_id: str, task_id: str) -> object:
        (run,) = started(stage, dag_id)
        instance = stage.cloud.store.task(run.key, TaskKey(task_id))
        assert instance is not None
        return xcom.loads(instance.xcoms["return_value"])

    assert returned("report", "report") == [{"from": "raw", "rows": 3}, ["clean"]]
    assert returned("archive", "archive") == ["report"]


class Between:
    """The assets of a store, where something happens once right after the queues were read."""

    def __init__(self, stage: Stage, happens: Callable[[], None]) -> None:
        self._real = stage.cloud.store.assets
        self._happens: Callable[[], None] | None = happens
        stage.cloud.store.assets = self  # type: ignore[assignment]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def queues(self, dag_id: str) -> list[AssetQueue]:
        found = self._real.queues(dag_id)
        happens, self._happens = self._happens, None
        if happens is not None:
            happens()
        return found


def test_an_update_that_comes_while_a_run_is_made_is_in_it(stage: Stage) -> None:
    stage.push(producer("maker", asset("a")), consumer("user", asset("a")))
    write(stage, update("a"), key="first", look=False)
    Between(stage, lambda: write(stage, update("a"), key="second", look=False))
    assert asset_runs.look(stage.cloud, stage.clock, "user")
    assert [names(stage, run) for run in started(stage, "user")] == [["a", "a"]]
    assert stage.cloud.store.assets.queues("user") == []


def test_an_update_that_comes_before_the_alarm_is_off_keeps_it(stage: Stage) -> None:
    stage.push(producer("maker", asset("a"), asset("b")), consumer("user", every(asset("a"), asset("b"))))
    write(stage, update("a"), key="first", look=False)

    def updates_both_and_dies() -> None:
        write(stage, update("a"), update("b"), key="second", look=False)

    Between(stage, updates_both_and_dies)
    assert not asset_runs.look(stage.cloud, stage.clock, "user")
    assert started(stage, "user") == []
    stage.clock.turn(minutes=1)
    stage.tick()
    assert [sorted(names(stage, run)) for run in started(stage, "user")] == [["a", "a", "b"]]


def test_of_two_who_look_at_once_one_makes_the_run(stage: Stage) -> None:
    stage.push(producer("maker", asset("a")), consumer("user", asset("a")))
    write(stage, update("a"), look=False)
    won = []
    Between(stage, lambda: won.append(asset_runs.look(stage.cloud, stage.clock, "user")))
    won.append(asset_runs.look(stage.cloud, stage.clock, "user"))
    assert won == [True, False]
    assert [names(stage, run) for run in started(stage, "user")] == [["a"]]


class Watched(Firestore):
    """Holds the first commit until it is opened, and keeps the writes of all."""

    def __init__(self, stage: Stage) -> None:
        super().__init__(stage.settings, stage.cloud.tally)
        self.is_reached, self.is_open = threading.Event(), threading.Event()
        self.sent: list[list[str]] = []

    def commit(self, request: Any) -> Any:
        self.sent.append([str(write.update.name or write.delete).rpartition("/")[2] for write in request.writes])
        self.is_reached.set()
        self.is_open.wait(PATIENCE)
        return super().commit(request)


def test_a_queue_stands_but_once_in_a_commit(stage: Stage) -> None:
    """Whether a guard sees what was written before it in the same commit must not matter."""
    stage.push(consumer("user", every(asset("a"), asset("b"))))
    write(stage, update("a"), look=False)
    (queue,) = stage.cloud.store.assets.queues("user")
    later = replace(queue, events=(), updated_at=stage.clock() + timedelta(seconds=1))
    other = replace(later, name="b", uri="gs://lake/b")
    adds = {"events": ("1/2",)}
    changes: list[Change] = [
        Merge(other, ("state", "name", "uri", "updated_at"), adds),
        Merge(later, ("updated_at",), adds),
        Remove(codec.path_of(queue), queue.token),
        ReplaceShared(replace(queue, alarm_at=None)),
    ]
    gate = Watched(stage)
    committer = Committer(gate, shards=1)
    with ThreadPoolExecutor(len(changes)) as pool:
        first = pool.submit(committer.commit, changes[:1])
        assert gate.is_reached.wait(PATIENCE)
        rest = []
        for number, change in enumerate(changes[1:], 1):
            rest.append(pool.submit(committer.commit, [change]))
            while len(committer._waiting) < number:
                threading.Event().wait(0.005)
        gate.is_open.set()
        results = [first.result(), *(each.result() for each in rest)]
    gate.close()
    assert [len(sent) for sent in gate.sent] == [1, 1, 1, 1]
    assert [isinstance(result, Committed) for result in results] == [True, True, False, False]
    kept = {each.name: each.events for each in stage.cloud.store.assets.queues("user")}
    assert kept == {"a": (*queue.events, "1/2"), "b": ("1/2",)}
