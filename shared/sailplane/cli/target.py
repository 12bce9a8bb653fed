"""Which Sailplane a command talks to."""

import json
from collections.abc import Mapping
from pathlib import Path

from sailplane.model.errors import SettingsError
from sailplane.standalone.place import ENVIRONMENT_FILE, is_held

HOME_VARIABLE = "SAILPLANE_HOME"


def home_of(environment: Mapping[str, str], given: Path | None) -> Path:
    """The folder that is named, or the default one."""
    if given is not None:
        return given.expanduser().absolute()
    if environment.get(HOME_VARIABLE):
        return Path(environment[HOME_VARIABLE]).expanduser().absolute()
    return Path(environment.get("HOME") or "~").expanduser() / ".sailplane"


def target_environment(environment: Mapping[str, str], given: Path | None) -> Mapping[str, str]:
    """The environment of whatever is to be talked to: a home that is named, else what the variables say, else the
    default home. Raises `SettingsError` when nothing is there."""
    if given is None and names_a_cloud(environment):
        return environment
    home = home_of(environment, given)
    file = home / ENVIRONMENT_FILE
    try:
        if not is_held(home):
            raise FileNotFoundError(file)  # A note of one that was killed leads nowhere.
        noted: dict[str, str] = json.loads(file.read_text())
    except FileNotFoundError:
        raise SettingsError(
            f"no standalone runs in {home}. Start one with `sailplane standalone`, or set GOOGLE_CLOUD_PROJECT and "
            "SAILPLANE_BUCKET to talk to a deployment"
        ) from None
    except (OSError, ValueError) as error:
        raise SettingsError(f"{file} cannot be read: {error}; start `sailplane standalone` again") from error
    return {**environment, **noted}


def names_a_cloud(environment: Mapping[str, str]) -> bool:
    """Whether the variables lead to a project: on the emulators, or on Google Cloud."""
    if not environment.get("GOOGLE_CLOUD_PROJECT"):
        return False
    return bool(environment.get("FIRESTORE_EMULATOR_HOST") or environment.get("SAILPLANE_BUCKET"))
