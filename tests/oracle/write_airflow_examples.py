"""Write `docs/airflow-examples.md`: how Airflow's own example DAGs fare here.

    python tests/oracle/write_airflow_examples.py SITE_PACKAGES/airflow

The files are read from an installation of Airflow, by Sailplane, in an environment that has no Airflow. A DAG that
Airflow could run by itself (`airflow_examples.json`, made by `record_airflow_examples.py`) is run here too, in memory,
and the ends are compared. One of them needs dill.
"""

import contextlib
import io
import json
import logging
import sys
import warnings
from collections import Counter
from datetime import UTC, datetime
from importlib.machinery import PathFinder
from pathlib import Path

TESTS = Path(__file__).parents[1]
PAGE = TESTS.parent / "docs" / "airflow-examples.md"
sys.path.insert(0, str(TESTS / "unit" / "authoring"))

from run_in_memory import run_in_memory  # noqa: E402

from sailplane.authoring.bundle_files import dag_files  # noqa: E402
from sailplane.authoring.loading import load_file  # noqa: E402
from sailplane.compat.airflow import finder  # noqa: E402
from sailplane.compat.migration.findings import Verdict  # noqa: E402
from sailplane.compat.migration.reading import read  # noqa: E402
from sailplane.model.errors import AuthorError  # noqa: E402
from sailplane.model.states import RunType  # noqa: E402

FOLDERS = ("example_dags", "providers/standard/example_dags")
EXAMPLES = "airflow.example_dags"
RECORDED = json.loads((Path(__file__).parent / "airflow_examples.json").read_text())
MOMENT = datetime(2026, 3, 1, 12, tzinfo=UTC)
MANUAL_RUN = {
    "run_id": "manual__2026-03-01T12:00:00+00:00",
    "run_type": RunType.MANUAL,
    **dict.fromkeys(("logical_date", "data_interval_start", "data_interval_end", "run_after", "started_at"), MOMENT),
}
"""As Airflow's recorded runs."""
PHRASES = {
    "same end": "DAGs come to the same end",
    "other end": "DAGs come to another end",
    "parses": "DAGs parse and were not run, for Airflow cannot run them alone or they wait for an hour",
    "missing": "files need what Sailplane lacks",
    "declares none": "file declares nothing without what it says to install",
}
HEAD = """# Airflow's own example DAGs

How the example DAGs that come with Airflow {airflow} (core and the standard provider) fare here, each file as it is.
`tests/oracle/write_airflow_examples.py` makes this page from an installation of Airflow.

*Same end*: Airflow's `dag.test()` and Sailplane gave the run and each of its task instances the same states.

{summary}

| file | DAG | outcome |
|---|---|---|
"""


class ExamplesFinder:
    """Finds the modules that example DAGs import from beside them, where Airflow has them."""

    def __init__(self, package):
        self.package = package

    def find_spec(self, name, path=None, target=None):
        if name != EXAMPLES and not name.startswith(f"{EXAMPLES}."):
            return None
        return PathFinder.find_spec(name, [str(self.package)] if name == EXAMPLES else path)


def rows_of(folder, file):
    try:
        dags = load_file(folder, file)
    except AuthorError as error:
        names = [f"`{each.name}`" for each in read((folder / file).read_text()) if is_lacking(each)]
        return [("", "missing: " + (", ".join(names) or plain(error, file)))]
    throws_dice = "import random" in (folder / file).read_text()
    recorded = RECORDED["dags"]
    return [(dag_id, outcome(dag, recorded.get(dag_id, {}), throws_dice)) for dag_id, dag in sorted(dags.items())] or [
        ("", "declares none without what it says to install")
    ]


def plain(error, file):
    return str(error).removeprefix(f"{file}, ").split(";")[0]


def is_lacking(remark):
    return remark.verdict is Verdict.MISSING and not remark.name.startswith(EXAMPLES)


def outcome(dag, recorded, throws_dice):
    if "states" not in recorded:
        return f"parses{reason(recorded)}"
    ended = run_in_memory(dag, **MANUAL_RUN)
    if (str(ended.run), ended.states) == (recorded["run"], recorded["states"]):
        return f"same end: {recorded['run']}"
    if throws_dice and str(ended.run) == recorded["run"] and not ended.errors():
        return f"same end: {recorded['run']}, by another of its random ways"
    different = [task for task in recorded["states"] if recorded["states"][task] != ended.states.get(task)]
    why = "; ".join(sorted(set(ended.errors().values())))
    return f"other end: {', '.join(f'`{task}`' for task in different) or ended.run}{f' ({why})' if why else ''}"


def reason(recorded):
    return f"; Airflow does not run it alone ({recorded['not_run'].split(':')[0]})" if "not_run" in recorded else ""


def main(package):
    finder.install()
    sys.meta_path.insert(0, ExamplesFinder(package))
    lines, kinds = [], Counter()
    for folder in (package / each for each in FOLDERS):
        for file in dag_files(folder):
            if "/" in file:
                continue
            with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
                rows = rows_of(folder, file)
            for dag_id, told in rows:
                kinds[next(kind for kind in PHRASES if told.startswith(kind))] += 1
                lines.append(f"| {file} | {dag_id} | {told} |")
    told = (f"{count} {PHRASES[kind]}" for kind, count in kinds.most_common())
    PAGE.write_text(
        HEAD.format(airflow=RECORDED["airflow"], summary=f"In all, {', '.join(told)}.") + "\n".join(lines) + "\n"
    )
    print(PAGE.read_text())


if __name__ == "__main__":
    logging.disable()
    warnings.simplefilter("ignore")
    main(Path(sys.argv[1]))
