"""Results that are used again, through real workers and the bucket."""

from pathlib import Path

import pytest
from engine_flights import Flight
from engine_stage import Stage

from sailplane.engine import clearing, shelf
from sailplane.engine.clearing import Clear
from sailplane.model.ids import RunKey
from sailplane.model.shelf import ShelfKind, ShelfRequest, ShelfVerb

DAG = """
    from datetime import timedelta
    from sailplane import DAG, Variable, task, task_inputs

    @task(cache_key=task_inputs, cache_expiration=timedelta(days=1))
    def numbers(much):
        return list(range(much))

    @task
    def total(numbers, ti=None):
        return sum(numbers)

    with DAG("flight"):
        total(numbers(MUCH))
    """


def test_a_second_run_uses_the_result_of_the_first(stage: Stage, flight: Flight) -> None:
    text = DAG.replace("MUCH", "20_000")
    keys = [flight.fly(text, run_id=run_id) for run_id in ("first", "second")]
    for key in keys:
        assert stage.states(key) == {"numbers": "success", "total": "success"}
        assert stage.instance(key, "total").xcoms["return_value"] == str(sum(range(20_000)))
    assert "Returned value was" in flight.log(stage.instance(keys[0], "numbers"))
    log = flight.log(stage.instance(keys[1], "numbers"))
    assert "the result of run first" in log
    assert "Returned value was" not in log
    assert len(stage.cloud.blobs.names("xcoms/~results/flight/numbers/")) == 1


def test_a_cleared_task_is_computed_anew_and_keeps_its_state(stage: Stage, flight: Flight) -> None:
    text = """
        from sailplane import DAG, Variable, task

        @task(cache_key="k")
        def count(task_state_store, ti):
            task_state_store.set("runs", task_state_store.get("runs", 0) + 1)
            return [ti.run_id, ti.try_number, task_state_store.get("runs")]

        with DAG("flight"):
            count()
        """

    def counted(key: RunKey) -> str:
        return stage.instance(key, "count").xcoms["return_value"]

    first, second = flight.fly(text, run_id="first"), flight.fly(text, run_id="second")
    assert [counted(first), counted(second)] == ['["first",1,1]'] * 2
    clearing.clear(stage.cloud, stage.clock, first, Clear(named=("count",)))
    flight.work()
    assert counted(first) == '["first",2,2]'
    assert counted(flight.fly(text, run_id="third")) == '["first",2,2]'


@pytest.mark.localcloud
def test_keeping_a_result_writes_one_object_and_using_it_reads_one(stage: Stage, flight: Flight) -> None:
    text = DAG.replace("MUCH", "3")
    plain = text.replace("cache_key=task_inputs, cache_expiration=timedelta(days=1)", "")

    def operations(text: str, run_id: str) -> dict[str, int]:
        flight.fly(text, run_id=f"{run_id}-pushed")  # A new version is stored first.
        stage.cloud.blobs.delete(stage.cloud.blobs.names("xcoms/~results/"))
        before = stage.count()
        flight.fly(text, run_id=run_id)
        flight.fly(text, run_id=f"{run_id}-again")
        return stage.since(before)

    without, kept = operations(plain, "plain"), operations(text, "kept")
    more = {name: kept[name] - without.get(name, 0) for name in kept}
    assert more["firestore.writes"] == more["firestore.reads"] == 0
    assert more["storage.class_a"] == 1
    assert more["storage.class_b"] <= 3, "the first asks and finds nothing, the second finds it"


def test_files_go_to_the_bucket_and_come_back(stage: Stage, tmp_path: Path) -> None:
    def ask(verb: ShelfVerb, name: str, file: str) -> str | None:
        request = ShelfRequest(verb=verb, kind=ShelfKind.ENVIRONMENT, name=name, file=str(tmp_path / file))
        return shelf.answer(stage.cloud.blobs, "flight", request)

    (tmp_path / "from").write_bytes(b"packed")
    assert ask(ShelfVerb.PUT, "venv-1.tar.gz", "from") is None
    assert ask(ShelfVerb.GET, "venv-1.tar.gz", "to") == str(tmp_path / "to")
    assert (tmp_path / "to").read_bytes() == b"packed"
    assert ask(ShelfVerb.GET, "venv-2.tar.gz", "absent") is None
    assert not (tmp_path / "absent").exists()


def test_what_one_task_built_another_fetches(stage: Stage, flight: Flight, tmp_path: Path) -> None:
    folder = tmp_path / "venv-0123"
    key = flight.fly(f"""
        import shutil
        from datetime import timedelta
        from pathlib import Path
        from sailplane import DAG, task
        from sailplane.authoring import lookups
        from sailplane.operators.shared_environments import SharedEnvironments

        FOLDER = Path({str(folder)!r})

        def shared():
            return SharedEnvironments(lookups.running("a test"), print, timedelta(0))

        @task
        def build():
            (FOLDER / "bin").mkdir(parents=True)
            (FOLDER / "bin" / "python").symlink_to("/bin/sh")
            (FOLDER / "big").write_bytes(bytes(range(256)) * 40_000)
            shared().leave(FOLDER, timedelta(seconds=9))
            shutil.rmtree(FOLDER)

        @task
        def fetch():
            assert shared().fetch(FOLDER)
            return [(FOLDER / "big").stat().st_size, sorted(path.name for path in FOLDER.parent.glob("venv*"))]

        with DAG("flight"):
            build() >> fetch()
        """)
    assert stage.states(key) == {"build": "success", "fetch": "success"}, stage.instance(key, "fetch").error
    assert stage.instance(key, "fetch").xcoms["return_value"] == '[10240000,["venv-0123"]]'
    (name,) = stage.cloud.blobs.names("xcoms/~environments/venv-0123")
    assert name.endswith(".tar.gz")
