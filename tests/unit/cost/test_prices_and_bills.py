"""Prices as they are kept, and the arithmetic of bills."""

from datetime import date
from pathlib import Path

import pytest

from sailplane.cost.bill import bill, month_bill
from sailplane.cost.money import dollars
from sailplane.cost.prices import current, load, price_file
from sailplane.model.errors import CorruptRecord
from sailplane.model.usage import FIELDS, NOTHING, Usage, total


def test_the_newest_file_is_the_one_that_counts(tmp_path: Path) -> None:
    for day in ("2025-01-31", "2026-11-23", "2026-02-01"):
        (tmp_path / f"prices-{day}.toml").touch()
    assert price_file(tmp_path).name == "prices-2026-11-23.toml"


def test_a_price_file_is_named_for_its_date() -> None:
    assert price_file().name == f"prices-{current().date}.toml"
    assert isinstance(current().date, date)


def test_every_price_says_where_it_was_read() -> None:
    prices = current()
    for entry in [*prices.rates.values(), *prices.others.values()]:
        assert "https://" in entry.source
        assert entry.copy


def test_everything_that_is_counted_has_a_price() -> None:
    assert set(current().rates) == set(FIELDS) - {"messages"}


def test_a_file_without_one_of_the_prices_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "prices-2026-01-01.toml"
    text = price_file().read_text()
    file.write_text(text.replace("[rates.writes]", "[rates.scribbles]"))
    with pytest.raises(CorruptRecord, match="scribbles, writes"):
        load(file)


def test_a_file_with_a_field_too_few_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "prices-2026-01-01.toml"
    file.write_text(price_file().read_text().replace("free = 1_500_000\n", ""))
    with pytest.raises(CorruptRecord, match="free"):
        load(file)


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        (NOTHING, 0),
        (Usage(reads=1_000_000), 0.30),
        (Usage(writes=1_000_000), 0.90),
        (Usage(deletes=1_000_000), 0.10),
        (Usage(message_bytes=2**40), 40),
        (Usage(messages=10**9), 0),
        (Usage(requests=1_000_000), 0.40),
        (Usage(vcpu_seconds=3600), 0.0864),
        (Usage(gib_seconds=3600), 0.009),
        (Usage(job_vcpu_seconds=3600, job_gib_seconds=3600), 0.072),
        (Usage(class_a=1000, class_b=1000), 0.0054),
        (Usage(scheduler_jobs=1), 0.10),
    ],
)
def test_a_bill_is_the_sum_of_amounts_and_prices(usage: Usage, expected: float) -> None:
    assert bill(usage, current()).total == pytest.approx(expected)


@pytest.mark.parametrize(("writes", "expected"), [(0, 0), (600_000, 0), (700_000, 0.09), (1_600_000, 0.90)])
def test_a_month_has_its_free_quota_once(writes: int, expected: float) -> None:
    assert month_bill(Usage(writes=writes), current()).total == pytest.approx(expected)


def test_a_bill_by_service_has_the_same_total() -> None:
    made = bill(Usage(reads=5e6, writes=7e6, requests=1e6, vcpu_seconds=1e5, class_a=10), current())
    services = made.by_service(current())
    assert set(services) == {"Firestore", "Cloud Run", "Cloud Storage"}
    assert sum(services.values()) == pytest.approx(made.total)


def test_usage_adds_up() -> None:
    assert total([Usage(reads=1), Usage(reads=2, writes=3)]) == Usage(reads=3, writes=3)
    assert Usage(reads=2, vcpu_seconds=0.5).times(3) == Usage(reads=6, vcpu_seconds=1.5)


def test_usage_is_stored_as_a_short_list() -> None:
    usage = Usage(reads=1, writes=3, messages=0.125, vcpu_seconds=0.0123456789)
    assert usage.numbers() == [1, 3, 0, 0.125, 0, 0, 0.012346]
    assert NOTHING.numbers() == []
    assert Usage.of(usage.numbers()).writes == 3


def test_usage_that_a_newer_version_wrote_can_be_read() -> None:
    newer = [1.0] * (len(FIELDS) + 2)
    assert Usage.of(newer) == Usage(**dict.fromkeys(FIELDS, 1.0))


@pytest.mark.parametrize(
    ("amount", "expected"),
    [
        (0, "$0"),
        (1234.5, "$1,234.50"),
        (1, "$1.00"),
        (0.5, "$0.5"),
        (0.0123456, "$0.0123"),
        (0.00000412, "$0.00000412"),
        (1e-7, "$0.0000001"),
    ],
)
def test_small_amounts_keep_the_digits_that_matter(amount: float, expected: str) -> None:
    assert dollars(amount) == expected
