"""Runs that updates of assets start, from the commit that ends the producing task to the run that takes the events."""

from dataclasses import replace
from datetime import timedelta

import pytest
from asset_dags import (
    alias,
    asset,
    consumer,
    every,
    names,
    produce,
    producer,
    some,
    started,
    update,
    updated,
    write,
)
from engine_stage import FAILED, SUCCESS, Stage, dag, task

from sailplane.engine import asset_answers, asset_runs, registry, runs
from sailplane.engine.asset_updates import Origin
from sailplane.model.assets import AssetKind, AssetNode, DagAssets
from sailplane.model.dags import ParsedBundle, Schedule, ScheduleKind
from sailplane.model.execution import Outcome
from sailplane.model.runs import DagFileError
from sailplane.model.states import RunState, RunType, TriggeredBy


def test_an_update_starts_a_run_that_has_its_event(stage: Stage) -> None:
    stage.push(producer("maker", asset("a")), consumer("user", asset("a")))
    produce(stage, "maker", updated("a", extra={"rows": 3}))
    (run,) = started(stage, "user")
    context = run.context
    assert (run.state, context.run_type, context.triggered_by) == (
        RunState.SUCCESS,
        RunType.ASSET_TRIGGERED,
        TriggeredBy.ASSET,
    )
    assert (context.logical_date, context.data_interval_start) == (None, None)
    assert context.run_after == stage.clock()
    assert context.run_id.startswith(f"asset_triggered__{stage.clock().isoformat()}_")
    (event,) = asset_answers.triggering(stage.cloud, run.key)
    assert (event.name, event.uri, dict(event.extra)) == ("a", "gs://lake/a", {"rows": 3})
    assert (event.source_dag_id, event.source_task_id) == ("maker", "make")
    assert stage.cloud.store.assets.queues("user") == []


@pytest.mark.parametrize("outcome", [FAILED, replace(SUCCESS, asset_updates=())])
def test_a_task_that_updates_nothing_starts_nothing(stage: Stage, outcome: Outcome) -> None:
    stage.push(producer("maker", asset("a")), consumer("user", asset("a")))
    produce(stage, "maker", outcome)
    assert started(stage, "user") == []
    assert stage.cloud.store.assets.events() == []


def test_all_of_several_assets_start_one_run_with_all_their_events(stage: Stage) -> None:
    stage.push(producer("maker", asset("a"), asset("b")), consumer("user", every(asset("a"), asset("b"))))
    produce(stage, "maker", updated("a"))
    produce(stage, "maker", updated("a"))
    assert started(stage, "user") == []
    (waiting,) = stage.cloud.store.assets.queues("user")
    assert (waiting.name, len(waiting.events), waiting.alarm_at) == ("a", 2, None)
    produce(stage, "maker", updated("b"))
    (run,) = started(stage, "user")
    assert names(stage, run) == ["a", "a", "b"]


def test_each_of_several_assets_starts_a_run(stage: Stage) -> None:
    stage.push(producer("maker", asset("a"), asset("b")), consumer("user", some(asset("a"), asset("b"))))
    produce(stage, "maker", updated("a"))
    produce(stage, "maker", updated("b", "a"))
    assert [sorted(names(stage, run)) for run in started(stage, "user")] == [["a"], ["a", "b"]]


def test_several_dags_take_the_same_event(stage: Stage) -> None:
    stage.push(producer("maker", asset("a")), consumer("one", asset("a")), consumer("two", asset("a")))
    produce(stage, "maker", updated("a"))
    assert [len(started(stage, each)) for each in ("one", "two")] == [1, 1]


def test_a_chain_of_assets_runs_through(stage: Stage) -> None:
    middle = replace(consumer("middle", asset("a")), assets=DagAssets(outlets={"use": (asset("b"),)}))
    stage.push(producer("maker", asset("a")), middle, consumer("last", asset("b")))
    stage.runner.script["use", 1] = lambda job: updated("b") if job.run.dag_id == "middle" else SUCCESS
    produce(stage, "maker", updated("a"))
    assert len(started(stage, "last")) == 1


def test_updates_through_an_alias_start_those_who_are_scheduled_on_it(stage: Stage) -> None:
    stage.push(producer("maker", alias("found")), consumer("by_alias", alias("found")), consumer("other", alias("no")))
    produce(stage, "maker", updated("a", aliases=("found",), asset_extra={"who": "me"}))
    (run,) = started(stage, "by_alias")
    (event,) = asset_answers.triggering(stage.cloud, run.key)
    assert (event.name, event.aliases) == ("a", ("found",))
    assert started(stage, "other") == []
    (made,) = stage.cloud.store.assets.all()
    assert (made.name, made.aliases, dict(made.extra)) == ("a", ("found",), {"who": "me"})
    known = stage.cloud.store.assets.aliases_named(["found"])["found"]
    assert known.assets == (str(made.id),)
    assert known.consumers == ("by_alias",)


def test_an_asset_found_through_an_alias_outlives_a_push(stage: Stage) -> None:
    dags = (producer("maker", alias("found")), consumer("user", AssetNode(kind=AssetKind.NAME_REF, name="a")))
    stage.push(*dags)
    produce(stage, "maker", updated("a", aliases=("found",)))
    stage.push(*dags, consumer("late", asset("z")))
    found = {record.name: record for record in stage.cloud.store.assets.all()}
    assert (found["a"].is_active, found["a"].aliases, found["a"].consumers) == (True, ("found",), ("user",))


def test_references_mean_the_asset_by_name_or_uri(stage: Stage) -> None:
    by_uri = AssetNode(kind=AssetKind.URI_REF, uri="gs://lake/a")
    stage.push(
        producer("maker", asset("a")),
        consumer("one", AssetNode(kind=AssetKind.NAME_REF, name="a")),
        consumer("two", by_uri),
    )
    produce(stage, "maker", updated("a"))
    assert [len(started(stage, each)) for each in ("one", "two")] == [1, 1]


def test_updates_while_a_dag_is_paused_start_a_run_when_it_goes_on(stage: Stage) -> None:
    stage.push(producer("maker", asset("a")), consumer("user", asset("a")))
    runs.set_paused(stage.cloud, "user", True, stage.clock())
    produce(stage, "maker", updated("a"))
    produce(stage, "maker", updated("a"))
    assert started(stage, "user") == []
    runs.set_paused(stage.cloud, "user", False, stage.clock())
    (run,) = started(stage, "user")
    assert names(stage, run) == ["a", "a"]


def test_a_dag_that_is_gone_waits_for_nothing(stage: Stage) -> None:
    maker = producer("maker", asset("a"))
    stage.push(maker, consumer("user", every(asset("a"), asset("b"))))
    produce(stage, "maker", updated("a"))
    stage.push(maker)
    produce(stage, "maker", updated("a"))
    (record,) = [each for each in stage.cloud.store.assets.all() if each.name == "a"]
    assert (record.consumers, record.producers) == ((), ("maker/make",))
    asset_runs.look(stage.cloud, stage.clock, "user")
    assert stage.cloud.store.assets.queues("user") == []
    (gone,) = [each for each in stage.cloud.store.assets.all() if each.name == "b"]
    assert not gone.is_active


def test_a_condition_that_a_push_made_easier_is_met_at_once(stage: Stage) -> None:
    maker = producer("maker", asset("a"), asset("b"))
    stage.push(maker, consumer("user", every(asset("a"), asset("b"))))
    produce(stage, "maker", updated("a"))
    stage.push(maker, consumer("user", some(asset("a"), asset("b"))))
    assert [names(stage, run) for run in started(stage, "user")] == [["a"]]


def test_runs_by_assets_keep_to_max_active_runs(stage: Stage) -> None:
    stage.push(producer("maker", asset("a")), consumer("user", asset("a"), max_active_runs=1))
    for _ in range(3):
        write(stage, update("a"))
        stage.clock.turn(seconds=1)
    assert [run.state for run in started(stage, "user")] == [RunState.RUNNING, RunState.QUEUED, RunState.QUEUED]
    stage.deliver_all()
    assert {run.state for run in started(stage, "user")} == {RunState.SUCCESS}
    assert [names(stage, run) for run in started(stage, "user")] == [["a"]] * 3


def test_an_update_whose_writer_died_is_found_by_the_tick(stage: Stage) -> None:
    stage.push(consumer("user", asset("a")), producer("maker", asset("a")))
    write(stage, update("a"), look=False)
    stage.tick()
    assert started(stage, "user") == []
    stage.clock.turn(minutes=1)
    report = stage.tick()
    assert report.runs_created == 1
    assert [names(stage, run) for run in started(stage, "user")] == [["a"]]


def test_the_tick_looks_once_at_updates_that_do_not_suffice(stage: Stage) -> None:
    stage.push(consumer("user", every(asset("a"), asset("b"))), producer("maker", asset("a"), asset("b")))
    write(stage, update("a"), look=False)
    stage.clock.turn(minutes=1)
    stage.tick()
    assert [queue.alarm_at for queue in stage.cloud.store.assets.queues("user")] == [None]
    write(stage, update("b"), look=False)
    stage.clock.turn(minutes=1)
    stage.tick()
    assert len(started(stage, "user")) == 1


def test_looking_twice_starts_one_run(stage: Stage) -> None:
    stage.push(consumer("user", asset("a")), producer("maker", asset("a")))
    write(stage, update("a"), look=False)
    looks = [asset_runs.look(stage.cloud, stage.clock, "user") for _ in range(2)]
    assert looks == [True, False]
    assert len(started(stage, "user")) == 1


def test_two_runs_of_one_moment_have_ids_of_their_own(stage: Stage) -> None:
    stage.push(consumer("user", asset("a")), producer("maker", asset("a")))
    write(stage, update("a"))
    write(stage, update("a", extra={"second": True}))
    assert len({run.key.run_id for run in started(stage, "user")}) == 2


def test_a_dag_by_time_or_assets_runs_by_both(stage: Stage) -> None:
    schedule = Schedule(
        kind=ScheduleKind.DELTA, delta=timedelta(hours=1), assets=asset("a"), summary="Asset or 1:00:00"
    )
    both = dag(task("use"), dag_id="user", schedule=schedule, start_date=stage.clock() - timedelta(minutes=1))
    stage.push(producer("maker", asset("a")), both)
    produce(stage, "maker", updated("a"))
    stage.clock.turn(hours=1)
    stage.tick()
    stage.deliver_all()
    assert sorted({str(run.context.run_type) for run in started(stage, "user")}) == ["asset_triggered", "scheduled"]


def test_a_file_that_cannot_be_read_leaves_its_dags_waiting(stage: Stage) -> None:
    user = replace(consumer("user", asset("a")), file="broken.py")
    stage.push(producer("maker", asset("a")), user)
    error = DagFileError(file="broken.py", message="no", seen_at=stage.clock())
    parsed = ParsedBundle(dags=(producer("maker", asset("a")),), errors=(error,))
    registry.push(stage.cloud, stage.bundle, parsed, stage.clock())
    produce(stage, "maker", updated("a"))
    assert len(started(stage, "user")) == 1


def test_each_try_of_the_producer_is_an_event_of_its_own(stage: Stage) -> None:
    made = stage.instance(stage.start(dag(task("make"))), "make")
    assert Origin.of(made).key == Origin.of(made).key != Origin.of(replace(made, try_number=2)).key


def test_what_a_run_may_not_be_it_does_not_become(stage: Stage) -> None:
    only_by_hand = consumer("user", asset("a"), allowed_run_types=(RunType.MANUAL,))
    stage.push(producer("maker", asset("a")), only_by_hand)
    produce(stage, "maker", updated("a"))
    assert (started(stage, "user"), stage.cloud.store.assets.queues("user")) == ([], [])


def test_more_events_than_a_document_holds_are_left_out_oldest_first(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asset_runs, "MOST_EVENTS", 3)
    stage.push(producer("maker", asset("a"), asset("b")), consumer("user", every(asset("a"), asset("b"))))
    for number in range(5):
        write(stage, update("a", extra={"n": number}), key=str(number))
        stage.clock.turn(seconds=1)
    (queue,) = stage.cloud.store.assets.queues("user")
    assert len(queue.events) == 3
    write(stage, update("b"))
    (run,) = started(stage, "user")
    told = [event.extra.get("n") for event in asset_answers.triggering(stage.cloud, run.key)]
    assert told == [3, 4, None]
