"""What is built from, and how a change of it is seen."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from deploy_stage import design

from sailplane.deploy.sources import Sources, dockerfile, folder_hash
from sailplane.model.errors import SettingsError


def stage(function: str, folder: Path, *, extra_requirements: Sequence[str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "main.py").write_text(f"# {function}")
    (folder / "requirements.txt").write_text("\n".join(extra_requirements))


def sources(tmp_path: Path, toml: str = "", dags: Path | None = None) -> Sources:
    return Sources(
        design=design(toml),
        workspace=tmp_path / "work",
        dags=dags,
        stage=stage,
        read_requirements=lambda path: path.read_text().split(),
    )


def test_every_function_has_a_source_of_its_own(tmp_path: Path) -> None:
    hashes = sources(tmp_path, "[queues.small]").write()
    assert set(hashes) == {f"sailplane-{one}" for one in ("tick", "events", "web", "worker", "worker-small")}
    assert (tmp_path / "work/sources/sailplane-tick/main.py").read_text() == "# tick"
    assert (tmp_path / "work/sources/sailplane-worker-small/main.py").read_text() == "# worker"


def test_the_same_content_has_the_same_hash_and_another_one_another(tmp_path: Path) -> None:
    first = sources(tmp_path).write()
    assert sources(tmp_path).write() == first
    assert len(set(first.values())) == 4


def test_what_is_staged_does_not_end_up_in_a_repository(tmp_path: Path) -> None:
    sources(tmp_path).write()
    assert (tmp_path / "work/.gitignore").read_text() == "*\n"


def test_what_was_staged_before_is_gone(tmp_path: Path) -> None:
    first = sources(tmp_path).write()
    (tmp_path / "work/sources/sailplane-tick/stray.py").write_text("old")
    assert sources(tmp_path).write() == first


def test_requirements_beside_the_dags_reach_workers_only(tmp_path: Path) -> None:
    dags = tmp_path / "dags"
    dags.mkdir()
    (dags / "requirements.txt").write_text("pandas")
    before = sources(tmp_path).write()
    after = sources(tmp_path, dags=dags).write()
    assert {name for name in before if before[name] != after[name]} == {"sailplane-worker"}
    assert (tmp_path / "work/sources/sailplane-worker/requirements.txt").read_text() == "pandas"


def test_a_queue_may_have_requirements_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "heavy.txt").write_text("torch")
    sources(tmp_path, f'[queues.small]\nrequirements = "{tmp_path}/heavy.txt"').write()
    assert (tmp_path / "work/sources/sailplane-worker-small/requirements.txt").read_text() == "torch"
    assert (tmp_path / "work/sources/sailplane-worker/requirements.txt").read_text() == ""


def test_an_image_has_the_packages_that_its_queue_asks_for(tmp_path: Path) -> None:
    hashes = sources(tmp_path, '[queues.film]\nkind = "job"\nsystem_packages = ["ffmpeg", "libpq5"]').write()
    assert "europe-west1-docker.pkg.dev/acme/sailplane/sailplane-film" in hashes
    context = tmp_path / "work/sources/sailplane-film"
    assert "apt-get install --yes --no-install-recommends ffmpeg libpq5" in (context / "Dockerfile").read_text()
    assert (context / "sailplane/requirements.txt").is_file()


def test_a_dockerfile_of_ones_own_finds_its_neighbours_and_sailplane(tmp_path: Path) -> None:
    own = tmp_path / "images"
    (own / "data").mkdir(parents=True)
    (own / "Dockerfile.film").write_text("FROM scratch\n")
    (own / "data/model.bin").write_text("model")
    sources(tmp_path, f'[queues.film]\nkind = "job"\ndockerfile = "{own}/Dockerfile.film"').write()
    context = tmp_path / "work/sources/sailplane-film"
    assert (context / "Dockerfile").read_text() == "FROM scratch\n"
    assert (context / "data/model.bin").is_file()
    assert (context / ".gcloudignore").is_file()
    assert (context / "sailplane/main.py").is_file()


def test_a_dockerfile_beside_the_workspace_does_not_take_it_along(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    (tmp_path / "model.bin").write_text("model")
    made = sources(tmp_path, f'[queues.film]\nkind = "job"\ndockerfile = "{tmp_path}/Dockerfile"')
    hashes = made.write()
    context = tmp_path / "work/sources/sailplane-film"
    assert (context / "model.bin").is_file()
    assert not (context / "work").exists()
    assert made.write() == hashes


def test_a_dockerfile_that_is_missing_is_told(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="nowhere does not exist; correct `dockerfile`"):
        sources(tmp_path, '[queues.film]\nkind = "job"\ndockerfile = "nowhere"').write()


def test_an_image_without_packages_installs_none() -> None:
    assert "apt-get" not in dockerfile("3.13", ())
    assert dockerfile("3.13", ()).startswith("FROM python:3.13-slim\n")


def test_a_hash_sees_names_contents_and_where_one_ends(tmp_path: Path) -> None:
    def hash_of(**files: str) -> str:
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        folder.mkdir()
        for name, content in files.items():
            (folder / name).write_text(content)
        return folder_hash(folder)

    assert hash_of(a="1", b="2") == hash_of(b="2", a="1")
    assert len({hash_of(a="1"), hash_of(a="2"), hash_of(b="1"), hash_of(a="1", b=""), hash_of(a="")}) == 5
