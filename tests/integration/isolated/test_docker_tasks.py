"""Tasks in containers, against an engine that speaks Docker's HTTP API."""

import re
import sys
import tempfile
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
from docker_engine import Engine, RunningEngine

from sailplane import DAG
from sailplane.authoring.exceptions import AirflowException
from sailplane.hooks.docker import DockerError, DockerHook
from sailplane.testing.run import FinishedRun


@pytest.fixture
def engine() -> Iterator[Engine]:
    # Not tmp_path: the name of a socket may have a hundred characters.
    with tempfile.TemporaryDirectory() as folder, RunningEngine(Path(folder)) as made:
        yield made


@pytest.fixture
def run(engine: Engine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """Runs a DAG whose body is given; `DOCKER_HOST` is the engine."""
    monkeypatch.setenv("DOCKER_HOST", engine.url)

    def fly(body: str, **options: object) -> FinishedRun:
        text = "from datetime import timedelta\nfrom sailplane import DAG, DockerOperator, task\n\n"
        path = tmp_path / "flow.py"
        path.write_text(text + 'with DAG("flow"):\n' + "\n".join(f"    {line}" for line in body.strip().splitlines()))
        from sailplane.authoring.loading import load_file

        (dag,) = load_file(tmp_path, "flow.py").values()
        assert isinstance(dag, DAG)
        return dag.test(**options)

    return fly


def docker(arguments: str) -> str:
    return f'DockerOperator(task_id="box", image="python:3", {arguments})'


def test_the_last_line_of_the_output_is_the_xcom(run, engine: Engine) -> None:
    ended = run(docker("""command="sh -c 'echo one; echo \\"$WHO\\"'", environment={"WHO": "{{ dag.dag_id }} ü"}"""))
    ended.assert_success()
    assert ended.xcom("box") == "flow ü"
    ended.assert_logged("box", "one")
    assert ("POST", "/images/create") not in engine.requests
    assert engine.removed == []


def test_all_lines_can_be_the_xcom(run) -> None:
    ended = run(docker("""command=["sh", "-c", "echo one; echo; echo two >&2; printf end"], xcom_all=True"""))
    assert sorted(ended.xcom("box")) == ["", "end", "one", "two"]


def test_a_terminal_has_no_frames(run) -> None:
    assert run(docker("""command="echo hello there", tty=True""")).xcom("box") == "hello there"


def test_an_exit_code_fails_the_task_or_skips_it(run, engine: Engine) -> None:
    failed = run(docker("""command="sh -c 'echo why; exit 3'", skip_on_exit_code=99"""))
    failed.assert_failed()
    assert "exited with code 3" in failed.error("box").message
    assert failed.exception("box").logs == ["why"]
    run(docker("""command="sh -c 'exit 99'", skip_on_exit_code=[98, 99]""")).assert_skipped("box")


def test_an_image_that_is_not_there_is_pulled(run, engine: Engine) -> None:
    ended = run('DockerOperator(task_id="box", image="registry:5000/team/tool", command="true")')
    ended.assert_success()
    assert "registry:5000/team/tool:latest" in engine.images
    for text in ("Pulling docker image", "Pulling from registry:5000/team/tool", "a1 Pull complete"):
        ended.assert_logged("box", text)
    assert "Downloading" not in ended.log("box")


def test_force_pull_pulls_what_is_there(run, engine: Engine) -> None:
    run(docker('command="true", force_pull=True')).assert_success()
    assert ("POST", "/images/create") in engine.requests


def test_a_pull_that_fails_says_why(run) -> None:
    assert "unexpected EOF" in run('DockerOperator(task_id="box", image="broken:1")').error("box").message
    assert "pull access denied" in run('DockerOperator(task_id="box", image="private:1")').error("box").message


def test_a_connection_has_the_login_of_a_registry(run, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    body = 'DockerOperator(task_id="box", image="private:1", command="true", docker_conn_id="registry")'
    monkeypatch.setenv("AIRFLOW_CONN_REGISTRY", "docker://me:secret@registry.example.org")
    run(body).assert_success()
    assert any("X-Registry-Auth" in headers for headers in engine.headers)
    monkeypatch.setenv("AIRFLOW_CONN_REGISTRY", "docker://")
    without = run(body.replace("private", "private2"))
    assert "names no registry" in without.error("box").message


@pytest.mark.parametrize(
    ("auto_remove", "command", "removed"),
    [
        ("success", "true", ["c1"]),
        ("success", "false", []),
        ("force", "false", ["c1"]),
        ("never", "true", []),
    ],
)
def test_containers_are_removed_as_asked(
    run, engine: Engine, auto_remove: str, command: str, removed: list[str]
) -> None:
    run(docker(f"command={command!r}, auto_remove={auto_remove!r}"))
    assert engine.removed == removed


def test_a_task_that_takes_too_long_stops_its_container(run, engine: Engine) -> None:
    ended = run(docker('command="sleep 60", execution_timeout=timedelta(seconds=1)'))
    ended.assert_failed()
    assert engine.stopped


def test_a_folder_of_the_task_is_mounted(run, engine: Engine) -> None:
    run(docker("command=\"sh -c 'echo $AIRFLOW_TMP_DIR'\"")).assert_xcom("box", "/tmp/airflow")
    (mount,) = engine.specs[0]["HostConfig"]["Mounts"]
    assert (mount["Target"], mount["Type"]) == ("/tmp/airflow", "bind")
    assert not Path(mount["Source"]).exists()


def test_an_engine_that_is_far_away_goes_without_the_folder(run, engine: Engine) -> None:
    engine.is_far_away = True
    ended = run(docker("command=\"sh -c 'echo [$AIRFLOW_TMP_DIR]'\""))
    ended.assert_xcom("box", "[]")
    ended.assert_logged("box", "mount_tmp_dir")


FUNCTION = """
@task.docker(image="python:3", python_command=PYTHON, auto_remove="success")
def add(numbers, when=None, ds=None):
    import datetime
    print("adding", numbers, ds)
    assert isinstance(when, datetime.datetime)
    return {"sum": sum(numbers), "next": when + datetime.timedelta(days=1), "kinds": {1, 2}}

@task
def when():
    import datetime
    return datetime.datetime(2026, 3, 1, tzinfo=datetime.timezone.utc)

add([1, 2, 3], when())
""".replace("PYTHON", repr(sys.executable))


def test_a_function_runs_in_a_container(run, engine: Engine) -> None:
    ended = run(FUNCTION)
    ended.assert_success()
    result = ended.xcom("add")
    assert (result["sum"], result["next"].isoformat(), result["kinds"]) == (6, "2026-03-02T00:00:00+00:00", {1, 2})
    ended.assert_logged("add", "adding [1, 2, 3]")
    (spec,) = engine.specs
    assert spec["Cmd"] == [sys.executable, "/tmp/sailplane/guest.py", "/tmp/sailplane"]
    assert engine.removed == ["c1"]


def test_what_a_function_raises_is_told(run) -> None:
    ended = run(f"""
@task.docker(image="python:3", python_command={sys.executable!r})
def fail():
    raise KeyError("lost")

fail()
""")
    error = ended.error("fail")
    assert "exited with code 1" in error.message
    assert "KeyError: 'lost'" in error.message
    ended.assert_logged("fail", 'raise KeyError("lost")')


def test_a_function_that_returns_nothing_has_no_xcom(run) -> None:
    ended = run(f"""
@task.docker(image="python:3", python_command={sys.executable!r}, skip_on_exit_code=7)
def leave(code):
    import sys
    if code:
        sys.exit(code)

leave(0) >> leave.override(task_id="skip")(7)
""")
    ended.assert_states(leave="success", skip="skipped")
    assert ended.xcom("leave") is None


def test_without_an_engine_the_error_says_what_to_do() -> None:
    with pytest.raises(
        AirflowException, match=r"no Docker engine answers at unix:///no/such.*Cloud Run has none: give"
    ):
        DockerHook(base_url="unix:///no/such/docker.sock").has_image("x")
    with pytest.raises(AirflowException, match="must begin with unix://"):
        DockerHook(base_url="ssh://host").has_image("x")


def test_a_container_that_is_gone_is_left_alone(engine: Engine) -> None:
    hook = DockerHook(base_url=engine.url, version="1.43")
    hook.stop("absent")
    hook.remove("absent")
    assert hook.get_file("absent", "/tmp/x") is None
    assert engine.requests[0] == ("POST", "/v1.43/containers/absent/stop")
    with pytest.raises(DockerError, match="404: No such container"):
        hook.start("absent")


def test_the_pages_example_runs(run, engine: Engine, tmp_path: Path) -> None:
    page = (Path(__file__).parents[3] / "docs" / "isolated-tasks.md").read_text()
    (example,) = (each for each in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if "DockerOperator" in each)
    body = example.partition('DAG("containers", schedule=None):\n')[2]
    body = body.replace('command="convert', 'command="echo')
    body = body.replace("@task.docker(", f"@task.docker(python_command={sys.executable!r}, ")
    ended = run(textwrap.dedent(body))
    ended.assert_success()
    assert ended.xcom("count") == {"a": 2, "b": 1}
    assert engine.removed == ["c1", "c2"]
