"""Pushing bundles: versions, stale DAGs, files that cannot be read."""

import os
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from engine_stage import Stage, chain, dag, task

from sailplane.cloud.changes import Change, Replace
from sailplane.cloud.committer import Result
from sailplane.engine import bundles, registry
from sailplane.engine.bundles import BundleCache
from sailplane.model.dags import ParsedBundle
from sailplane.model.runs import DagFileError
from sailplane.model.states import RunState


def test_a_changed_dag_gets_a_version_and_runs_under_way_keep_theirs(stage: Stage) -> None:
    key = stage.start(chain(2))
    assert stage.push(chain(3)).updated == ("flight",)
    stage.deliver_all()
    assert stage.run(key).context.version == 1
    assert len(stage.states(key)) == 2
    record = stage.cloud.store.dag("flight")
    assert record is not None
    assert record.version == 2
    assert len(stage.cloud.store.version("flight", 1).tasks) == 2


def test_changed_code_of_the_same_shape_is_used_without_a_new_version(stage: Stage) -> None:
    stage.push(chain(2))
    before = stage.cloud.store.dag("flight")
    (stage.bundle / "dags.py").write_text("# other code\n")
    assert stage.push(chain(2)).updated == ("flight",)
    after = stage.cloud.store.dag("flight")
    assert before is not None
    assert after is not None
    assert (after.version, after.bundle == before.bundle) == (1, False)


def test_a_dag_that_is_gone_becomes_stale_and_comes_back_when_it_does(stage: Stage) -> None:
    stage.push(chain(1), dag(task("a"), dag_id="other"))
    assert stage.push(dag(task("a"), dag_id="other")).stale == ("flight",)
    gone = stage.cloud.store.dag("flight")
    assert gone is not None
    assert gone.is_stale
    stage.push(chain(1), dag(task("a"), dag_id="other"))
    back = stage.cloud.store.dag("flight")
    assert back is not None
    assert not back.is_stale


def test_a_dag_that_changes_while_it_is_removed_becomes_stale_all_the_same(stage: Stage) -> None:
    other = dag(task("a"), dag_id="other")
    stage.push(chain(1), other)

    class Busy:
        """A store in which somebody changes the DAG each time before the push writes, twice."""

        left = 2

        def __getattr__(self, name: str) -> Any:
            return getattr(stage.cloud.store, name)

        def commit(self, unit: Sequence[Change]) -> Result:
            record = stage.cloud.store.dag("flight")
            if self.left and record is not None:
                self.left -= 1
                stage.cloud.store.commit([Replace(replace(record, description=f"changed, {self.left}"))])
            return stage.cloud.store.commit(unit)

    busy = replace(stage.cloud, store=Busy())  # type: ignore[arg-type]
    assert registry.push(busy, stage.bundle, ParsedBundle(dags=(other,)), stage.clock()).stale == ("flight",)
    gone = stage.cloud.store.dag("flight")
    assert gone is not None
    assert (gone.is_stale, gone.description) == (True, "changed, 0")


def test_a_broken_file_keeps_the_old_version_working(stage: Stage) -> None:
    stage.push(chain(1))
    error = DagFileError(file="dags.py", message="dags.py:1: no", seen_at=stage.clock())
    report = registry.push(stage.cloud, stage.bundle, ParsedBundle(errors=(error,)), stage.clock())
    assert report.stale == ()
    record = stage.cloud.store.dag("flight")
    assert record is not None
    assert record.has_import_errors
    assert [each.message for each in stage.cloud.store.file_errors()] == ["dags.py:1: no"]
    key = stage.start(chain(1))
    stage.deliver_all()
    assert stage.run(key).state is RunState.SUCCESS
    assert stage.cloud.store.file_errors() == []


def test_a_large_dag_is_kept_in_the_bucket(stage: Stage) -> None:
    large = dag(*(task(f"t{n}", doc_md="x" * 1000) for n in range(1200)))
    stage.push(large)
    assert stage.cloud.store.version("flight", 1) == large


def test_equal_folders_make_equal_bundles(stage: Stage, tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name / "sub").mkdir(parents=True)
        (tmp_path / name / "sub" / "b.txt").write_text("b")
        (tmp_path / name / "a.py").write_text("a")
        (tmp_path / name / "__pycache__").mkdir()
        (tmp_path / name / "__pycache__" / f"{name}.pyc").write_text(name)
    assert bundles.pack(tmp_path / "one") == bundles.pack(tmp_path / "two")


def test_a_bundle_is_unpacked_as_it_was(stage: Stage) -> None:
    (stage.bundle / "sub").mkdir()
    (stage.bundle / "sub" / "data.txt").write_text("twelve")
    report = stage.push(chain(1))
    folder = BundleCache(stage.cloud).path(report.bundle)
    assert (folder / "sub" / "data.txt").read_text() == "twelve"


def aged(folder: Path, **by: float) -> Path:
    """A folder with a file, last touched so long ago."""
    folder.mkdir(parents=True)
    (folder / "dags.py").write_text("# old\n")
    at = time.time() - timedelta(**by).total_seconds()
    os.utime(folder, (at, at))
    return folder


def test_what_a_killed_process_was_unpacking_is_removed(stage: Stage) -> None:
    report = stage.push(chain(1))
    cached = stage.settings.cache_dir / "bundles"
    old, fresh = aged(cached / "unpacking-old", hours=2), aged(cached / "unpacking-fresh", minutes=2)
    BundleCache(stage.cloud).path(report.bundle)
    assert (old.exists(), fresh.exists()) == (False, True)


def test_of_many_bundles_those_go_that_nobody_used_for_longest(stage: Stage) -> None:
    cached = stage.settings.cache_dir / "bundles"
    bundle_cache = BundleCache(stage.cloud)
    mine = bundle_cache.path(stage.push(chain(1)).bundle)
    others = [aged(cached / f"{n:064}", days=100 - n) for n in range(50)]
    long_ago = time.time() - timedelta(days=700).total_seconds()
    os.utime(mine, (long_ago, long_ago))
    (stage.bundle / "dags.py").write_text("# changed\n")
    bundle_cache.path(stage.push(chain(1)).bundle)
    assert mine.exists()
    assert [other.exists() for other in others] == [False, False, *[True] * 48]


def test_bundles_that_were_used_a_short_while_ago_stay_however_many(stage: Stage) -> None:
    others = [aged(stage.settings.cache_dir / "bundles" / f"{n:064}", hours=n / 10) for n in range(60)]
    BundleCache(stage.cloud).path(stage.push(chain(1)).bundle)
    assert all(other.exists() for other in others)


def test_a_bundle_that_another_process_unpacked_is_touched_when_it_is_used(stage: Stage) -> None:
    bundle = stage.push(chain(1)).bundle
    folder = BundleCache(stage.cloud).path(bundle)
    long_ago = time.time() - timedelta(days=30).total_seconds()
    os.utime(folder, (long_ago, long_ago))
    assert BundleCache(stage.cloud).path(bundle) == folder
    assert folder.stat().st_mtime > long_ago + 1
