"""Puts the programs on a path."""

import sys
from pathlib import Path


def install(folder: Path, state_file: Path) -> None:
    """Writes `gcloud` and `curl` into `folder`; both work on the project in `state_file`."""
    folder.mkdir(parents=True, exist_ok=True)
    package = Path(__file__).parents[1]
    for program in ("gcloud", "curl"):
        script = folder / program
        script.write_text(
            f"#!{sys.executable} -SE\nimport sys\nsys.path.insert(0, {str(package)!r})\n"
            "from fake_gcloud.__main__ import main\n"
            f"sys.exit(main([{str(state_file)!r}, {program!r}, *sys.argv[1:]]))\n"
        )
        script.chmod(0o755)
