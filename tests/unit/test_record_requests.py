"""The reader of the request log: the newest first, and tolerant."""

from __future__ import annotations

import base64
import datetime as dt
import os
from pathlib import Path
from typing import Any

import pytest
from support.recorded import recorded_line

from runner import wire
from runner.record import requests
from runner.record.requests import Wanted, read

NOON = dt.datetime(2026, 11, 29, 12, tzinfo=dt.UTC)


def line(number: int, **fields: Any) -> str:
    """A record that was made so many seconds after noon."""
    return recorded_line(str(number), NOON + dt.timedelta(seconds=number), **fields)


def write(folder: Path, name: str, *lines: str, changed: int | None = None) -> None:
    """A file of the log, written to last so many seconds after noon."""
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}.jsonl"
    path.write_text("".join(lines))
    if changed is not None:
        seconds = (NOON + dt.timedelta(seconds=changed)).timestamp()
        os.utime(path, (seconds, seconds))


def ids(folder: Path, **wanted: Any) -> list[str]:
    """What is read, by its ids."""
    return [request.id for request in read(folder, Wanted(**wanted))]


def test_the_newest_of_all_files_comes_first(tmp_path: Path) -> None:
    """Files of several workers overlap."""
    write(tmp_path, "a", *map(line, (1, 4, 5, 9)), changed=9)
    write(tmp_path, "b", *map(line, (2, 3, 6)), changed=6)
    write(tmp_path, "c", *map(line, (0,)), changed=0)
    assert ids(tmp_path) == ["9", "6", "5", "4", "3", "2", "1", "0"]
    assert ids(tmp_path / "none") == []


def test_a_file_is_not_opened_before_it_may_have_the_next(tmp_path: Path) -> None:
    """So a log of weeks has few files open."""
    write(tmp_path, "new", line(9), line(10), changed=10)
    write(tmp_path, "old", line(1), changed=1)
    found = read(tmp_path)
    assert next(found).id == "10"
    (tmp_path / "old.jsonl").unlink()
    assert [request.id for request in found] == ["9"]


def test_a_file_is_read_across_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever they part its lines."""
    write(tmp_path, "a", *map(line, range(5)))
    for size in range(1, 400, 7):
        monkeypatch.setattr(requests, "_BLOCK", size)
        assert ids(tmp_path) == ["4", "3", "2", "1", "0"]


@pytest.mark.parametrize(
    "damage",
    [
        "\n\n",
        "{\n",
        "[]\n",
        "\x00\xff\n",
        "{}\n",
        line(7, status="many"),
        line(7, time="noon"),
        line(7, body=5),
        line(7, body={"base64": "*"}),
        line(7, headers=[1]),
        line(7, path=None),
        line(7, failure="x"),
        line(7, failure={"cell": "2"}),
        line(7, failure={"cell": True}),
        line(7, ms="NaN " * 3),
        "[" * 5000 + "\n",
        line(7, body="x" * wire.LONGEST),
    ],
)
def test_damage_hides_nothing(tmp_path: Path, damage: str) -> None:
    """What stands beside it is read."""
    write(tmp_path, "a", line(1), damage, line(2))
    assert ids(tmp_path) == ["2", "1"]


def test_half_a_last_line_is_passed_over(tmp_path: Path) -> None:
    """At whichever byte a worker was killed."""
    whole, last = line(1), line(2)
    for cut in range(len(last) - 2):
        write(tmp_path, "a", whole, last[:cut])
        assert ids(tmp_path) == ["1"]


def test_filters(tmp_path: Path) -> None:
    """Each narrows."""
    write(
        tmp_path,
        "a",
        line(1, status=500, path="/a", key="k"),
        line(2, status=422, path="/a/b"),
        line(3, path="/b", key="k"),
        line(4, status=501, path="/c"),
    )
    assert ids(tmp_path, statuses=frozenset([422, 500])) == ["2", "1"]
    assert ids(tmp_path, failures=True) == ["1"]
    assert ids(tmp_path, key="k") == ["3", "1"]
    assert ids(tmp_path, path="/a*") == ["2", "1"]
    assert ids(tmp_path, path="/a") == ["1"]
    assert ids(tmp_path, since=NOON + dt.timedelta(seconds=2)) == ["4", "3", "2"]


def test_a_failure_is_said_in_a_line(tmp_path: Path) -> None:
    """As far as it is known; what another release says of it is passed over."""
    raised = {"error": "E", "message": "a\nb", "cell": 2, "line": 3, "new": 1}
    only_said = {"message": "half"}
    write(tmp_path, "a", line(1, failure=raised), line(2, failure=only_said), line(3))
    last, half, first = (request.failure for request in read(tmp_path))
    assert last is None
    assert half
    assert half.said == "half"
    assert first
    assert first.said == "E: a b (cell 2, line 3)"


def test_bodies_are_bytes(tmp_path: Path) -> None:
    """Texts and what is none; None is what was left out."""
    odd = {"base64": base64.b64encode(b"\xff\x00").decode()}
    write(tmp_path, "a", line(1, body=odd, answer=None, is_cut=True), line(2, body="é"))
    second, first = read(tmp_path)
    assert (first.body, first.answer, first.is_cut) == (b"\xff\x00", None, True)
    assert (second.body, second.answer) == ("é".encode(), b"2")
