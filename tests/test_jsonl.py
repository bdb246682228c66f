"""Files in and out."""

import os
import threading
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path

import pytest

from stance import LabelError
from stance.jsonl import decode, plain, read_jsonl, write_bytes, write_jsonl, write_text


def test_rows_come_back_with_their_line_numbers(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "x.jsonl", [{"a": "é\u2028“"}, {"b": 2}])
    assert list(read_jsonl(tmp_path / "x.jsonl")) == [(1, {"a": "é\u2028“"}), (2, {"b": 2})]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"a": 1}\n{"a"', r"x.jsonl, line 2: not a JSON object: Expecting ':' delimiter at column 5"),
        (b'{"a": "b"\n', r"x.jsonl, line 1: not a JSON object: Expecting ',' delimiter at column 10"),
        (b"[" * 100_000, r"x.jsonl, line 1: not a JSON object: maximum recursion depth exceeded"),
        (b'{"a": ' + b"9" * 5000 + b"}", r"x.jsonl, line 1: not a JSON object: Exceeds the limit"),
        (b"[1]\n", "x.jsonl, line 1: expected a JSON object, got list"),
        (b'{"a": "\xff"}\n', "x.jsonl, line 1: expected UTF-8, got invalid start byte"),
    ],
)
def test_a_line_that_is_no_object_is_named(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "x.jsonl").write_bytes(content)
    with pytest.raises(LabelError, match=message):
        list(read_jsonl(tmp_path / "x.jsonl"))


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("old")
    with pytest.raises(UnicodeEncodeError, match="surrogates not allowed"):
        write_text(tmp_path / "x", "\ud800")
    assert os.listdir(tmp_path) == ["x"]
    assert (tmp_path / "x").read_text() == "old"


def test_a_link_is_followed_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("old")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    write_text(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "new"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_is_written_to_not_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    found: list[str] = []
    reader = threading.Thread(target=lambda: found.append((tmp_path / "pipe").read_text()))
    reader.start()
    write_text(tmp_path / "pipe", "through")
    reader.join()
    assert found == ["through"]
    assert not (tmp_path / "pipe").is_file()


@pytest.mark.parametrize(
    ("value", "as_json"),
    [
        ("a", "a"),
        (True, True),
        (2, 2),
        (0.5, 0.5),
        (float("nan"), None),
        (float("-inf"), None),
        (None, None),
        (date(2025, 1, 2), "2025-01-02"),
        (datetime(2025, 1, 2, 3, 4), "2025-01-02T03:04:00"),
        (time(3, 4), "03:04:00"),
        (Decimal("1.50"), "1.50"),
        ({1: (date(2025, 1, 2), float("inf"))}, {"1": ["2025-01-02", None]}),
    ],
)
def test_any_value_has_a_form_that_json_holds(value: object, as_json: object) -> None:
    assert plain(value) == as_json


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_byte_order_marks_tell_the_encoding(encoding: str) -> None:
    assert decode("“Ä”\n".encode(encoding)) == "“Ä”\n"


def test_big_endian_text_and_latin_1_are_told_apart() -> None:
    assert decode(b"\xfe\xff\x00a") == "a"
    assert decode(b"\x00\x00\xfe\xff\x00\x00\x00a") == "a"
    with pytest.raises(UnicodeDecodeError):
        decode("café".encode("latin-1"))


def test_what_fails_half_way_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "x.txt"
    write_text(path, "old")
    with pytest.raises(TypeError):
        write_bytes(path, "no bytes")  # type: ignore[arg-type]
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_has_the_mode_that_open_would_give(tmp_path: Path) -> None:
    write_text(tmp_path / "ours", "")
    (tmp_path / "theirs").write_text("")
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "theirs").stat().st_mode
