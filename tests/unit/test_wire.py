"""Lines of JSON between processes are whole, objects, and bounded."""

from __future__ import annotations

import asyncio
import io

import pytest

from runner import wire


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "LONGEST", 64)


def test_what_is_written_is_read() -> None:
    """Whatever JSON does not know arrives as text."""
    line = wire.encode({"do": "go", "path": io, "text": "a\nb"})
    assert line.count(b"\n") == 1
    assert wire.decode(line)["text"] == "a\nb"


@pytest.mark.parametrize("line", [b"{", b"[1]\n", b"\xff\n", b"[" * 60 + b"\n"])
def test_what_is_no_object_is_refused(line: bytes) -> None:
    """A stranger on a socket of ours is told apart from one of us."""
    with pytest.raises(wire.WireError):
        wire.decode(line)


def test_too_long_is_refused_on_both_sides() -> None:
    """A line that has no end fills no memory."""
    with pytest.raises(wire.WireError):
        wire.encode({"text": "x" * 64})
    with pytest.raises(wire.WireError):
        wire.Lines().feed(b"x" * 65)
    with pytest.raises(wire.WireError):
        list(wire.messages(io.BytesIO(b"x" * 65)))
    with pytest.raises(wire.WireError):
        asyncio.run(_received(b"x" * 65 + b"\n"))


def test_lines_come_in_any_pieces() -> None:
    """A message is given once it is whole, and not before."""
    lines = wire.Lines()
    assert [lines.feed(bytes([byte])) for byte in b'{"a":1}'] == [[]] * 7
    assert lines.feed(b'\n{"b":2}\n{') == [{"a": 1}, {"b": 2}]


def test_a_line_cut_short_is_dropped() -> None:
    """Who writes a line may die in the midst of it."""
    assert list(wire.messages(io.BytesIO(b'{"a":1}\n{"b"'))) == [{"a": 1}]
    assert asyncio.run(_received(b'{"a":1}\n')) == {"a": 1}
    assert asyncio.run(_received(b'{"a"')) is None


async def _received(data: bytes) -> wire.Message | None:
    reader = asyncio.StreamReader(limit=wire.LONGEST)
    reader.feed_data(data)
    reader.feed_eof()
    return await wire.receive(reader)
