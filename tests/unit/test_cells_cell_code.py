"""Cells compiled once: results, concatenation, await, tracebacks."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Iterator
from typing import Any

import pytest

from runner.cells.cell_code import CellCode


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


def code(*sources: str) -> CellCode:
    found = CellCode("GET /a")
    for source in sources:
        found.add(source)
    return found


@pytest.mark.parametrize(
    ("source", "value"),
    [("x = 1\nx + 1", 2), ("x = 1", None), ("1;", None), ("1;  # done\n# end", None), ("", None)],
)
def test_the_last_expression_is_the_value(
    source: str, value: Any, loop: asyncio.AbstractEventLoop
) -> None:
    """A semicolon at the end silences it, as in a notebook."""
    assert code(source).run({}, loop) == value


def test_cells_with_one_annotation_are_one(loop: asyncio.AbstractEventLoop) -> None:
    """They run in their order, in the same names; only the last one's result counts."""
    names = {"x": 0}
    assert code("x += 1\nx", "x += 10\nx", "x += 100\nx").run(names, loop) == 111
    assert code("5", "y = x").run(names, loop) is None
    assert names["y"] == 111


def test_each_expression_is_evaluated_once(loop: asyncio.AbstractEventLoop) -> None:
    """Also that of a cell which was the last one until another was added."""
    names: dict[str, Any] = {"seen": []}
    code("seen.append(1)", "seen.append(2)").run(names, loop)
    assert names["seen"] == [1, 2]


def test_await_at_the_top_works(loop: asyncio.AbstractEventLoop) -> None:
    """As in a notebook, statement or expression."""
    cell = code("import asyncio\nx = await asyncio.sleep(0, 1)\nawait asyncio.sleep(0, x + 1)")
    assert cell.run({}, loop) == 2


def test_code_that_is_none_is_refused_at_once() -> None:
    """When it is added, not when the first client asks."""
    with pytest.raises(SyntaxError):
        code("1 +")


def test_a_traceback_shows_the_cell(loop: asyncio.AbstractEventLoop) -> None:
    """By its annotation and the line that failed."""
    with pytest.raises(ZeroDivisionError) as caught:
        code("x = 1", "y = 2\n1 / 0").run({}, loop)
    said = "".join(traceback.format_exception(caught.value))
    assert 'File "<GET /a, cell 2>", line 2' in said
    assert "1 / 0" in said
