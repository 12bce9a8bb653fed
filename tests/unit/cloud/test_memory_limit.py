"""The setting for memory, as Google Cloud and Kubernetes write sizes."""

import pytest

from sailplane.cloud.settings import Settings
from sailplane.model.errors import SettingsError


def limit(text: str) -> int | None:
    return Settings.from_mapping({"GOOGLE_CLOUD_PROJECT": "p", "SAILPLANE_MEMORY_LIMIT": text}).memory_limit


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("", None),
        ("512Mi", 512 * 1024**2),
        ("2Gi", 2 * 1024**3),
        ("1G", 10**9),
        ("300M", 3 * 10**8),
        ("1048576", 2**20),
    ],
)
def test_a_size_is_read(text: str, size: int | None) -> None:
    assert limit(text) == size


@pytest.mark.parametrize("text", ["much", "512MiB", "-1Gi", "0", "1.5Gi", "Gi"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match="SAILPLANE_MEMORY_LIMIT="):
        limit(text)
