"""DAG files flown by a real worker, whose tasks run in real child processes."""

import json
import os
import textwrap

from engine_stage import Stage

from sailplane.authoring.loading import load_file
from sailplane.authoring.serialization import serialize
from sailplane.engine.logs import read_log
from sailplane.engine.values import Values, places_of
from sailplane.engine.worker import Worker
from sailplane.model.ids import RunKey
from sailplane.model.runs import TaskInstance
from sailplane.runner.config import RunnerConfig
from sailplane.runner.pool import Runner


class Flight:
    """A worker that runs the tasks of a DAG file, and all that it published."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.values = Values(places_of(stage.cloud.settings, stage.cloud.store), stage.cloud.store)
        self.runner = Runner(RunnerConfig(slots=4, env=dict(os.environ)), self.values)
        self.worker = Worker(stage.cloud, self.runner, stage.clock, name="real", queue="default")
        self.messages: list[bytes] = []

    def fly(self, text: str, run_id: str = "only") -> RunKey:
        """Run the only DAG of a file with this text to its end."""
        (self.stage.bundle / "dags.py").write_text(textwrap.dedent(text))
        (dag,) = load_file(self.stage.bundle, "dags.py").values()
        key = self.stage.start(serialize(dag, "dags.py"), run_id=run_id)
        self.work()
        return key

    def work(self) -> None:
        """Handle what is published, until nothing more is."""
        while taken := self.stage.bus.take():
            self.messages += taken
            for data in taken:
                self.worker.handle(data)

    def log(self, instance: TaskInstance) -> str:
        chunk = read_log(self.stage.cloud, instance.run, instance.key, instance.try_number)
        return json.dumps([dict(line) for line in chunk.lines])
