"""What a Docker task's arguments are in the words of the engine's API."""

from typing import Any

import pytest

from sailplane.authoring.exceptions import AirflowException
from sailplane.operators import docker_spec
from sailplane.operators.docker import DockerOperator


def spec(folder: str | None = None, **arguments: Any) -> dict[str, Any]:
    return docker_spec.container(DockerOperator(task_id="box", image="i", **arguments), None, folder)


def test_what_is_not_said_is_left_to_the_engine() -> None:
    assert spec() == {"Image": "i", "Env": [], "Tty": False, "HostConfig": {"CpuShares": 1024}}


def test_limits_and_names_reach_the_engine() -> None:
    made = spec(
        cpus=0.5,
        mem_limit="512m",
        shm_size=1024,
        network_mode="host",
        user=1000,
        working_dir="/work",
        entrypoint="sh -c",
        labels=["a"],
        extra_hosts={"db": "10.0.0.1"},
        log_opts_max_size="10m",
        port_bindings={8080: 80, "53/udp": ("127.0.0.1", 53), 9: [1, 2]},
        ulimits=[{"Name": "nofile", "Soft": 1}],
        cap_add=["NET_ADMIN"],
        privileged=True,
    )
    assert (made["User"], made["WorkingDir"], made["Entrypoint"]) == ("1000", "/work", ["sh", "-c"])
    assert made["Labels"] == {"a": ""}
    assert made["ExposedPorts"] == {"8080/tcp": {}, "53/udp": {}, "9/tcp": {}}
    assert made["HostConfig"] == {
        "CpuShares": 512,
        "Memory": 512 * 1024**2,
        "ShmSize": 1024,
        "NetworkMode": "host",
        "ExtraHosts": ["db:10.0.0.1"],
        "LogConfig": {"Type": "json-file", "Config": {"max-size": "10m"}},
        "PortBindings": {
            "8080/tcp": [{"HostIp": "", "HostPort": "80"}],
            "53/udp": [{"HostIp": "127.0.0.1", "HostPort": "53"}],
            "9/tcp": [{"HostIp": "", "HostPort": "1"}, {"HostIp": "", "HostPort": "2"}],
        },
        "Ulimits": [{"Name": "nofile", "Soft": 1}],
        "CapAdd": ["NET_ADMIN"],
        "Privileged": True,
    }


def test_mounts_are_those_of_dockers_own_package_or_plain_dicts() -> None:
    own = {"Target": "/data", "Source": "vol", "Type": "volume", "ReadOnly": True}
    plain = {"source": "/here", "target": "/there", "type": "bind", "read_only": True}
    made = spec(folder="/tmp/x", mounts=[own, plain])["HostConfig"]["Mounts"]
    assert made == [
        own,
        {"Source": "/here", "Target": "/there", "Type": "bind", "ReadOnly": True},
        {"Source": "/tmp/x", "Target": "/tmp/airflow", "Type": "bind", "ReadOnly": False},
    ]


def test_variables_come_from_the_file_and_over_it_the_others() -> None:
    made = spec(
        env_file="# comment\nA=1\n\n B = 'two words' \nC=x",
        environment={"A": 2, "D": "env"},
        private_environment={"D": "private"},
    )
    assert made["Env"] == ["A=2", "B=two words", "C=x", "D=private"]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (None, None),
        ("echo 'a b' c", ["echo", "a b", "c"]),
        (["echo", 5], ["echo", "5"]),
        ("['sh', '-c', 'exit 1']", ["sh", "-c", "exit 1"]),
        ("[ -f x ]", ["[", "-f", "x", "]"]),
    ],
)
def test_a_command_is_words(given: Any, expected: list[str] | None) -> None:
    assert docker_spec.words(given) == expected


@pytest.mark.parametrize(
    ("given", "expected"), [(5.0, 5), ("100", 100), ("1k", 1024), ("2Gb", 2 * 1024**3), ("0.5g", 512 * 1024**2)]
)
def test_amounts_of_memory(given: Any, expected: int) -> None:
    assert docker_spec.size(given) == expected


def test_wrong_arguments_are_told() -> None:
    with pytest.raises(AirflowException, match="'lots' is no amount of memory"):
        docker_spec.size("lots")
    with pytest.raises(ValueError, match="'box': auto_remove must be one of 'never', 'success', 'force', not True"):
        spec(auto_remove=True)
    with pytest.raises(AirflowException, match="retrieve_output is not supported"):
        spec(retrieve_output=True)
    with pytest.raises(TypeError, match="needs the argument 'image'"):
        DockerOperator(task_id="box")


def test_lines_of_two_streams_are_not_mixed() -> None:
    pieces = [(1, b"on"), (2, b"tw"), (1, b"e\r\nth"), (2, b"o\n"), (1, "ü".encode()[:1]), (1, "ü".encode()[1:])]
    assert list(docker_spec.lines(pieces)) == ["one", "two", "thü"]
