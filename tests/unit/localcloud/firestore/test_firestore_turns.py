"""The line in which repeated transactions wait."""

import asyncio

from localcloud.firestore.turns import Turns


def test_turns_are_had_in_the_order_of_asking() -> None:
    async def work() -> list[bytes]:
        turns, had = Turns(), []

        async def one(transaction: bytes) -> None:
            await turns.take(b"key", transaction)
            had.append(transaction)
            assert turns.holder(b"key") == transaction
            turns.leave(transaction)

        await asyncio.gather(*(one(name) for name in (b"a", b"b", b"c")))
        assert turns.holder(b"key") is None
        return had

    assert asyncio.run(work()) == [b"a", b"b", b"c"]


def test_a_document_is_contended_after_a_conflict_and_while_somebody_has_the_turn() -> None:
    async def work() -> None:
        turns = Turns()
        assert not turns.is_contended(b"key")
        turns.note_conflict(b"key")
        assert turns.is_contended(b"key")
        await turns.take(b"other", b"a")
        assert turns.is_contended(b"other")
        turns.leave(b"a")
        assert not turns.is_contended(b"other")

    asyncio.run(work())


def test_asking_again_keeps_the_turn() -> None:
    async def work() -> None:
        turns = Turns()
        await turns.take(b"key", b"a")
        await turns.take(b"key", b"a")
        await turns.take(b"other", b"b")
        assert turns.holder(b"key") == b"a"
        assert turns.holder(b"other") == b"b"

    asyncio.run(work())


def test_one_that_gives_up_while_waiting_lets_the_next_by() -> None:
    async def work() -> None:
        turns = Turns()
        await turns.take(b"key", b"a")
        waiting = [asyncio.create_task(turns.take(b"key", name)) for name in (b"b", b"c")]
        await asyncio.sleep(0)
        turns.leave(b"b")
        turns.leave(b"a")
        await asyncio.gather(*waiting)
        assert turns.holder(b"key") == b"c"

    asyncio.run(work())
