"""Credentials for Google Cloud."""

from pathlib import Path

import pytest

from sailplane.cloud.channels import check_credentials
from sailplane.cloud.settings import Settings
from sailplane.model.errors import SettingsError

EMULATORS = {
    "FIRESTORE_EMULATOR_HOST": "127.0.0.1:1",
    "PUBSUB_EMULATOR_HOST": "127.0.0.1:2",
    "STORAGE_EMULATOR_HOST": "http://127.0.0.1:3",
}


def settings(**variables: str) -> Settings:
    return Settings.from_mapping({"GOOGLE_CLOUD_PROJECT": "p", **variables})


def test_emulators_ask_for_no_credentials() -> None:
    check_credentials(settings(**EMULATORS))


def test_who_has_no_credentials_is_told_how_to_log_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "none.json"))
    with pytest.raises(SettingsError, match="gcloud auth application-default login"):
        check_credentials(settings())
