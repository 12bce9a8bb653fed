"""What `sailplane deploy --stage-only` writes is what the Terraform module zips."""

from collections.abc import Sequence
from pathlib import Path

from declared_resources import ANSWERS, PROJECT, REGION
from hcl_module import Module
from terraform_variables import variables

from sailplane.deploy.config import parse
from sailplane.deploy.deployment import Deployment, Order
from sailplane.deploy.runtimes import Runtime
from sailplane.deploy.shell import Shell

INFRA = Path(__file__).parents[3] / "infra"
TOML = {
    "deployment": {"name": "night"},
    "queues": {"heavy": {}, "gpu": {"kind": "job", "image": "somewhere/gpu"}, "far": {"kind": "pull"}},
}


def write_its_name(function: str, folder: Path, *, extra_requirements: Sequence[str]) -> None:
    (folder / "main.py").write_text(function)


def test_each_archive_is_made_from_a_folder_that_staging_writes(tmp_path: Path) -> None:
    order = Order(
        project=PROJECT,
        region=REGION,
        config=parse(TOML, file="sailplane.toml", folder=tmp_path),
        dags=None,
        workspace=tmp_path,
        infra=INFRA,
        runtime=Runtime.PYTHON313,
    )
    Deployment(order, Shell({})).stage_only(write_its_name, lambda _: ())
    module = Module(INFRA / "terraform", {**variables(TOML), "sources": str(tmp_path / "sources")}, ANSWERS)
    zipped = {Path(one.body["source_dir"]) for one in module.resources() if one.type == "archive_file"}
    entry_points = {
        one.body["name"]: one.body["build_config"][0]["entry_point"]
        for one in module.resources()
        if one.type == "google_cloudfunctions2_function"
    }
    assert zipped == set((tmp_path / "sources").iterdir())
    assert {folder.name: (folder / "main.py").read_text() for folder in zipped} == entry_points
