"""A Pub/Sub service as a process: `pubsub_process.py FILE PORT` prints the port it listens on."""

import asyncio
import sys
from pathlib import Path

import grpc.aio

from localcloud.counters import Counters
from localcloud.faults import Faults
from localcloud.pubsub import PubSubService


async def serve(path: Path, port: int) -> None:
    service = PubSubService(path, counters=Counters(), faults=Faults())
    server = grpc.aio.server()
    service.register(server)
    await service.start()
    port = server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    print(port, flush=True)
    await server.wait_for_termination()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]), int(sys.argv[2])))
