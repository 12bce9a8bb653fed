"""How far a trigger runs before it is suspended, and what becomes of what it has open."""

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Callable
from typing import Any

import anyio
import anyio.to_thread
import pytest

from sailplane.authoring.trigger import BaseTrigger, TriggerEvent, Watched
from sailplane.authoring.trigger_loop import TriggerExhausted, watch

Body = Callable[[list[str]], AsyncIterator[TriggerEvent]]
FIRED = TriggerEvent("now")


class Scripted(BaseTrigger):
    """Runs `body`, which notes what happens."""

    def __init__(self, body: Body) -> None:
        super().__init__()
        self.body = body
        self.notes: list[str] = []

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return "test.Scripted", {}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        async for event in self.body(self.notes):
            yield event

    async def cleanup(self) -> None:
        self.notes.append("cleanup")


async def fires(notes: list[str]) -> AsyncIterator[TriggerEvent]:
    notes.append("run")
    yield FIRED
    notes.append("again")
    yield FIRED


async def polls_every_minute(notes: list[str]) -> AsyncIterator[TriggerEvent]:
    while True:
        notes.append("look")
        if len(notes) == 3:
            yield FIRED
        await asyncio.sleep(60)


async def sleeps_first(notes: list[str]) -> AsyncIterator[TriggerEvent]:
    await asyncio.sleep(60)
    notes.append("look")
    yield FIRED


async def naps(notes: list[str]) -> AsyncIterator[TriggerEvent]:
    for _ in range(3):
        await asyncio.sleep(0.001)
    yield FIRED


async def holds_something_open(notes: list[str]) -> AsyncIterator[TriggerEvent]:
    try:
        await asyncio.sleep(3600)
    except asyncio.CancelledError:
        notes.append("cancelled")
        raise
    except Exception:
        notes.append("swallowed")
    finally:
        await asyncio.sleep(0)
        notes.append("closed")
    yield FIRED


async def does_not_let_go(notes: list[str]) -> AsyncIterator[TriggerEvent]:
    while True:
        try:
            await asyncio.sleep(3600)
        except BaseException as error:
            notes.append(type(error).__name__)
            if isinstance(error, asyncio.CancelledError):
                raise
    yield FIRED


async def works_in_a_thread(notes: list[str]) -> AsyncIterator[TriggerEvent]:
    goes_on = threading.Event()
    threading.Timer(0.05, goes_on.set).start()
    await asyncio.wait_for(asyncio.to_thread(goes_on.wait), 3600)
    notes.append("answered")
    yield FIRED


async def works_for_anyio(notes: list[str]) -> AsyncIterator[TriggerEvent]:
    goes_on = threading.Event()
    threading.Timer(0.05, goes_on.set).start()
    await asyncio.wait_for(anyio.to_thread.run_sync(goes_on.wait), 3600)
    await asyncio.sleep(60)
    yield FIRED


async def starts_a_thread(notes: list[str]) -> AsyncIterator[TriggerEvent]:
    goes_on = threading.Event()
    thread = threading.Thread(target=goes_on.wait)
    thread.start()
    try:
        await asyncio.sleep(60)
    finally:
        goes_on.set()
        thread.join()
    yield FIRED


async def waits_for_an_answer(notes: list[str]) -> AsyncIterator[TriggerEvent]:
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    async with server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        async with asyncio.timeout(3600):
            notes.append(repr(await reader.read()))
        writer.close()
    yield FIRED


async def keeps_a_connection(notes: list[str]) -> AsyncIterator[TriggerEvent]:
    loop = asyncio.get_running_loop()
    ours, theirs = socket.socketpair()
    _, writer = await asyncio.open_connection(sock=ours)
    try:
        loop.call_later(10, notes.append, "a timer of a library")
        await asyncio.sleep(60)
    finally:
        writer.close()
        theirs.close()
    yield FIRED


async def polls_a_task(notes: list[str]) -> AsyncIterator[TriggerEvent]:
    reader, writer = socket.socketpair()
    reader.setblocking(False)
    answer = asyncio.create_task(asyncio.get_running_loop().sock_recv(reader, 1))
    threading.Timer(0.05, writer.send, [b"x"]).start()
    while not answer.done():
        await asyncio.sleep(0.6)
    notes.append(answer.result().decode())
    reader.close()
    writer.close()
    yield FIRED


async def runs_a_command(notes: list[str]) -> AsyncIterator[TriggerEvent]:
    process = await asyncio.create_subprocess_exec("sh", "-c", "sleep 0.05; echo done", stdout=asyncio.subprocess.PIPE)
    async with asyncio.timeout(3600):
        out, _ = await process.communicate()
    notes.append(out.decode().strip())
    yield FIRED


async def waits_in_several_tasks(notes: list[str]) -> AsyncIterator[TriggerEvent]:
    await asyncio.gather(asyncio.sleep(50), asyncio.sleep(70))
    yield FIRED


async def waits_for_nothing(notes: list[str]) -> AsyncIterator[TriggerEvent]:
    await asyncio.Event().wait()
    yield FIRED


async def ends(notes: list[str]) -> AsyncIterator[TriggerEvent]:
    return
    yield FIRED


async def breaks(notes: list[str]) -> AsyncIterator[TriggerEvent]:
    raise OSError("no route")
    yield FIRED


def test_the_first_event_ends_the_trigger() -> None:
    trigger = Scripted(fires)
    assert watch(trigger) == Watched(event=FIRED)
    assert trigger.notes == ["run", "cleanup"]


def test_a_trigger_that_would_sleep_is_suspended_at_once() -> None:
    trigger = Scripted(polls_every_minute)
    watched = watch(trigger)
    assert watched.event is None
    assert 59 < watched.sleeps_for <= 60
    assert trigger.notes == ["look", "cleanup"]


def test_what_was_slept_already_passes_at_once() -> None:
    trigger = Scripted(sleeps_first)
    assert watch(trigger, slept=60).event == FIRED
    poller = Scripted(polls_every_minute)
    assert watch(poller, slept=90).event is None
    assert poller.notes == ["look", "look", "cleanup"]


def test_a_part_of_a_sleep_leaves_the_rest_to_sleep() -> None:
    assert 39 < watch(Scripted(sleeps_first), slept=20).sleeps_for <= 40


def test_a_long_sleep_is_known_in_full() -> None:
    async def sleeps_for_a_year(notes: list[str]) -> AsyncIterator[TriggerEvent]:
        await asyncio.sleep(365 * 86400)
        yield FIRED

    assert watch(Scripted(sleeps_for_a_year)).sleeps_for > 364 * 86400
    assert watch(Scripted(sleeps_for_a_year), slept=365 * 86400).event == FIRED


def test_short_sleeps_are_slept() -> None:
    assert watch(Scripted(naps)).event == FIRED


def test_a_suspended_trigger_closes_what_it_opened_and_is_not_cancelled() -> None:
    trigger = Scripted(holds_something_open)
    assert watch(trigger).event is None
    assert trigger.notes == ["closed", "cleanup"]


async def is_interrupted(notes: list[str]) -> AsyncIterator[TriggerEvent]:
    asyncio.get_running_loop().call_later(0.01, _interrupt)
    try:
        await asyncio.sleep(0.3)
    except asyncio.CancelledError:
        notes.append("cancelled")
    finally:
        await asyncio.sleep(0)
        notes.append("closed")
    yield FIRED


def _interrupt() -> None:
    raise KeyboardInterrupt


def test_a_task_that_is_told_to_end_does_not_cancel_its_trigger() -> None:
    trigger = Scripted(is_interrupted)
    with pytest.raises(KeyboardInterrupt):
        watch(trigger)
    assert trigger.notes == ["closed", "cleanup"]


def test_a_trigger_that_does_not_let_go_is_let_go() -> None:
    trigger = Scripted(does_not_let_go)
    assert watch(trigger, farewell=0.05).sleeps_for > 3599
    assert trigger.notes == ["Suspended", "cleanup", "CancelledError"]


def test_a_trigger_that_waits_for_a_thread_is_let_wait() -> None:
    trigger = Scripted(works_in_a_thread)
    assert watch(trigger).event == FIRED


def test_a_trigger_that_waits_for_a_thread_of_anyio_is_let_wait_and_its_idle_thread_holds_nobody() -> None:
    assert 59 < watch(Scripted(works_for_anyio)).sleeps_for <= 60


def test_threads_that_nobody_waits_for_hold_nobody() -> None:
    assert 59 < watch(Scripted(starts_a_thread)).sleeps_for <= 60


def test_a_trigger_that_waits_for_an_answer_is_let_wait() -> None:
    trigger = Scripted(waits_for_an_answer)
    assert watch(trigger).event == FIRED
    assert trigger.notes[0] == "b''"


def test_a_connection_that_is_kept_open_keeps_no_trigger_that_sleeps() -> None:
    assert 59 < watch(Scripted(keeps_a_connection)).sleeps_for <= 60


def test_a_trigger_whose_other_task_waits_for_an_answer_is_let_wait() -> None:
    trigger = Scripted(polls_a_task)
    assert watch(trigger).event == FIRED
    assert trigger.notes == ["x", "cleanup"]


def test_a_trigger_that_waits_for_a_process_is_let_wait() -> None:
    trigger = Scripted(runs_a_command)
    assert watch(trigger).event == FIRED
    assert trigger.notes == ["done", "cleanup"]


def test_several_sleeps_side_by_side_end_with_the_first_of_them() -> None:
    assert 49 < watch(Scripted(waits_in_several_tasks)).sleeps_for <= 50


def test_a_trigger_that_waits_too_long_for_an_answer_is_stopped() -> None:
    trigger = Scripted(waits_for_nothing)
    assert watch(trigger, longest=0.05) == Watched()
    assert trigger.notes == ["cleanup"]


def test_a_trigger_must_fire() -> None:
    with pytest.raises(TriggerExhausted, match="has ended without an event"):
        watch(Scripted(ends))


def test_what_a_trigger_raises_is_raised() -> None:
    trigger = Scripted(breaks)
    with pytest.raises(OSError, match="no route"):
        watch(trigger)
    assert trigger.notes == ["cleanup"]


def test_an_event_loop_of_the_task_itself_is_left_alone() -> None:
    own = asyncio.new_event_loop()
    asyncio.set_event_loop(own)
    try:
        watch(Scripted(polls_every_minute))
        assert asyncio.get_event_loop() is own
    finally:
        asyncio.set_event_loop(None)
        own.close()
