"""What functions tell Cloud Logging, and those who read plain lines."""

from platform_stage import Stage, eventually

LABELS = "logging.googleapis.com/labels"


def test_the_end_of_a_run_is_an_entry_by_which_alerts_find_it(stage: Stage) -> None:
    # As gcloud sets it for new functions: functions-framework then sets logging up anew, and wraps what is printed.
    stage.deploy("worker", env={"SAILPLANE_MEMORY_LIMIT": "300Mi", "LOG_EXECUTION_ID": "true"})
    good, bad = stage.trigger("chain"), stage.trigger("hungry")
    stage.release(bad, "modest")
    assert (stage.wait_for_end(good), stage.wait_for_end(bad)) == ("success", "failed")

    def ends() -> dict[str, dict[str, object]]:
        return {entry["run_id"]: entry for entry in stage.entries() if entry.get("event") == "run_ended"}

    eventually(lambda: {good.run_id, bad.run_id} <= ends().keys(), "both ends are told")
    told = ends()
    assert (told[good.run_id]["severity"], told[good.run_id]["state"]) == ("INFO", "success")
    assert (told[bad.run_id]["severity"], told[bad.run_id]["state"]) == ("ERROR", "failed")
    assert told[bad.run_id]["dag_id"] == "hungry"
    assert told[bad.run_id][LABELS] == {"dag_id": "hungry", "run_id": bad.run_id}
    assert "hungry ended: failed" in str(told[bad.run_id]["message"])


def test_an_exception_is_one_entry_with_its_stack(stage: Stage) -> None:
    status, _answer = stage.call("worker", {"message": {"data": "bm90IG91cnM=", "messageId": "1"}, "subscription": "s"})
    assert status == 500
    entry = next(entry for entry in reversed(stage.entries()) if "stack_trace" in entry)
    assert entry["severity"] == "ERROR"
    assert "CorruptRecord: not a Sailplane message" in entry["stack_trace"]


def test_plain_lines_are_written_where_that_is_asked_for(stage: Stage) -> None:
    stage.deploy("worker", env={"SAILPLANE_LOG_FORMAT": "plain"})
    run = stage.trigger("chain")
    assert stage.wait_for_end(run) == "success"
    expected = f"INFO sailplane.engine.journal: run {run.run_id} of DAG chain ended: success"
    eventually(lambda: expected in stage.printed(), "the end is told in a plain line")
    stage.local.call(stage.local.cloud.cloud_run.remove("worker"))
    for file in (stage.folder / "cloud" / "logs").glob("worker-*"):
        file.unlink()
