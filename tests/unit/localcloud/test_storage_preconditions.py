"""Cloud Storage's preconditions, as a table."""

import pytest

from localcloud.storage.preconditions import Verdict, check, names_other_generation

LIVE = {"generation": "7", "metageneration": "2"}


@pytest.mark.parametrize(
    ("query", "live", "reading", "verdict"),
    [
        ({}, None, False, Verdict.HOLDS),
        ({"ifGenerationMatch": ["0"]}, None, False, Verdict.HOLDS),
        ({"ifGenerationMatch": ["0"]}, LIVE, False, Verdict.FAILED),
        ({"ifGenerationMatch": ["7"]}, LIVE, False, Verdict.HOLDS),
        ({"ifGenerationMatch": ["6"]}, LIVE, False, Verdict.FAILED),
        ({"ifGenerationMatch": ["7"]}, None, False, Verdict.FAILED),
        ({"ifGenerationNotMatch": ["0"]}, None, False, Verdict.FAILED),
        ({"ifGenerationNotMatch": ["7"]}, LIVE, True, Verdict.NOT_MODIFIED),
        ({"ifGenerationNotMatch": ["7"]}, LIVE, False, Verdict.FAILED),
        ({"ifMetagenerationMatch": ["2"]}, LIVE, False, Verdict.HOLDS),
        ({"ifMetagenerationMatch": ["1"]}, LIVE, False, Verdict.FAILED),
        ({"ifMetagenerationNotMatch": ["2"]}, LIVE, True, Verdict.NOT_MODIFIED),
        ({"ifSourceGenerationMatch": ["1"]}, LIVE, False, Verdict.HOLDS),
    ],
)
def test_a_precondition_holds_for_the_live_version_or_not(
    query: dict[str, list[str]], live: dict[str, str] | None, reading: bool, verdict: Verdict
) -> None:
    assert check(query, live, reading=reading) is verdict


def test_source_preconditions_look_at_the_source() -> None:
    assert check({"ifSourceGenerationMatch": ["1"]}, LIVE, reading=False, source=True) is Verdict.FAILED


def test_a_generation_that_is_not_the_live_one_is_another() -> None:
    assert names_other_generation({"generation": ["6"]}, LIVE)
    assert not names_other_generation({"generation": ["7"]}, LIVE)
    assert not names_other_generation({}, None)
