"""Record which runs updates of assets start: run under an Airflow installation with a database.

    AIRFLOW_HOME=SCRATCH airflow db migrate
    AIRFLOW_HOME=SCRATCH python tests/oracle/record_asset_schedules.py > tests/oracle/asset_schedules.json

Each condition is the schedule of a DAG. For each sequence of updates Airflow's own asset manager is told of one after
the other, and after each its scheduler creates the runs that are due. An update `a` is of the asset a, `x:a` of a
through the alias x; `a+b` are two updates with no look of the scheduler in between. Written down are, for each
condition and sequence, the runs in order with the assets of the events that they took.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

FOLDER = Path(os.environ["AIRFLOW_HOME"]) / "asset_dags"
os.environ |= {
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "AIRFLOW__CORE__DAGS_FOLDER": str(FOLDER),
    "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
    "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR",
    "AIRFLOW__SCHEDULER__MAX_DAGRUNS_TO_CREATE_PER_LOOP": "100",
}

CONDITIONS = {
    "one": "A",
    "list": "[A, B]",
    "any": "A | B",
    "all": "A & B",
    "nested_any": "A | (B & C)",
    "nested_all": "A & (B | C)",
    "all_of_any": "(A | B) & (B | C)",
    "same_twice": "A & A",
    "alias": "X",
    "alias_or_asset": "X | B",
    "alias_and_asset": "X & B",
    "two_aliases": "X & Y",
    "name_ref": "Asset.ref(name='a')",
    "uri_ref": "Asset.ref(uri='s3://lake/b')",
    "ref_and_asset": "Asset.ref(name='a') & C",
}
SEQUENCES = [
    "a",
    "b",
    "c",
    "a a",
    "a b",
    "b a",
    "a c",
    "b c",
    "a a b",
    "a b a b",
    "a b c",
    "c b a",
    "a+b",
    "a+a",
    "a+b+c a",
    "b b c a c",
    "x:a",
    "x:a x:a",
    "x:a b",
    "b x:a",
    "x:a x:b",
    "x:a y:a",
    "x:a+y:b",
    "y:c x:c",
    "x:a a",
    "a x:b",
    "x:b b",
]

HEAD = """
from airflow.sdk import DAG, Asset, AssetAlias
from airflow.providers.standard.operators.empty import EmptyOperator

A, B, C = (Asset(name, f"s3://lake/{name}") for name in "abc")
X, Y = AssetAlias("x"), AssetAlias("y")

with DAG("producer", schedule=None):
    EmptyOperator(task_id="make", outlets=[A, B, C, X, Y])
"""


def write_dags():
    FOLDER.mkdir(parents=True, exist_ok=True)
    texts = [
        f'\nwith DAG("{name}", schedule={schedule}):\n    EmptyOperator(task_id="use")\n'
        for name, schedule in CONDITIONS.items()
    ]
    (FOLDER / "dags.py").write_text(HEAD + "".join(texts))
    subprocess.run(
        [str(Path(sys.executable).with_name("airflow")), "dags", "reserialize"], check=True, stdout=sys.stderr
    )


class Recorder:
    def __init__(self):
        from airflow.jobs.job import Job
        from airflow.jobs.scheduler_job_runner import SchedulerJobRunner

        self.scheduler = SchedulerJobRunner(job=Job())

    def clear(self, session):
        from airflow.models.asset import AssetAliasModel, AssetDagRunQueue, AssetEvent
        from airflow.models.dagrun import DagRun
        from sqlalchemy import delete, select

        for alias in session.scalars(select(AssetAliasModel)):
            alias.assets.clear()
        for run in session.scalars(select(DagRun)):
            run.consumed_asset_events.clear()
        session.flush()
        for event in session.scalars(select(AssetEvent)):
            session.delete(event)
        session.execute(delete(AssetDagRunQueue))
        for run in session.scalars(select(DagRun)):
            session.delete(run)
        session.commit()

    def tell(self, update, session):
        from airflow.assets.manager import asset_manager
        from airflow.serialization.definitions.assets import SerializedAssetUniqueKey

        alias, _, name = update.rpartition(":")
        key = SerializedAssetUniqueKey(name=name, uri=f"s3://lake/{name}")
        asset_manager.register_asset_change(asset=key, source_alias_names=[alias] if alias else [], session=session)
        session.commit()
        time.sleep(0.002)

    def look(self, session):
        from airflow.models.dag import DagModel

        query, triggered = DagModel.dags_needing_dagruns(session)
        dags = [each for each in query.all() if each.dag_id in triggered]
        self.scheduler._create_dag_runs_asset_triggered(dag_models=dags, session=session)
        session.commit()

    def runs(self, session):
        from airflow.models.dagrun import DagRun
        from sqlalchemy import select

        found = {name: [] for name in CONDITIONS}
        for run in session.scalars(select(DagRun).order_by(DagRun.id)):
            events = sorted(run.consumed_asset_events, key=lambda event: event.id)
            found[run.dag_id].append([event.asset.name for event in events])
        return found


def main():
    write_dags()
    from airflow import __version__
    from airflow.utils.session import create_session

    recorder = Recorder()
    answers = {}
    with create_session() as session:
        recorder.scheduler._update_asset_orphanage(session=session)
        session.commit()
        for sequence in SEQUENCES:
            recorder.clear(session)
            for step in sequence.split():
                for update in step.split("+"):
                    recorder.tell(update, session)
                recorder.look(session)
            answers[sequence] = recorder.runs(session)
    document = {"airflow": __version__, "conditions": CONDITIONS, "runs": answers}
    text = json.dumps(document, indent=1)
    sys.stdout.write(text.replace("\n    ", " ").replace("\n   ", " ") + "\n")


if __name__ == "__main__":
    main()
