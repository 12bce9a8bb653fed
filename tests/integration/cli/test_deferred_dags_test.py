"""A DAG whose tasks defer themselves through the real engine, child processes and local cloud."""

import json
import os
import subprocess
import sys
from pathlib import Path

SHARED = Path(__file__).parents[3] / "shared"
DAG = """
import asyncio
from datetime import timedelta
from pathlib import Path

from sailplane import DAG, BaseOperator, BaseTrigger, FileSensor, TriggerEvent, WaitSensor, task


class Looks(BaseTrigger):
    looks_first = True

    def __init__(self, looks=0):
        super().__init__()
        self.looks = looks

    def serialize(self):
        return f"{__name__}.Looks", {"looks": self.looks}

    async def run(self):
        while True:
            self.looks += 1
            print(f"look {self.looks}")
            if self.looks == 2:
                yield TriggerEvent({"looks": self.looks})
            await asyncio.sleep(1)


class Reap(BaseOperator):
    def execute(self, context):
        print("begins")
        context["ti"].xcom_push("early", "x" * 100_000)
        self.defer(trigger=Looks(), method_name="done", kwargs={"tools": {"scythe"}})

    def done(self, context, event, tools):
        print(f"goes on with {tools} and {len(context['ti'].xcom_pull(key='early'))} letters")
        return event["looks"]


with DAG("harvest", schedule=None):

    @task
    def thresh(looks):
        print(f"after {looks} looks")

    thresh(Reap(task_id="reap").output)
    WaitSensor(task_id="wait", time_to_wait=timedelta(seconds=1), deferrable=True)
    FileSensor(task_id="cart", filepath="/no/cart", deferrable=True, timeout=1.5, poke_interval=60, soft_fail=True)
"""


def test_deferred_tasks_go_on(tmp_path: Path) -> None:
    (tmp_path / "dags").mkdir()
    (tmp_path / "dags" / "harvest.py").write_text(DAG)
    command = [sys.executable, "-m", "sailplane.cli", "dags", "test", "harvest", "--dags", str(tmp_path / "dags")]
    done = subprocess.run(
        [*command, "-o", "json"],
        env={**os.environ, "PYTHONPATH": str(SHARED)},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    run = json.loads(done.stdout)
    states = {each["task_id"]: (each["state"], each["try_number"]) for each in run["task_instances"]}
    assert states == {"reap": ("success", 1), "thresh": ("success", 1), "wait": ("success", 1), "cart": ("skipped", 1)}
    told = [line.partition("INFO ")[2] for line in done.stderr.splitlines() if line.startswith("[reap]")]
    assert told == ["begins", "look 1", "look 2", "goes on with {'scythe'} and 100000 letters"]
    assert "after 2 looks" in done.stderr
