"""docs/cost.md says what the measurement and the prices make."""

from pathlib import Path

import pytest

from sailplane.cost import measured, page
from sailplane.cost.prices import current
from sailplane.cost.workloads import idle, workloads
from sailplane.model.errors import CorruptRecord

PAGE = Path(__file__).parents[3] / "docs" / "cost.md"


def test_the_page_is_as_its_script_writes_it() -> None:
    text = PAGE.read_text()
    assert page.updated(text, measured.current(), current()) == text, "run `python benchmarks/cost.py --render`"


def test_a_page_that_lost_a_marker_is_told() -> None:
    text = PAGE.read_text().replace("<!-- others: end -->", "")
    with pytest.raises(CorruptRecord, match="others: begin"):
        page.updated(text, measured.current(), current())


def test_every_price_and_every_other_system_is_on_the_page_with_its_source() -> None:
    text = PAGE.read_text()
    for entry in [*current().rates.values(), *current().others.values()]:
        assert entry.source in text


def test_idle_is_two_reads_a_minute_and_one_scheduler_job() -> None:
    usage = idle(measured.current())
    assert usage.reads == 2 * 30 * 24 * 60
    assert usage.scheduler_jobs == pytest.approx(30 / 31)
    assert usage.writes == usage.messages == 0


def test_what_was_measured_is_within_the_budgets() -> None:
    now = measured.current()
    assert now.chain_task.writes < 2.1
    assert now.fan_task.writes < 3.1
    assert now.tick.reads == 2
    assert [one.tasks for one in workloads(now)] == [0, 1_000_000, 1_000_000, 1000]
