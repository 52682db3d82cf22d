"""What was raised is told by cell and line, bounded."""

from __future__ import annotations

import linecache
from collections.abc import Iterator
from typing import Any

import pytest

from runner.telemetry import cell_places, raised
from runner.telemetry.raised import MOST, Raised, raised_by

FIRST = "def half(x):\n    return 1 / x"
SECOND = (
    "import json\ndef use(x):\n    return half(x)\ndef read(text):\n    return json.loads(text)"
)


@pytest.fixture(autouse=True)
def cells(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """The names of a notebook with two code cells: its second and fourth, the fourth indented."""
    monkeypatch.setattr(cell_places, "_executed", [])
    monkeypatch.setattr(cell_places, "_files", {"<one>": 1, "<two>": 2, "<put in>": 3, "<late>": 4})
    cell_places.begin([(2, 0), (4, 1), (0, 0)])
    names: dict[str, Any] = {}
    for file, text in (("<one>", FIRST), ("<two>", SECOND), ("<put in>", "def p(): 1 / 0")):
        linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
        exec(compile(text, file, "exec"), names)
    yield names
    linecache.clearcache()


def raised_in(act: Any, *words: Any) -> Raised:
    """What is told of a call that fails."""
    try:
        act(*words)
    except BaseException as error:  # noqa: BLE001 - whatever it is
        return raised_by(error)
    raise AssertionError("nothing was raised")


def test_the_innermost_cell_is_named(cells: dict[str, Any]) -> None:
    """By the number that a reader counts, and the line as it is written; what led there follows."""
    found = raised_in(cells["use"], 0)
    assert found[:5] == ("ZeroDivisionError", "division by zero", 2, 2, "return 1 / x")
    assert found.traceback.splitlines()[-5:] == [  # what calls is of this file
        "cell 4, line 4, in use",
        "    return half(x)",
        "cell 2, line 2, in half",
        "    return 1 / x",
        "ZeroDivisionError: division by zero",
    ]


def test_frames_of_libraries_are_folded(cells: dict[str, Any]) -> None:
    """What a library has raised came from the cell that had called it."""
    found = raised_in(cells["read"], "{")
    assert (found.error, found.cell, found.line) == ("JSONDecodeError", 4, 6)
    assert "json/" not in found.traceback
    assert "    … 3 frames of libraries …" in found.traceback.splitlines()


def test_of_an_error_of_libraries_alone_their_frames_are_told() -> None:
    """Else there would be nothing."""
    found = Raised("", "")
    try:
        __import__("json").loads("{")
    except ValueError as error:
        traceback: Any = error.__traceback__
        found = raised_by(error.with_traceback(traceback.tb_next))
    assert found.cell == 0
    assert "json/decoder.py, line" in found.traceback


def test_causes_stand_above(cells: dict[str, Any]) -> None:
    """As Python has them; the place is that of the last one that has any in a cell."""

    def outer() -> None:
        try:
            cells["half"](0)
        except ZeroDivisionError as error:
            raise KeyError("x") from error

    found = raised_in(outer)
    assert found[:4] == ("KeyError", "'x'", 2, 2)
    lines = found.traceback.splitlines()
    assert lines.index(raised._CAUSE) == lines.index("ZeroDivisionError: division by zero") + 1


def test_a_group_of_one_is_that_one(cells: dict[str, Any]) -> None:
    """Frameworks put what a task has raised into one; of several the first is told."""

    def grouped(*others: Exception) -> None:
        try:
            cells["half"](0)
        except ZeroDivisionError as error:
            raise ExceptionGroup("tasks", [ExceptionGroup("inner", [error]), *others]) from None

    assert raised_in(grouped).error == "ZeroDivisionError"
    assert raised_in(grouped, ValueError())[:4] == (
        "ExceptionGroup",
        "tasks (2 sub-exceptions)",
        2,
        2,
    )


def test_cells_of_which_nobody_has_said_the_number(cells: dict[str, Any]) -> None:
    """What was put in, and what was executed behind all that was known, is code of the author's."""
    found = raised_in(cells["p"])
    assert (found.cell, found.line) == (0, 0)
    assert "cell ?, line 1, in p" in found.traceback
    assert cell_places.place_of("<late>") == (0, 0)
    assert cell_places.place_of("<other>") is None


def test_an_endless_recursion_is_told_by_its_ends(cells: dict[str, Any]) -> None:
    """What lies between says the same again and again."""
    cells["half"] = cells["use"]
    found = raised_in(cells["use"], 1)
    assert (found.error, found.cell) == ("RecursionError", 4)
    assert "more places …" in found.traceback
    assert len(found.lines) < 70


class Hostile(type):
    """Be a class that tells nothing of itself."""

    @property
    def __name__(cls) -> str:
        raise RuntimeError


@pytest.mark.parametrize(
    "error",
    [
        ValueError("x" * 10_000_000),
        ValueError(*["\x1b[2J<script>" * 10_000] * 20),
        type("N" * 1_000_000, (Exception,), {})("x"),
        Hostile("H", (Exception,), {})("x"),
        type("P", (Exception,), {"args": property(lambda _: 1 / 0)})("x"),
    ],
    ids=["long", "wide", "name", "metaclass", "property"],
)
def test_it_is_bounded(error: BaseException, cells: dict[str, Any]) -> None:
    """Whatever the class makes of it."""

    def raise_it(depth: int) -> None:
        if depth:
            raise_it(depth - 1)
        raise error

    code = compile(f"def long(act):\n    act()  # {'é' * 1_000}", "<" + "x" * 10_000, "exec")
    exec(code, cells)
    found = raised_in(cells["long"], lambda: raise_it(50))
    texts = (*found[:2], found.text, found.traceback)
    assert sum(len(text.encode()) for text in texts) <= MOST
