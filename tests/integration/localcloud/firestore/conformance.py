"""What these tests ask of another Firestore than the local cloud's: see FIRESTORE_CONFORMANCE_HOST."""

import os

import pytest

ELSEWHERE = os.environ.get("FIRESTORE_CONFORMANCE_HOST")


def emulator_differs(why: str, *, run: bool = True) -> pytest.MarkDecorator:
    """Marks what Google's emulator is known to do otherwise than its production's documentation, or than ours may."""
    return pytest.mark.xfail(bool(ELSEWHERE), reason=why, run=run)


def words(pattern: str) -> str:
    """What the message of an error says. The API promises codes alone, so another server may word it as it likes."""
    return ".*" if ELSEWHERE else pattern
