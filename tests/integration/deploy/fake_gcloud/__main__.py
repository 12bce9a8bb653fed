"""The executable: `python -m fake_gcloud STATE_FILE PROGRAM ARGUMENTS`, where PROGRAM is `gcloud` or `curl`."""

import fcntl
import json
import sys

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


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
