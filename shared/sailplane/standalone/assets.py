"""Files that come with Sailplane: the functions, the example DAGs and the list of Firestore indexes."""

from pathlib import Path

from sailplane.model.errors import SettingsError

_PACKAGE = Path(__file__).resolve().parents[1]
_SOURCE_TREE = _PACKAGE.parents[1]


def functions_folder() -> Path:
    """Where `tick`, `worker`, `events` and `web` lie: in the installed package, or in the source tree."""
    return _find("_functions", "functions", "tick/main.py")


def example_dags() -> Path:
    """The folder of the example DAGs."""
    return _find("_dags", "dags", "weather_report.py")


def example_data(name: str) -> Path:
    """A data file that the example DAGs work on."""
    return example_dags() / "data" / name


def indexes_file() -> Path:
    """The indexes that a deployment has: a query that needs another one is refused here as there."""
    return infra_folder() / "firestore.indexes.json"


def infra_folder() -> Path:
    """Where the indexes are, and in `monitoring` the alert policies."""
    return _find("_infra", "infra", "firestore.indexes.json")


def import_path() -> str:
    """The folder from which `sailplane` is imported, for processes that are started from here."""
    return str(_PACKAGE.parent)


def _find(packaged: str, in_tree: str, proof: str) -> Path:
    for folder in (_PACKAGE / packaged, _SOURCE_TREE / in_tree):
        if (folder / proof).is_file():
            return folder
    raise SettingsError(f"this installation lacks {in_tree}/{proof}; install Sailplane again")
