"""What an environment is made of, by which commands, and when it is another one."""

from pathlib import Path

from sailplane.operators.environments import EnvironmentSpec, commands, default_root, index_variables

FOLDER, FILE = Path("/cache/venv-1"), Path("/cache/venv-1/requirements.txt")


def lines(spec: EnvironmentSpec, uv: str | None) -> list[str]:
    return [" ".join(command) for command in commands(spec, FOLDER, FILE, uv)]


def test_uv_makes_the_environment_when_it_is_there() -> None:
    spec = EnvironmentSpec(requirements=("six",), python_version="3.9", pip_install_options=("--pre",))
    assert lines(spec, "/bin/uv") == [
        "/bin/uv venv --quiet --allow-existing --python 3.9 --system-site-packages /cache/venv-1",
        "/bin/uv pip install --python /cache/venv-1/bin/python --pre -r /cache/venv-1/requirements.txt",
    ]


def test_venv_and_pip_make_it_otherwise() -> None:
    spec = EnvironmentSpec(requirements=("six",), python_version="3.9", system_site_packages=False)
    assert lines(spec, None) == [
        "python3.9 -m venv /cache/venv-1",
        "/cache/venv-1/bin/python -m pip install --disable-pip-version-check -r /cache/venv-1/requirements.txt",
    ]


def test_without_requirements_nothing_is_installed() -> None:
    spec = EnvironmentSpec(python_version="3.9", system_site_packages=False)
    assert lines(spec, None) == ["python3.9 -m venv --without-pip /cache/venv-1"]


def test_no_index_urls_at_all_mean_no_index() -> None:
    assert "--no-index" in lines(EnvironmentSpec(requirements=("six",), index_urls=()), None)[1]
    assert "--no-index" not in lines(EnvironmentSpec(requirements=("six",)), None)[1]


def test_indexes_are_told_by_variables_because_arguments_are_logged() -> None:
    spec = EnvironmentSpec(requirements=("six",), index_urls=("https://me:secret@one.example", "https://two.example"))
    assert index_variables(spec) == {
        "UV_DEFAULT_INDEX": "https://me:secret@one.example",
        "PIP_INDEX_URL": "https://me:secret@one.example",
        "UV_INDEX": "https://two.example",
        "PIP_EXTRA_INDEX_URL": "https://two.example",
    }
    assert not any("secret" in line for uv in ("/bin/uv", None) for line in lines(spec, uv))


def test_all_that_an_environment_is_made_of_makes_it_another() -> None:
    specs = [
        EnvironmentSpec(),
        EnvironmentSpec(requirements=("six",)),
        EnvironmentSpec(requirements=("six==1.0",)),
        EnvironmentSpec(python_version="3.9"),
        EnvironmentSpec(system_site_packages=False),
        EnvironmentSpec(pip_install_options=("--pre",)),
        EnvironmentSpec(index_urls=()),
        EnvironmentSpec(index_urls=("https://one.example",)),
        EnvironmentSpec(cache_key="again"),
    ]
    assert len({spec.digest for spec in specs}) == len(specs)
    assert EnvironmentSpec(requirements=("six",)).digest == specs[1].digest


def test_environments_are_kept_in_the_workers_cache() -> None:
    assert default_root({"SAILPLANE_CACHE_DIR": "/cache"}) == Path("/cache/environments")
    assert default_root({}).parts[-2:] == ("sailplane", "environments")
