"""The admin endpoint: counters, faults, functions and scheduler jobs over HTTP."""

import asyncio
import socket
from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from aiohttp import web

from localcloud.cloudrun import logs
from localcloud.cloudrun.service import Service
from localcloud.faults import Fault, FaultKind

if TYPE_CHECKING:
    from localcloud.server import LocalCloud


class Admin:
    """Serves one local cloud's inner state."""

    def __init__(self, cloud: "LocalCloud") -> None:
        self._cloud = cloud
        self._runner: web.AppRunner | None = None

    async def start(self, sock: socket.socket) -> None:
        app = web.Application()
        app.add_routes(
            [
                web.get("/health", self._health),
                web.get("/counters", self._counters),
                web.post("/counters/reset", self._reset_counters),
                web.get("/faults", self._list_faults),
                web.post("/faults", self._inject_fault),
                web.delete("/faults", self._clear_faults),
                web.get("/functions", self._functions),
                web.post("/functions/{name}/stop", self._stop_function),
                web.get("/functions/{name}/logs", self._function_logs),
                web.get("/scheduler/jobs", self._jobs),
                web.post("/scheduler/jobs/{name}/{verb:run|pause|resume}", self._act_on_job),
            ]
        )
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=0.5)
        await self._runner.setup()
        await web.SockSite(self._runner, sock).start()

    async def close(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _health(self, _request: web.Request) -> web.Response:
        endpoints = self._cloud.endpoints
        return web.json_response({"status": "ok", "endpoints": {**asdict(endpoints)}})

    async def _counters(self, _request: web.Request) -> web.Response:
        return web.json_response(self._cloud.counters.snapshot())

    async def _reset_counters(self, _request: web.Request) -> web.Response:
        self._cloud.counters.reset()
        return web.json_response({})

    async def _list_faults(self, _request: web.Request) -> web.Response:
        return web.json_response([asdict(fault) for fault in self._cloud.faults.pending])

    async def _inject_fault(self, request: web.Request) -> web.Response:
        fields = await request.json()
        try:
            fault = Fault(**{**fields, "kind": FaultKind(fields["kind"])})
        except (KeyError, TypeError, ValueError) as error:
            raise web.HTTPBadRequest(text=f"not a fault: {error}") from error
        self._cloud.faults.inject(fault)
        return web.json_response(asdict(fault), status=201)

    async def _clear_faults(self, _request: web.Request) -> web.Response:
        self._cloud.faults.clear()
        return web.json_response([])

    async def _functions(self, _request: web.Request) -> web.Response:
        run = self._cloud.cloud_run
        described = {name: {"url": run.urls[name], **_describe(service)} for name, service in run.services.items()}
        return web.json_response({"functions": described, "zygote_pid": run.zygote_pid})

    async def _stop_function(self, request: web.Request) -> web.Response:
        return web.json_response({"stopped": await self._service(request).stop_instances()})

    async def _function_logs(self, request: web.Request) -> web.Response:
        lines = int(request.query.get("lines", "200"))
        texts = [f"==> {path.name} <==\n{logs.tail(path, lines)}" for path in self._service(request).log_files()]
        return web.Response(text="\n".join(texts) + "\n")

    async def _jobs(self, _request: web.Request) -> web.Response:
        return web.json_response(self._cloud.scheduler.describe())

    async def _act_on_job(self, request: web.Request) -> web.Response:
        scheduler, name = self._cloud.scheduler, request.match_info["name"]
        verbs: dict[str, Callable[[str], Any]] = {"pause": scheduler.pause, "resume": scheduler.resume}
        try:
            if request.match_info["verb"] == "run":
                return web.json_response({"status": await scheduler.run_now(name)})
            verbs[request.match_info["verb"]](name)
        except KeyError as error:
            raise web.HTTPNotFound(text=f"no scheduler job {name!r}") from error
        return web.json_response({})

    def _service(self, request: web.Request) -> Service:
        name = request.match_info["name"]
        service = self._cloud.cloud_run.services.get(name)
        if service is None:
            raise web.HTTPNotFound(text=f"no function {name!r}")
        return service


def _describe(service: Service) -> dict[str, Any]:
    now = asyncio.get_running_loop().time()
    return {
        "waiting": service.waiting,
        "concurrency": service.spec.concurrency,
        "max_instances": service.spec.max_instances,
        "instances": [
            {
                "id": instance.id,
                "state": instance.state.value,
                "pid": instance.pid,
                "active": instance.active,
                "served": instance.served,
                "idle_seconds": None if instance.active else round(now - instance.idle_since, 3),
                "log": str(instance.log_path),
            }
            for instance in service.instances
        ],
    }
