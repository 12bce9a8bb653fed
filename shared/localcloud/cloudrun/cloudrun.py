"""All functions of one local cloud."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from localcloud.cloudrun.listener import Listener, new_traceparent
from localcloud.cloudrun.logs import LogFolder
from localcloud.cloudrun.service import RefusedError, Service
from localcloud.cloudrun.spawner import Spawner
from localcloud.cloudrun.spec import FunctionSpec, Spawn
from localcloud.cloudrun.wire import encode_request
from localcloud.cloudrun.zygote import ForkedZygote
from localcloud.counters import Counters
from localcloud.external_http import ExternalHttp
from localcloud.faults import Fault, FaultKind, Faults
from localcloud.ports import PortBook


class CloudRun:
    """Deploys functions, gives each a URL, and takes requests for them."""

    def __init__(
        self,
        *,
        host: str,
        data_dir: Path,
        env: Mapping[str, str],
        ports: PortBook,
        counters: Counters,
        faults: Faults,
        zygote: ForkedZygote | None = None,
    ) -> None:
        """`env` is what every instance inherits; a function's own `env` comes on top."""
        self.services: dict[str, Service] = {}
        self._host = host
        self._log_dir = data_dir / "logs"
        self._env = env
        self._ports = ports
        self._counters = counters
        self._faults = faults
        self._spawner = Spawner(env, zygote)
        self._listeners: dict[str, Listener] = {}
        self._by_address: dict[str, Service] = {}
        self._urls: dict[str, str] = {}
        self._external = ExternalHttp()

    @property
    def zygote_pid(self) -> int | None:
        return self._spawner.zygote_pid

    @property
    def urls(self) -> dict[str, str]:
        return dict(self._urls)

    async def add(self, spec: FunctionSpec) -> str:
        """Deploy a function, in place of one of the same name; its URL."""
        if spec.name in self.services:
            await self.remove(spec.name)
        sock = self._ports.bind(f"function:{spec.name}", self._host, spec.port)
        port: int = sock.getsockname()[1]
        service = Service(
            spec,
            spawner=self._spawner,
            env=self._env,
            log_folder=LogFolder(self._log_dir, spec.name),
            counters=self._counters,
        )
        listener = Listener(service)
        await listener.start(sock)
        self.services[spec.name] = service
        self._listeners[spec.name] = listener
        for address in {f"{self._host}:{port}", f"127.0.0.1:{port}", f"localhost:{port}"}:
            self._by_address[address] = service
        url = self._urls[spec.name] = f"http://{self._host}:{port}/"
        if spec.how_to_spawn is Spawn.FORK:
            self._spawner.warm_up()
        service.ensure_minimum()
        return url

    async def remove(self, name: str) -> None:
        """Stop serving a function. Unknown names are ignored."""
        service = self.services.pop(name, None)
        if service is None:
            return
        self._urls.pop(name, None)
        self._by_address = {key: value for key, value in self._by_address.items() if value is not service}
        await self._listeners.pop(name).close()
        await service.close()

    async def close(self) -> None:
        """Stop all functions, gracefully."""
        await asyncio.gather(*(service.close() for service in self.services.values()))
        for name in list(self.services):
            await self.remove(name)
        await self._spawner.close()
        await self._external.close()

    async def push(self, url: str, body: bytes, headers: Mapping[str, str], timeout: float) -> int:
        """POST for Pub/Sub: straight to an instance when `url` is one of ours. The HTTP status; 503 without answer.

        Raises TimeoutError when `timeout` is over; the instance works on, see `Service.exchange`.
        """
        return (await self.request("POST", url, headers=headers, body=body, timeout=timeout))[0]

    async def request(
        self, method: str, url: str, *, headers: Mapping[str, str], body: bytes, timeout: float
    ) -> tuple[int, bytes]:
        """Status and body of the answer to one request, without the hop through a listener where that is possible.

        Raises TimeoutError when `timeout` is over.
        """
        parts = urlsplit(url)
        service = self._by_address.get(parts.netloc)
        if service is None:
            return await self._external.request(method, url, headers=headers, body=body, timeout=timeout)
        target = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
        lines = [("Host", parts.netloc), *headers.items()]
        if "traceparent" not in headers:
            lines.append(("traceparent", new_traceparent()))
        return await self._call(service, encode_request(method, target, lines, body), timeout)

    async def _call(self, service: Service, message: bytes, timeout: float) -> tuple[int, bytes]:
        self._counters.add("cloudrun.requests")
        fault = self._faults.take(f"cloudrun.{service.spec.name}") if self._faults.pending else None
        if fault is not None and await _fails_before(fault):
            return _status(fault), b""
        try:
            async with service.exchange(message, timeout=timeout) as reply:
                body = await reply.body()
        except RefusedError as refusal:
            if refusal.gave_up:
                raise TimeoutError(refusal.reason) from refusal
            return refusal.status, refusal.reason.encode()
        if fault is not None and fault.kind is FaultKind.LOST_ANSWER:
            return _status(fault), b""
        return reply.status, body


async def _fails_before(fault: Fault) -> bool:
    if fault.kind is FaultKind.LATENCY:
        await asyncio.sleep(fault.seconds)
    return fault.kind is FaultKind.ERROR


def _status(fault: Fault) -> int:
    return int(fault.status) if fault.status.isdigit() else 503
