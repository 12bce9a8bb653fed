"""Summaries of runs: what is stored is small, and gives back what was put in."""

from hypothesis import given
from hypothesis import strategies as st

from sailplane.cloud.summaries import packed, unpacked
from sailplane.model.ids import TaskKey
from sailplane.model.states import TERMINAL, TaskState

KEYS = st.builds(TaskKey, st.sampled_from(["a", "a-1", "b.c"]), st.integers(-1, 12))


def test_neighbours_that_ended_alike_are_one_entry() -> None:
    summary = {f"work:{index}": TaskState.SUCCESS for index in range(100_000)}
    summary |= {"make:-1": TaskState.SUCCESS, "work:70": TaskState.FAILED}
    assert packed(summary) == {
        "make:-1": "success",
        "work:0-69": "success",
        "work:70": "failed",
        "work:71-99999": "success",
    }


@given(st.dictionaries(KEYS.map(lambda key: key.document_id), st.sampled_from(sorted(TERMINAL))))
def test_what_was_packed_comes_out_again(summary: dict[str, TaskState]) -> None:
    assert unpacked(packed(summary)) == summary
