"""`docs/rerunning.md`: its commands work, its example ends as it says."""

import io
import re
import shlex
from datetime import UTC, datetime
from pathlib import Path

from engine_stage import FAILED, Stage, dag, task

from sailplane.api.backend import EngineBackend
from sailplane.authoring.loading import load_file
from sailplane.cli.main import run
from sailplane.cli.output import Output
from sailplane.cli.session import Session
from sailplane.model.mapping import Expansion, Source, SourceKind
from sailplane.model.states import RunState

PAGE = (Path(__file__).parents[3] / "docs" / "rerunning.md").read_text()
COMMANDS = [re.findall(r"^sailplane .*$", block, re.M) for block in re.findall(r"```bash\n(.*?)```", PAGE, re.DOTALL)]
((CODE, ENDS),) = re.findall(r"```python\n(.*?)```\n```text\n(.*?)```", PAGE, re.DOTALL)


def issue(stage: Stage, command: str) -> None:
    out, err = io.StringIO(), io.StringIO()
    session = Session(
        environment={"GOOGLE_CLOUD_PROJECT": "p", "SAILPLANE_BUCKET": "b"},
        output=Output(stdout=out, stderr=err),
        open_backend=lambda _environment: EngineBackend(stage.cloud),
    )
    code = run(shlex.split(command)[1:], session)
    assert code == 0, f"{command}: {err.getvalue()}"


def test_the_commands_of_the_page_work(stage: Stage) -> None:
    over = Expansion(sources=(Source(kind=SourceKind.LITERAL, length=3),))
    sales = dag(task("load"), task("each", "load", expansion=over), task("report", "each"), dag_id="sales")
    stage.runner.script["load", 1] = FAILED
    key = stage.start(sales, run_id="monday", logical_date=datetime(2026, 2, 2, tzinfo=UTC))
    stage.deliver_all()
    *ended, holding = COMMANDS
    for command in [command for block in ended for command in block]:
        issue(stage, command)
        stage.deliver_all()
    issue(stage, "sailplane runs clear sales monday --yes")
    for command in holding:
        issue(stage, command)
    stage.deliver_all()
    assert stage.run(key).state is RunState.SUCCESS
    assert sum(map(len, COMMANDS)) == PAGE.count("\nsailplane ") == 15


def test_the_example_of_the_page_ends_as_it_says(tmp_path: Path) -> None:
    (tmp_path / "upload.py").write_text(CODE)
    (upload,) = load_file(tmp_path, "upload.py").values()
    ended = upload.test()
    told = [f"{each.key}: {each.state}, try {each.try_number}" for each in ended.get_task_instances()]
    assert sorted([*told, f"run: {ended.state}"]) == sorted(ENDS.splitlines())
