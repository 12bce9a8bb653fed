"""Functions, over their URLs, in real functions-framework processes."""

import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from localcloud import LocalCloudThread, Spawn

SOURCE = Path(__file__).parent / "function_under_test.py"
PRELOAD = ("flask",)
Deploy = Callable[..., Any]


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def is_gone(pid: int) -> bool:
    """Whether a process has ended, be it reaped already or not."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@pytest.mark.parametrize("spawn", list(Spawn))
def test_a_request_starts_an_instance_and_is_answered_by_it(deploy: Deploy, spawn: Spawn) -> None:
    function = deploy("echo", spawn=spawn, env={"COLOUR": "blue"}, concurrency=3)
    assert function.pids() == []
    answer = httpx.post(f"{function.url}some/path?a=1&b=%20x", content="hello", headers={"X-Mine": "yes"}, timeout=60)
    told = answer.json()
    assert (told["method"], told["path"], told["body"]) == ("POST", "/some/path?a=1&b=%20x", "hello")
    assert told["headers"]["x-mine"] == "yes"
    assert told["headers"]["x-forwarded-for"] == "127.0.0.1"
    assert function.url == f"http://{told['headers']['x-forwarded-host']}/"
    assert told["headers"]["traceparent"].startswith("00-")
    environment = told["env"]
    assert (environment["COLOUR"], environment["K_SERVICE"], environment["THREADS"]) == ("blue", function.name, "3")
    assert environment["FIRESTORE_EMULATOR_HOST"] == function.cloud.endpoints.firestore
    assert told["cwd"] == str(SOURCE.parent)
    assert told["argv"][0] == "functions-framework"
    assert function.pids() == [told["parent"]]


def test_a_trace_that_came_in_goes_on(deploy: Deploy) -> None:
    traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    answer = httpx.get(deploy("echo").url, headers={"traceparent": traceparent}, timeout=60)
    assert answer.json()["headers"]["traceparent"] == traceparent


def test_status_headers_and_body_are_passed_on(deploy: Deploy) -> None:
    answer = httpx.get(deploy("speak").url, timeout=60)
    assert (answer.status_code, answer.text, answer.headers["X-Tone"]) == (418, "spoken", "soft")


def test_head_requests_have_the_headers_and_no_body(deploy: Deploy) -> None:
    answer = httpx.head(deploy("speak").url, timeout=60)
    assert (answer.status_code, answer.content, answer.headers["Content-Length"]) == (418, b"", "6")


def test_large_bodies_pass_in_both_directions(deploy: Deploy) -> None:
    answer = httpx.post(deploy("large").url, content=b"x" * 20_000_000, timeout=60)
    assert answer.headers["X-Received"] == "20000000"
    assert answer.headers["Content-Type"] == "application/x-pieces"
    assert answer.content == b"".join(bytes([number]) * 65_536 for number in range(100))


def test_a_request_over_32_mib_is_refused(deploy: Deploy) -> None:
    assert httpx.post(deploy("large").url, content=b"x" * (32 * 1024 * 1024 + 1), timeout=60).status_code == 413


def _sleep_at_once(function: Any, requests: int, seconds: float) -> list[httpx.Response]:
    with ThreadPoolExecutor(requests) as pool:
        return list(pool.map(lambda _: httpx.get(f"{function.url}?seconds={seconds}", timeout=60), range(requests)))


def test_an_instance_works_on_as_many_requests_at_once_as_its_concurrency(deploy: Deploy) -> None:
    function = deploy("sleep", concurrency=4, max_instances=1)
    answers = [answer.json() for answer in _sleep_at_once(function, 8, 0.3)]
    assert len({answer["pid"] for answer in answers}) == 1
    assert max(answer["most"] for answer in answers) == 4


def test_more_instances_start_as_they_fill_up_to_the_maximum(deploy: Deploy) -> None:
    function = deploy("sleep", concurrency=1, max_instances=3)
    answers = [answer.json() for answer in _sleep_at_once(function, 6, 0.4)]
    assert len({answer["pid"] for answer in answers}) == 3
    assert {answer["most"] for answer in answers} == {1}


def test_who_waits_too_long_for_room_is_told_429(deploy: Deploy) -> None:
    function = deploy("sleep", max_instances=1, queue_timeout=timedelta(seconds=0.2))
    _sleep_at_once(function, 1, 0)
    assert sorted(answer.status_code for answer in _sleep_at_once(function, 3, 1)) == [200, 429, 429]


def test_who_finds_the_queue_full_is_told_429(deploy: Deploy) -> None:
    function = deploy("sleep", max_instances=1, queue_limit=1)
    _sleep_at_once(function, 1, 0)
    assert sorted(answer.status_code for answer in _sleep_at_once(function, 3, 0.5)) == [200, 200, 429]


def test_a_request_over_the_time_limit_is_told_504_and_the_instance_stays(deploy: Deploy) -> None:
    function = deploy("sleep", timeout=timedelta(seconds=0.5), concurrency=2)
    _sleep_at_once(function, 1, 0)
    before = function.pids()
    assert httpx.get(f"{function.url}?seconds=2", timeout=60).status_code == 504
    assert httpx.get(f"{function.url}?seconds=0", timeout=60).status_code == 200
    assert function.pids() == before


@pytest.mark.parametrize("victim", ["worker", "arbiter"])
def test_a_crash_is_told_503_and_the_next_request_is_answered(deploy: Deploy, victim: str) -> None:
    function = deploy("die", concurrency=2)
    worker = int(httpx.get(function.url, timeout=60).text)
    if victim == "worker":
        assert httpx.get(f"{function.url}?now=1", timeout=60).status_code == 503
    else:
        [arbiter] = function.pids()
        os.kill(arbiter, 9)
        wait_until(lambda: function.pids() != [arbiter])
        wait_until(lambda: is_gone(worker))
    assert int(httpx.get(function.url, timeout=60).text) != worker


@pytest.mark.parametrize("spawn", list(Spawn))
def test_a_function_that_cannot_start_is_told_503_with_the_end_of_its_log(deploy: Deploy, spawn: Spawn) -> None:
    function = deploy("anything", source=SOURCE.with_name("broken_function.py"), spawn=spawn)
    answer = httpx.get(function.url, timeout=60)
    assert answer.status_code == 503
    assert "the wings are not attached" in answer.text


def test_an_idle_instance_goes_and_the_next_request_brings_another(deploy: Deploy) -> None:
    function = deploy("die", idle_timeout=timedelta(seconds=0.3))
    first = int(httpx.get(function.url, timeout=60).text)
    wait_until(lambda: function.service.instances == [])
    assert is_gone(first)
    assert int(httpx.get(function.url, timeout=60).text) != first


def test_the_minimum_of_instances_runs_unasked_and_stays(deploy: Deploy) -> None:
    function = deploy("die", min_instances=1, idle_timeout=timedelta(seconds=0.1))
    wait_until(lambda: any(instance.ready for instance in function.service.instances))
    before = function.pids()
    time.sleep(0.5)
    assert function.pids() == before


def test_a_request_under_way_is_finished_when_the_instance_is_told_to_stop(deploy: Deploy) -> None:
    function = deploy("sleep", concurrency=2)
    _sleep_at_once(function, 1, 0)
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(httpx.get, f"{function.url}?seconds=1", timeout=60)
        wait_until(lambda: any(instance.active for instance in function.service.instances))
        function.cloud.call(function.service.stop_instances())
        assert answer.result().status_code == 200
    assert function.pids() == []


def test_preloading_a_module_with_threads_falls_back_to_exec(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    from localcloud import FunctionSpec, LocalCloudConfig

    monkeypatch.setenv("PYTHONPATH", f"{os.environ.get('PYTHONPATH', '')}:{SOURCE.parent}")
    with LocalCloudThread(LocalCloudConfig(data_dir=tmp_path)) as cloud:
        spec = FunctionSpec(name="f", source=SOURCE, target="die", preload=(*PRELOAD, "threaded_module"))
        assert httpx.get(cloud.add_function(spec), timeout=60).status_code == 200
    assert "instances are exec'd" in capfd.readouterr().err


def test_the_death_of_the_zygote_costs_the_instances_and_no_more(cloud: LocalCloudThread, deploy: Deploy) -> None:
    function = deploy("die")
    first = int(httpx.get(function.url, timeout=60).text)
    zygote = cloud.cloud.cloud_run.zygote_pid
    assert zygote is not None
    os.kill(zygote, 9)
    wait_until(lambda: function.service.instances == [])
    wait_until(lambda: is_gone(first))
    assert int(httpx.get(function.url, timeout=60).text) != first
    assert cloud.cloud.cloud_run.zygote_pid != zygote


@pytest.mark.slow
def test_an_instance_that_ignores_the_request_to_stop_is_killed_after_the_grace_period(deploy: Deploy) -> None:
    function = deploy("stubborn")
    pid = int(httpx.get(function.url, timeout=60).text)
    started = time.monotonic()
    function.cloud.call(function.service.stop_instances())
    assert time.monotonic() - started >= 10
    # The signal goes to the whole group; its members end one after the other.
    wait_until(lambda: is_gone(pid))


def test_a_push_goes_straight_to_the_function(cloud: LocalCloudThread, deploy: Deploy, tmp_path: Path) -> None:
    memory = tmp_path / "memory"
    function = deploy("remember", signature_type="cloudevent", env={"MEMORY": str(memory)})
    body = (
        b'{"message": {"data": "aGk=", "messageId": "1", "publishTime": "2026-01-01T00:00:00Z"}, "subscription": "s"}'
    )
    headers = {"Content-Type": "application/json"}
    status = cloud.call(cloud.cloud.cloud_run.push(function.url, body, headers, 30))
    assert (status, memory.read_text()) == (200, "aGk=")


def test_an_instance_stays_busy_with_a_push_that_nobody_waits_for_any_more(
    cloud: LocalCloudThread, deploy: Deploy
) -> None:
    """Pub/Sub gives up at the ack deadline and sends the message again; the work goes on all the same."""
    function = deploy("sleep", idle_timeout=timedelta(seconds=2), timeout=timedelta(seconds=30))
    _sleep_at_once(function, 1, 0)
    with pytest.raises(TimeoutError):
        cloud.call(cloud.cloud.cloud_run.push(f"{function.url}?seconds=4", b"", {}, 1))
    (instance,) = function.service.instances
    assert instance.active == 1
    wait_until(lambda: not function.service.instances)
    assert instance.served == 2


def test_what_a_function_says_is_in_its_log(cloud: LocalCloudThread, deploy: Deploy) -> None:
    function = deploy("speak")
    httpx.get(function.url, timeout=60)
    text = httpx.get(f"{cloud.endpoints.admin}/functions/{function.name}/logs").text
    assert "said on stdout" in text
    assert "said on stderr" in text


def test_functions_are_described_and_stopped_by_the_admin_endpoint(cloud: LocalCloudThread, deploy: Deploy) -> None:
    function = deploy("die")
    httpx.get(function.url, timeout=60)
    described: dict[str, Any] = httpx.get(f"{cloud.endpoints.admin}/functions").json()["functions"][function.name]
    [instance] = described["instances"]
    assert (instance["state"], instance["pid"], instance["served"]) == ("ready", function.pids()[0], 1)
    stopped = httpx.post(f"{cloud.endpoints.admin}/functions/{function.name}/stop", timeout=60)
    assert stopped.json() == {"stopped": 1}
    assert function.pids() == []


def test_deploying_again_under_the_same_name_replaces_the_function_at_its_url(deploy: Deploy) -> None:
    first = deploy("die")
    httpx.get(first.url, timeout=60)
    second = deploy("speak", name=first.name)
    assert second.url == first.url
    assert httpx.get(second.url, timeout=60).text == "spoken"


def test_requests_side_by_side_are_billed_once_in_steps_of_100_ms(deploy: Deploy) -> None:
    function = deploy("sleep", concurrency=4, max_instances=1)
    counter = f"cloudrun.billable_ms.{function.name}"
    counters = function.cloud.cloud.counters
    httpx.get(f"{function.url}?seconds=0", timeout=60)
    before = counters.snapshot()[counter]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: httpx.get(f"{function.url}?seconds=0.6", timeout=60), range(4)))
    billed = counters.snapshot()[counter] - before
    assert billed % 100 == 0
    assert 600 < billed < 4 * 600
