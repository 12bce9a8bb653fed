"""Ports that are remembered, and logs that stay within bounds."""

import os
import socket
from pathlib import Path

from localcloud.cloudrun.logs import MAX_FILES, LogFolder, rotate_when_full, tail
from localcloud.ports import PortBook

HOST = "127.0.0.1"


def test_a_listener_gets_its_last_port_again(tmp_path: Path) -> None:
    with PortBook(tmp_path / "ports.json").bind("web", HOST) as first:
        port = first.getsockname()[1]
    with PortBook(tmp_path / "ports.json").bind("web", HOST) as again:
        assert again.getsockname()[1] == port


def test_a_remembered_port_that_is_taken_gives_way_to_another(tmp_path: Path) -> None:
    book = PortBook(tmp_path / "ports.json")
    with socket.create_server((HOST, 0)) as taken, socket.create_server((HOST, 0)) as _unrelated:
        port = taken.getsockname()[1]
        (tmp_path / "ports.json").write_text(f'{{"web": {port}}}')
        book = PortBook(tmp_path / "ports.json")
        with book.bind("web", HOST) as sock:
            assert sock.getsockname()[1] != port


def test_a_damaged_book_is_begun_anew(tmp_path: Path) -> None:
    (tmp_path / "ports.json").write_text("{")
    with PortBook(tmp_path / "ports.json").bind("web", HOST) as sock:
        assert sock.getsockname()[1] > 0


def test_a_full_log_is_moved_aside_under_its_writer(tmp_path: Path) -> None:
    path = tmp_path / "f-1.log"
    with path.open("ab", buffering=0) as writer:
        writer.write(b"old\n" * 100)
        rotate_when_full(path, max_bytes=1000)
        assert path.read_bytes() == b"old\n" * 100
        rotate_when_full(path, max_bytes=100)
        writer.write(b"new\n")
    assert path.read_bytes() == b"new\n"
    assert (tmp_path / "f-1.log.1").read_bytes() == b"old\n" * 100


def test_the_tail_is_the_last_lines(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("".join(f"{number}\n" for number in range(100)))
    assert tail(path, 3) == "97\n98\n99"
    assert tail(tmp_path / "absent") == ""


def test_only_the_latest_logs_of_a_function_are_kept(tmp_path: Path) -> None:
    mine, other = LogFolder(tmp_path, "work"), LogFolder(tmp_path, "work-more")
    for number in range(MAX_FILES + 5):
        for folder in (mine, other):
            _path, fd = folder.open(f"x{number}")
            os.close(fd)
    assert len(mine.files()) == MAX_FILES
    assert len(other.files()) == MAX_FILES
