"""Tasks that run a container on a Docker engine."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cached_property
from tempfile import TemporaryDirectory
from typing import Any, ClassVar

from sailplane.authoring.exceptions import AirflowException, AirflowSkipException
from sailplane.authoring.operator import BaseOperator
from sailplane.hooks.docker import DockerError, DockerHook, Tls
from sailplane.operators import docker_spec
from sailplane.operators.docker_spec import AutoRemove, DockerArguments

LINES_KEPT = 1000
"""Lines of a container's output that an error carries."""


class DockerContainerFailedException(AirflowException):
    """The container exited with a code other than 0."""

    def __init__(self, message: str | None = None, logs: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.logs = list(logs)


class DockerOperator(DockerArguments, BaseOperator):
    """Runs `command` in a container made from `image`; the last line of its output is the task's XCom.

    With `xcom_all` it is the list of all lines. An exit code other than 0 fails the task, one of `skip_on_exit_code`
    skips it. `docker_url` says where the engine is: by default `DOCKER_HOST`, or the socket of this machine. Mounts and
    device requests are those of Docker's own Python package, or dicts with the API's keys. A folder of the task's own
    is mounted at `tmp_dir`, and `AIRFLOW_TMP_DIR` names it, unless `mount_tmp_dir` is false.
    """

    template_fields: Sequence[str] = (
        "image",
        "command",
        "environment",
        "private_environment",
        "env_file",
        "container_name",
        "mounts",
    )
    template_fields_renderers: ClassVar[Mapping[str, str]] = {"env_file": "yaml"}
    template_ext: Sequence[str] = (".sh", ".bash", ".env")

    def __init__(
        self,
        *,
        image: str,
        api_version: str | None = None,
        command: str | Sequence[str] | None = None,
        container_name: str | None = None,
        cpus: float = 1.0,
        docker_url: str | Sequence[str] | None = None,
        environment: Mapping[str, Any] | None = None,
        private_environment: Mapping[str, Any] | None = None,
        env_file: str | None = None,
        force_pull: bool = False,
        mem_limit: float | str | None = None,
        host_tmp_dir: str | None = None,
        network_mode: str | None = None,
        tls_ca_cert: str | None = None,
        tls_client_cert: str | None = None,
        tls_client_key: str | None = None,
        tls_verify: bool = True,
        tls_hostname: str | bool | None = None,
        mount_tmp_dir: bool = True,
        tmp_dir: str = "/tmp/airflow",
        user: str | int | None = None,
        mounts: Sequence[Mapping[str, Any]] | None = None,
        entrypoint: str | Sequence[str] | None = None,
        working_dir: str | None = None,
        xcom_all: bool = False,
        docker_conn_id: str | None = None,
        dns: Sequence[str] | None = None,
        dns_search: Sequence[str] | None = None,
        auto_remove: str = AutoRemove.NEVER,
        shm_size: int | str | None = None,
        tty: bool = False,
        hostname: str | None = None,
        privileged: bool = False,
        cap_add: Sequence[str] | None = None,
        extra_hosts: Mapping[str, str] | None = None,
        retrieve_output: bool = False,
        retrieve_output_path: str | None = None,
        timeout: int = 60,
        device_requests: Sequence[Mapping[str, Any]] | None = None,
        log_opts_max_size: str | None = None,
        log_opts_max_file: str | None = None,
        ipc_mode: str | None = None,
        skip_on_exit_code: int | Collection[int] | None = None,
        port_bindings: Mapping[str, Any] | None = None,
        ulimits: Sequence[Mapping[str, Any]] | None = None,
        labels: Mapping[str, str] | Sequence[str] | None = None,
        **kwargs: Any,
    ) -> None:
        given = {name: value for name, value in locals().items() if name not in ("self", "kwargs", "__class__")}
        super().__init__(**kwargs)
        vars(self).update(given)
        codes = skip_on_exit_code
        self.skip_on_exit_code = frozenset(() if codes is None else {codes} if isinstance(codes, int) else codes)
        self.removal = docker_spec.auto_remove(self.task_id, auto_remove)
        if retrieve_output:
            raise AirflowException(
                f"task {self.task_id!r}: retrieve_output is not supported, as its file is a pickle; print the result, "
                "or use @task.docker"
            )
        self._container: str | None = None

    @cached_property
    def hook(self) -> DockerHook:
        """The engine."""
        url = self.docker_url if isinstance(self.docker_url, str | None) else next(iter(self.docker_url), None)
        is_secure = self.tls_ca_cert or self.tls_client_cert
        tls = Tls(
            ca_cert=self.tls_ca_cert,
            client_cert=self.tls_client_cert,
            client_key=self.tls_client_key,
            verify=self.tls_verify,
            hostname=self.tls_hostname,
        )
        return DockerHook(self.docker_conn_id, url, self.api_version, tls if is_secure else None, self.timeout)

    def execute(self, context: Mapping[str, Any]) -> Any:
        lines = self.run_container(docker_spec.words(self.command))
        if not lines:
            return None
        return lines if self.xcom_all else lines[-1]

    def run_container(self, command: Sequence[str] | None) -> list[str]:
        """Run the container to its end; returns what it printed. Raises what the exit code says."""
        self._fetch_image()
        with self._made(command) as container:
            self.prepare(container)
            self.hook.start(container)
            lines = self._follow(container)
            code = self.hook.wait(container)
            if code in self.skip_on_exit_code:
                raise AirflowSkipException(f"Docker container returned exit code {code}. Skipping.")
            if code != 0:
                raise DockerContainerFailedException(self.reason(container, code), lines[-LINES_KEPT:])
            self.finish(container)
            return lines

    def prepare(self, container: str) -> None:
        """What is done with the container before it starts."""

    def finish(self, container: str) -> None:
        """What is done with the container after it has succeeded."""

    def reason(self, container: str, code: int) -> str:
        """What the task's error says of a container that failed."""
        return f"Docker container failed: it exited with code {code}"

    def on_kill(self) -> None:
        if self._container is not None:
            self.log.info("Stopping docker container")
            self.hook.stop(self._container)

    def _fetch_image(self) -> None:
        if self.force_pull or not self.hook.has_image(self.image):
            self.log.info("Pulling docker image %s", self.image)
            for line in self.hook.pull(self.image):
                self.log.info("%s", line)

    @contextmanager
    def _made(self, command: Sequence[str] | None) -> Iterator[str]:
        """A container that has not started; removed afterwards as `auto_remove` says, stopped when the block fails."""
        with self._own_folder() as folder:
            self._container = container = self._create(command, folder)
            has_succeeded = False
            try:
                yield container
                has_succeeded = True
            finally:
                self._container = None
                self._leave(container, has_succeeded)

    def _leave(self, container: str, has_succeeded: bool) -> None:
        if self.removal is AutoRemove.FORCE or (has_succeeded and self.removal is AutoRemove.SUCCESS):
            self.hook.remove(container, force=True)
        elif not has_succeeded:
            with suppress(AirflowException):  # The task fails anyway, for its own reason.
                self.hook.stop(container)

    @contextmanager
    def _own_folder(self) -> Iterator[str | None]:
        if not self.mount_tmp_dir:
            yield None
            return
        with TemporaryDirectory(prefix="airflowtmp", dir=self.host_tmp_dir) as folder:
            yield folder

    def _create(self, command: Sequence[str] | None, folder: str | None) -> str:
        """An engine on another machine cannot mount a folder of this one: then it is done without, as in Airflow."""
        try:
            return self.hook.create(docker_spec.container(self, command, folder), self.container_name)
        except DockerError as error:
            if folder is None or folder not in error.reason:
                raise
            self.log.warning(
                "Using remote engine or docker-in-docker and mounting temporary volume from host is not supported. "
                "Please set `mount_tmp_dir` parameter to False to avoid this warning"
            )
            return self.hook.create(docker_spec.container(self, command, None), self.container_name)

    def _follow(self, container: str) -> list[str]:
        lines: list[str] = []
        for line in docker_spec.lines(self.hook.logs(container, tty=self.tty)):
            self.log.info("%s", line)
            lines.append(line)
        return lines
