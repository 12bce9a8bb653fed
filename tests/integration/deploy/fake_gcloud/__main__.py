"""The executable: `python -m fake_gcloud STATE_FILE PROGRAM ARGUMENTS`, where PROGRAM is `gcloud` or `curl`.

`install` writes scripts of these names into a folder, to be put on the path.
"""

import fcntl
import json
import sys
from pathlib import Path

from fake_gcloud.cloud import Cloud
from fake_gcloud.program import curl, gcloud


def main(argv: list[str]) -> int:
    state_file, program, *arguments = argv
    standard_input = sys.stdin.read() if program == "curl" else ""
    with open(state_file, "r+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        cloud = Cloud(json.load(file))
        result = curl(cloud, arguments, standard_input) if program == "curl" else gcloud(cloud, arguments)
        _save(file, cloud)
    sys.stdout.write(result.stdout)
    sys.stderr.write(result.stderr)
    return result.code


def _save(file, cloud: Cloud) -> None:  # type: ignore[no-untyped-def]
    file.seek(0)
    json.dump(cloud.state, file)
    file.truncate()
    file.flush()


def install(folder: Path, state_file: Path) -> None:
    """Writes the programs into `folder`."""
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


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
