"""Which `sailplane.toml` counts, for every command alike."""

from pathlib import Path

from sailplane.deploy.config import CONFIG_FILE
from sailplane.model.errors import SettingsError


def settings_file(given: Path | None, dags: Path | None, desk: Path | None = None) -> Path | None:
    """The file that was named; else the one in `desk` (the current folder), in the DAG folder or beside that.

    None when there is none. Raises `SettingsError` when there are several: one that is passed over in silence would be
    missed.
    """
    if given is not None:
        return given
    folders = [desk, dags, dags.absolute().parent if dags is not None else None]
    files = [folder / CONFIG_FILE for folder in folders if folder is not None]
    found = {file.resolve(): file for file in reversed(files) if file.is_file()}
    if len(found) > 1:
        raise SettingsError(f"there is more than one: {', '.join(map(str, found.values()))}; name one with --config")
    return next(iter(found.values()), None)
