import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import sailplane
from sailplane.compat.airflow import advice, finder, names

EVERY_NAME = [(module, name) for module in sorted(names.modules()) for name in names.modules()[module]]


def test_every_name_that_the_tables_promise_is_there() -> None:
    promised = [(module, name, names.find(module, name)) for module, name in EVERY_NAME]
    broken = []
    for module, name, target in promised:
        try:
            assert target is None or target.load() is not None
        except (ImportError, AttributeError) as error:
            broken.append(f"{module}.{name}: {error}")
    assert broken == []


def test_no_name_is_hidden_by_a_module_of_the_same_name() -> None:
    assert [f"{module}.{name}" for module, name in EVERY_NAME if names.is_module(f"{module}.{name}")] == []


def test_every_module_of_the_tables_can_be_imported() -> None:
    for module in names.modules():
        assert importlib.import_module(module).__name__ == module


def test_names_are_the_same_objects_wherever_they_are_imported_from() -> None:
    from airflow import DAG
    from airflow.models.dag import DAG as classic
    from airflow.sdk import DAG as current

    assert DAG is classic is current is sailplane.DAG


def test_modules_are_reached_as_attributes_too() -> None:
    import airflow

    assert airflow.operators.bash.BashOperator is sailplane.BashOperator
    assert airflow.__version__.split(".")[0] == "3"
    assert "BashOperator" in dir(airflow.operators.bash)


def test_a_star_takes_what_is_there() -> None:
    taken: dict[str, object] = {}
    exec("from airflow.sdk import *", taken)
    assert taken["DAG"] is sailplane.DAG
    assert "macros" in taken


def test_a_missing_name_is_refused_with_what_to_use() -> None:
    with pytest.raises(ImportError, match=r"does not have airflow\.listeners: it has no listeners; use callbacks"):
        importlib.import_module("airflow.listeners")
    with pytest.raises(ImportError, match=r"airflow\.models\.nothing.* see docs/airflow-differences\.md"):
        from airflow.models import nothing  # noqa: F401


def test_a_missing_provider_names_the_client_to_use() -> None:
    with pytest.raises(ModuleNotFoundError, match=r"airflow\.providers\.amazon.*use boto3"):
        importlib.import_module("airflow.providers.amazon.aws.operators.s3")


def test_a_fallback_around_an_import_is_taken() -> None:
    try:
        from airflow.providers.cncf.kubernetes.operators.pod import KubernetesPodOperator
    except ImportError:
        KubernetesPodOperator = None
    assert KubernetesPodOperator is None


def test_each_missing_name_has_advice() -> None:
    missing = [f"{module}.{name}" for module, name in EVERY_NAME if names.find(module, name) is None]
    assert [path for path in missing if "airflow-differences.md" not in advice.for_path(path)] == []


def test_a_folder_named_airflow_is_not_airflow(tmp_path: Path) -> None:
    (tmp_path / "airflow" / "dags").mkdir(parents=True)
    finder.is_airflow_installed.cache_clear()
    sys.path.insert(0, str(tmp_path))
    from airflow.sdk import DAG

    assert DAG is sailplane.DAG


def test_airflow_itself_is_left_alone_where_it_is_installed(tmp_path: Path) -> None:
    package = tmp_path / "airflow"
    package.mkdir()
    (package / "__init__.py").write_text("DAG = 'the real one'")
    script = "from sailplane.compat.airflow import finder; finder.install(); import airflow; print(airflow.DAG)"
    path = f"{tmp_path}:{Path(sailplane.__file__).parents[1]}"
    assert printed(script, path) == "the real one\n"


def test_a_process_that_does_not_import_airflow_pays_nothing() -> None:
    script = "import sys; from sailplane.authoring import loading; print([m for m in sys.modules if 'paths' in m])"
    path = str(Path(sailplane.__file__).parents[1])
    assert printed(script, path) == "[]\n"


def printed(script: str, path: str) -> str:
    """What a new process with this PYTHONPATH prints."""
    done = subprocess.run(
        [sys.executable, "-c", script], env={"PYTHONPATH": path}, capture_output=True, text=True, check=True
    )
    return done.stdout
