"""What a Docker task's arguments are in the words of the engine's API. Nothing here talks to an engine."""

import ast
import codecs
import shlex
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any

from sailplane.authoring.exceptions import AirflowException

_UNITS = {"b": 1, "k": 1024, "m": 1024**2, "g": 1024**3, "t": 1024**4}
_API_MOUNT = {"source": "Source", "target": "Target", "type": "Type", "read_only": "ReadOnly"}


class AutoRemove(StrEnum):
    """When a container that has ended is removed."""

    NEVER = "never"
    SUCCESS = "success"
    FORCE = "force"
    """Always."""


class DockerArguments:
    """What a `DockerOperator` is made with, as attributes of it."""

    image: str
    api_version: str | None
    command: str | Sequence[str] | None
    container_name: str | None
    cpus: float
    docker_url: str | Sequence[str] | None
    environment: Mapping[str, Any] | None
    private_environment: Mapping[str, Any] | None
    env_file: str | None
    force_pull: bool
    mem_limit: float | str | None
    host_tmp_dir: str | None
    network_mode: str | None
    tls_ca_cert: str | None
    tls_client_cert: str | None
    tls_client_key: str | None
    tls_verify: bool
    tls_hostname: str | bool | None
    mount_tmp_dir: bool
    tmp_dir: str
    user: str | int | None
    mounts: Sequence[Mapping[str, Any]] | None
    entrypoint: str | Sequence[str] | None
    working_dir: str | None
    xcom_all: bool
    docker_conn_id: str | None
    dns: Sequence[str] | None
    dns_search: Sequence[str] | None
    auto_remove: str
    shm_size: int | str | None
    tty: bool
    hostname: str | None
    privileged: bool
    cap_add: Sequence[str] | None
    extra_hosts: Mapping[str, str] | None
    retrieve_output: bool
    retrieve_output_path: str | None
    timeout: int
    device_requests: Sequence[Mapping[str, Any]] | None
    log_opts_max_size: str | None
    log_opts_max_file: str | None
    ipc_mode: str | None
    skip_on_exit_code: frozenset[int]
    port_bindings: Mapping[str, Any] | None
    ulimits: Sequence[Mapping[str, Any]] | None
    labels: Mapping[str, str] | Sequence[str] | None


def auto_remove(task_id: str, given: Any) -> AutoRemove:
    try:
        return AutoRemove(given)
    except ValueError:
        known = ", ".join(repr(str(each)) for each in AutoRemove)
        raise ValueError(f"task {task_id!r}: auto_remove must be one of {known}, not {given!r}") from None


def container(task: DockerArguments, command: Sequence[str] | None, folder: str | None) -> dict[str, Any]:
    """The body of `containers/create` for a `DockerOperator`; `folder` is mounted at its `tmp_dir`."""
    spec: dict[str, Any] = {
        "Image": task.image,
        "Cmd": command,
        "Env": environment(task, folder),
        "User": None if task.user is None else str(task.user),
        "WorkingDir": task.working_dir,
        "Entrypoint": words(task.entrypoint),
        "Tty": task.tty,
        "Hostname": task.hostname,
        "Labels": _labels(task.labels),
        "ExposedPorts": {_port(port): {} for port in task.port_bindings} if task.port_bindings else None,
        "HostConfig": _without_nothing(_host(task, folder)),
    }
    return _without_nothing(spec)


def _host(task: DockerArguments, folder: str | None) -> dict[str, Any]:
    own = [{"Target": task.tmp_dir, "Source": folder, "Type": "bind", "ReadOnly": False}] if folder else []
    logging = {"max-size": task.log_opts_max_size, "max-file": task.log_opts_max_file}
    options = {name: value for name, value in logging.items() if value is not None}
    return {
        "Mounts": [_mount(each) for each in task.mounts or ()] + own or None,
        "NetworkMode": task.network_mode,
        "ShmSize": size(task.shm_size),
        "Memory": size(task.mem_limit),
        "CpuShares": round(task.cpus * 1024),
        "Dns": task.dns,
        "DnsSearch": task.dns_search,
        "CapAdd": task.cap_add,
        "ExtraHosts": [f"{name}:{place}" for name, place in task.extra_hosts.items()] if task.extra_hosts else None,
        "Privileged": task.privileged or None,
        "DeviceRequests": task.device_requests,
        "LogConfig": {"Type": "json-file", "Config": options} if options else None,
        "IpcMode": task.ipc_mode,
        "PortBindings": {_port(port): _bindings(to) for port, to in (task.port_bindings or {}).items()} or None,
        "Ulimits": task.ulimits,
    }


def environment(task: DockerArguments, folder: str | None) -> list[str]:
    """`NAME=value`: of the file, then over it the others, as in Airflow."""
    values = {
        **_of_file(task.env_file),
        **(task.environment or {}),
        **(task.private_environment or {}),
        **({"AIRFLOW_TMP_DIR": task.tmp_dir} if folder else {}),
    }
    return [f"{name}={value}" for name, value in values.items()]


def _of_file(text: str | None) -> dict[str, str]:
    """Of the rendered text of an `env_file`: a variable a line, comments begin with `#`."""
    pairs = (line.strip().partition("=") for line in (text or "").splitlines())
    return {name.strip(): value.strip().strip("\"'") for name, _, value in pairs if name and not name.startswith("#")}


def words(command: str | Sequence[str] | None) -> list[str] | None:
    """A command as the list of its words. A text that is a list, as rendered templates are, is that list."""
    if command is None or not isinstance(command, str):
        return None if command is None else [str(word) for word in command]
    if command.strip().startswith("["):
        try:
            return [str(word) for word in ast.literal_eval(command)]
        except (ValueError, SyntaxError):
            pass
    return shlex.split(command)


def size(given: float | str | None) -> int | None:
    """Bytes of `512m`, `1g` or a number. Raises `AirflowException`."""
    if given is None or not isinstance(given, str):
        return None if given is None else int(given)
    text = given.strip().lower().removesuffix("b") or "b"
    unit = text[-1] if text[-1] in _UNITS else ""
    try:
        return int(float(text.removesuffix(unit)) * _UNITS[unit or "b"])
    except ValueError:
        raise AirflowException(f"{given!r} is no amount of memory: write 512m or 2g") from None


def lines(pieces: Iterable[tuple[int, bytes]]) -> Iterator[str]:
    """The lines of a container's output; those of different streams are not mixed."""
    decoders: defaultdict[int, codecs.IncrementalDecoder] = defaultdict(
        lambda: codecs.getincrementaldecoder("utf-8")("backslashreplace")
    )
    rests: dict[int, str] = {}
    for stream, piece in pieces:
        text = rests.get(stream, "") + decoders[stream].decode(piece)
        *complete, rests[stream] = text.split("\n")
        yield from (line.rstrip("\r") for line in complete)
    for stream, rest in rests.items():
        last = rest + decoders[stream].decode(b"", final=True)
        if last:
            yield last.rstrip("\r")


def _mount(given: Mapping[str, Any]) -> dict[str, Any]:
    mount = {_API_MOUNT.get(name, name): value for name, value in given.items()}
    return {"Type": "volume", **mount}


def _labels(given: Mapping[str, str] | Sequence[str] | None) -> dict[str, str] | None:
    return None if given is None else dict(given) if isinstance(given, Mapping) else dict.fromkeys(given, "")


def _port(port: Any) -> str:
    return str(port) if "/" in str(port) else f"{port}/tcp"


def _bindings(given: Any) -> list[dict[str, str]]:
    if isinstance(given, list):
        return [binding for each in given for binding in _bindings(each)]
    host, port = given if isinstance(given, tuple) else ("", given)
    return [{"HostIp": str(host), "HostPort": "" if port is None else str(port)}]


def _without_nothing(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}
