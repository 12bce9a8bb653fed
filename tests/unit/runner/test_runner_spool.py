from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import msgspec

from sailplane.runner.spool import LogRecord, Spool, notice, timestamp


def record(event: str) -> LogRecord:
    return LogRecord(timestamp="2026-01-01T00:00:00.000000Z", level="info", logger="l", event=event)


def events(path: Path) -> list[str]:
    return [msgspec.json.decode(line)["event"] for line in path.read_bytes().splitlines()]


def test_no_file_is_made_when_nothing_is_written(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "deep" / "s", bytes_limit=1000)
    spool.write([])
    spool.close()
    assert not (tmp_path / "deep").exists()


def test_records_are_appended_as_json_lines(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "s"
    spool = Spool(path, bytes_limit=10_000)
    spool.write([record("one"), record("two\nlines")])
    assert events(path) == ["one", "two\nlines"]
    spool.write([record("three")])
    spool.close()
    assert events(path) == ["one", "two\nlines", "three"]
    assert msgspec.json.decode(path.read_bytes().splitlines()[0]) == {
        "timestamp": "2026-01-01T00:00:00.000000Z",
        "level": "info",
        "logger": "l",
        "event": "one",
    }


def test_a_second_spool_on_the_same_file_goes_on_behind_the_first(tmp_path: Path) -> None:
    for event in ("one", "two"):
        spool = Spool(tmp_path / "s", bytes_limit=10_000)
        spool.write([record(event)])
        spool.close()
    assert events(tmp_path / "s") == ["one", "two"]


def test_a_full_spool_says_so_once_and_counts_the_rest(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "s", bytes_limit=250)
    spool.write([record("one"), record("two"), record("three"), record("four")])
    assert spool.is_full
    spool.write([record("1234")])
    spool.drop(10)
    spool.close()
    [*kept, full, rest] = events(tmp_path / "s")
    assert kept == ["one", "two"]
    assert full == "The log of this try has reached its limit of 250 bytes: what follows is not kept."
    assert rest == "26 bytes of further output were not kept."


def test_a_file_that_cannot_be_written_ends_the_log_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    spool = Spool(tmp_path / "file" / "s", bytes_limit=1000)
    spool.write([record("one")])
    spool.write([record("two")])
    spool.close()
    assert isinstance(spool.failure, FileExistsError)


def test_timestamps_are_utc_whatever_the_zone_was() -> None:
    at = datetime(2026, 1, 1, 2, 0, 0, 5, tzinfo=timezone(timedelta(hours=2)))
    assert timestamp(at) == "2026-01-01T00:00:00.000005Z"
    assert timestamp(datetime(2026, 1, 1, tzinfo=UTC)) == "2026-01-01T00:00:00.000000Z"


def test_a_notice_is_the_runners_own() -> None:
    assert notice("broken", level="error").logger == "sailplane.runner"
