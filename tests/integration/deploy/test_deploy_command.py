"""`sailplane deploy` and `destroy` as typed, with `gcloud` and `curl` as programs on the path."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from deployer import REGION, Deployer
from fake_gcloud.cloud import empty
from fake_gcloud.installation import install
from settings import EVERYTHING
from test_deploying import prepare

SHARED = Path(__file__).parents[3] / "shared"
SYSTEM = "/usr/bin:/bin"
SAILPLANE = (sys.executable, "-c", "from sailplane.cli.main import main; main()")


@dataclass
class Desk:
    """A working folder with the programs on the path, and the file that holds the project."""

    folder: Path

    @property
    def state_file(self) -> Path:
        return self.folder / "project.json"

    @property
    def environment(self) -> dict[str, str]:
        return {
            "PATH": f"{self.folder / 'bin'}:{SYSTEM}",
            "PYTHONPATH": str(SHARED),
            "HOME": str(self.folder),
            "TMPDIR": os.environ.get("TMPDIR", "/tmp"),
        }

    def type(self, *words: str, place: tuple[str, ...] = ("--project=demo-project", f"--region={REGION}")) -> Any:
        return subprocess.run(
            [*SAILPLANE, *words, *place],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def done(self, *words: str) -> str:
        ended = self.type(*words)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return str(ended.stdout)

    def project(self) -> dict[str, Any]:
        """What there is, but for calls and serials."""
        state = json.loads(self.state_file.read_text())
        return {key: state[key] for key in ("agents", "apis", "policies", "resources")}

    def changes(self) -> list[str]:
        calls = json.loads(self.state_file.read_text())["calls"]
        return [" ".join(call["argv"]) for call in calls if call["mutates"]]

    def start_over(self) -> None:
        self.state_file.write_text(json.dumps(empty()))


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    made = Desk(tmp_path)
    install(tmp_path / "bin", made.state_file)
    made.start_over()
    return made


def test_the_printed_script_does_what_deploying_does(desk: Desk, deployer: Deployer) -> None:
    prepare(deployer.cloud)
    untouched = json.dumps(deployer.cloud.state)
    script = deployer.deploy_script(EVERYTHING)
    assert deployer.changes() == []
    desk.state_file.write_text(untouched)
    subprocess.run(["sh", "-c", script], cwd=desk.folder, env=desk.environment, check=True, capture_output=True)
    deployer.deploy(EVERYTHING)
    assert timeless(desk.project()) == timeless(deployer.picture())


def timeless(project: Any) -> Any:
    """`project` without the times of its parts: of those that are made side by side either may be the first."""
    if isinstance(project, dict):
        return {key: timeless(value) for key, value in project.items() if key not in ("createTime", "updateTime")}
    return project


def test_the_printed_script_takes_away_what_destroying_does(desk: Desk, deployer: Deployer) -> None:
    deployer.deploy()
    desk.state_file.write_text(json.dumps(deployer.cloud.state))
    script = deployer.destroy_script()
    subprocess.run(["sh", "-c", script], cwd=desk.folder, env=desk.environment, check=True, capture_output=True)
    deployer.destroy(with_data=True)
    assert desk.project() == deployer.picture()


def test_a_dry_run_prints_what_it_would_do_and_changes_nothing(desk: Desk) -> None:
    script = desk.done("deploy", "--dry-run")
    assert desk.changes() == []
    assert "gcloud functions deploy sailplane-worker " in script
    subprocess.run(["sh", "-n", "-c", script], check=True)


def test_settings_beside_the_dags_count_for_deploying_and_destroying(desk: Desk) -> None:
    (desk.folder / "dags").mkdir()
    (desk.folder / "dags/sailplane.toml").write_text('[deployment]\nname = "night"\n')
    assert "gcloud functions deploy night-worker " in desk.done("deploy", "--dry-run")
    destroying = desk.type("destroy", "--dry-run")
    assert "settings: dags/sailplane.toml" in destroying.stderr


def test_it_asks_before_it_changes_anything(desk: Desk) -> None:
    ended = desk.type("deploy")
    assert ended.returncode != 0
    assert "create function sailplane-worker" in ended.stdout
    assert desk.changes() == []


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ("[queues.default]\nkidn = 'function'", ["[queues.default]", "kidn", "kind"]),
        ("[deploymet]\nname = 'a'", ["deploymet", "deployment"]),
        ("[queues.gpu]\nkind = 'jobs'", ["[queues.gpu]", "kind", "job"]),
        ("[functions.worker]\nmemory = '1GB'", ["[functions.worker]", "memory", "512Mi"]),
        ("[functions.worker]\ntimeout = 3600", ["[functions.worker]", "timeout", "600"]),
        ("[queues.default]\nkind = 'pull'", ["[queues.default]", "kind"]),
        ("[queues.events]", ["queues", "events"]),
        ("[web]\nmembers = ['ada@example.org']", ["members", "user:ada@example.org"]),
        ("[deployment\n", ["sailplane.toml"]),
    ],
)
def test_wrong_settings_are_named_with_file_table_and_key(desk: Desk, settings: str, said: list[str]) -> None:
    (desk.folder / "sailplane.toml").write_text(settings)
    ended = desk.type("deploy", "--yes")
    assert ended.returncode != 0
    assert "Traceback" not in ended.stderr
    words = ended.stderr.replace("\n", " ")
    assert [word for word in ["sailplane.toml", *said] if word not in words] == []
    assert desk.changes() == []


def test_a_project_that_is_not_there_is_named(desk: Desk) -> None:
    ended = desk.type("deploy", "--yes", place=("--project=nowhere", f"--region={REGION}"))
    assert ended.returncode != 0
    assert "there is no project 'nowhere'" in ended.stderr
    assert "gcloud projects create" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_without_gcloud_it_says_where_to_get_it(desk: Desk) -> None:
    (desk.folder / "bin" / "gcloud").unlink()
    nothing = desk.folder / "empty"
    nothing.mkdir()
    ended = subprocess.run(
        [*SAILPLANE, "deploy", "--yes", "--project=demo-project", f"--region={REGION}"],
        cwd=desk.folder,
        env={**desk.environment, "PATH": str(nothing)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode != 0
    assert "https://cloud.google.com/sdk/docs/install" in ended.stderr


def test_a_step_that_fails_is_named_with_the_words_of_gcloud_and_the_next_deployment_goes_on(
    desk: Desk, deployer: Deployer
) -> None:
    deployer.deploy()
    deployer.cloud.state["resources"]["subscriptions"].clear()
    deployer.fail(3, "before", "INTERNAL: Internal error encountered.")
    desk.state_file.write_text(json.dumps(deployer.cloud.state))
    ended = desk.type("deploy", "--yes")
    assert ended.returncode != 0
    assert "] create subscription sailplane-default failed" in ended.stderr
    assert "Internal error encountered" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert "create subscription sailplane-default" in desk.done("deploy", "--yes")
    assert set(desk.project()["resources"]["subscriptions"]) == set(desk.project()["resources"]["topics"])
