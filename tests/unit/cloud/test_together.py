"""Threads that ask the same at once share an answer, which is never older than their question."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from sailplane.cloud.together import Together


def test_one_who_asks_alone_gets_an_answer_each_time() -> None:
    together = Together()
    answers = iter([1, 2])
    assert [together.ask("a", lambda: next(answers)) for _ in range(2)] == [1, 2]


def test_those_who_come_while_it_is_asked_share_the_next_answer() -> None:
    together, begun, go_on = Together(), threading.Event(), threading.Event()
    asked: list[int] = []

    def answer() -> int:
        asked.append(len(asked) + 1)
        if len(asked) == 1:
            begun.set()
            assert go_on.wait(10)
        return asked[-1]

    with ThreadPoolExecutor(6) as pool:
        first = pool.submit(together.ask, "a", answer)
        assert begun.wait(10)
        later = [pool.submit(together.ask, "a", answer) for _ in range(5)]
        other = together.ask("b", lambda: 7)
        go_on.set()
        assert other == 7
        assert first.result() == 1
        # Each began after the first: none may have its answer.
        assert min(each.result() for each in later) == 2
    assert len(asked) <= 6


def test_an_error_reaches_all_who_asked_and_none_after_them() -> None:
    together = Together()

    def fails() -> int:
        raise ValueError("no answer")

    with pytest.raises(ValueError, match="no answer"):
        together.ask("a", fails)
    assert together.ask("a", lambda: 3) == 3
