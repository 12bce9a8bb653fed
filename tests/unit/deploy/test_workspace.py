from pathlib import Path

import pytest

from sailplane.deploy.workspace import held
from sailplane.model.errors import SettingsError


def test_two_deployments_do_not_work_in_one_folder_at_once(tmp_path: Path) -> None:
    with held(tmp_path / "work"):
        with pytest.raises(SettingsError, match="--workspace"), held(tmp_path / "work"):
            pass
        with held(tmp_path / "other"):
            pass
    with held(tmp_path / "work"):
        pass
