"""`python -m localcloud --data-dir DIR`: serve until SIGINT or SIGTERM."""

import argparse
import asyncio
import signal
import sys
from pathlib import Path

from localcloud.config import DEFAULT_PROJECT, LocalCloudConfig
from localcloud.server import LocalCloud


def parse(arguments: list[str]) -> LocalCloudConfig:
    parser = argparse.ArgumentParser(prog="python -m localcloud", description="Google Cloud's parts on one machine.")
    parser.add_argument("--data-dir", type=Path, required=True, help="where all data is kept")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--project", default=DEFAULT_PROJECT, help="the project id to announce")
    for part in ("firestore", "pubsub", "storage", "admin", "run"):
        parser.add_argument(f"--{part}-port", type=int, default=0, help="default: the last one used, or a free one")
    parser.add_argument("--indexes", type=Path, help="a firestore.indexes.json; undeclared indexes are refused")
    parser.add_argument("--bucket", dest="buckets", action="append", default=[], help="a bucket to make at the start")
    fields = vars(parser.parse_args(arguments))
    return LocalCloudConfig(**{**fields, "buckets": tuple(fields["buckets"]), "data_dir": fields["data_dir"].resolve()})


async def serve(config: LocalCloudConfig) -> None:
    """Serve until told to stop."""
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, told.set)
    cloud = LocalCloud(config)
    await cloud.start()
    for name, value in cloud.environment().items():
        sys.stdout.write(f"export {name}={value}\n")
    sys.stdout.flush()
    await told.wait()
    await cloud.stop()


def main() -> None:
    try:
        asyncio.run(serve(parse(sys.argv[1:])))
    except OSError as error:
        sys.exit(f"localcloud: {error.strerror or error}")


if __name__ == "__main__":
    main()
