"""Wheels that are made here, so that nothing is fetched."""

import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

MakeWheel = Callable[..., Path]


@pytest.fixture
def wheel(tmp_path: Path) -> MakeWheel:
    """Makes a wheel of one module: `wheel("lift", "1.0", "text of lift.py")`."""

    def make(name: str, version: str, text: str) -> Path:
        path = tmp_path / f"{name}-{version}-py3-none-any.whl"
        info = f"{name}-{version}.dist-info"
        files = {
            f"{name}.py": text,
            f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
            f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
            f"{info}/RECORD": "",
        }
        with zipfile.ZipFile(path, "w") as archive:
            for file, content in files.items():
                archive.writestr(file, content)
        return path

    return make


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The worker's cache folder, new for each test."""
    monkeypatch.setenv("SAILPLANE_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache" / "environments"
