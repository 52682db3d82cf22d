"""Two runs side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from support.records import cell, display, document, text_cell, write

from runner.cockpit.comparison import Comparison, Row, compare
from runner.cockpit.records import read_record
from runner.cockpit.run_summary import summary_of


def compared(folder: Path, left: dict[str, Any], right: dict[str, Any]) -> Comparison:
    paths = [write(folder / f"{number}.ipynb", each) for number, each in enumerate((left, right))]
    runs = [summary_of(path, folder) for path in paths]
    assert runs[0]
    assert runs[1]
    return compare(runs[0], runs[1], (read_record(paths[0]), read_record(paths[1])))


def test_parameters_metrics_and_packages_stand_side_by_side(tmp_path: Path) -> None:
    """Of metrics also by how much; of packages only those that differ."""
    left = document(
        parameters={"C": 1}, metrics={"loss": 0.5}, packages={"numpy": "1", "scipy": "1"}
    )
    right = document(
        parameters={"C": 2, "n": 3}, metrics={"loss": 0.25}, packages={"numpy": "2", "scipy": "1"}
    )
    right["metadata"]["papermill"]["default_parameters"] = {"seed": 7, "C": 9}
    for each in (left, right):
        each["metadata"]["papermill"]["duration"] = 1_234.5
    found = compared(tmp_path, left, right)
    assert found.parameters == [
        Row(name="C", left="1", right="2"),
        Row(name="seed", left="", right="7"),
        Row(name="n", left="", right="3"),
    ]
    assert found.metrics == [Row(name="loss", left="0.5", right="0.25", change="-0.25")]
    assert found.packages == [Row(name="numpy", left="1", right="2")]
    assert Row(name="duration", left="21 min", right="21 min") in found.facts
    assert {row.name for row in found.facts if row.differs} == set()


def test_cells_that_differ_are_shown_by_their_lines(tmp_path: Path) -> None:
    """Of a cell that both have, known by its id, the text and what it put out."""
    shown = cell("show()", id="show", outputs=[display(text_plain="1")])
    left = document([text_cell("# A"), cell("a = 1\nb = 2", id="load"), shown])
    right = document([text_cell("# A"), cell("a = 1\nb = 3", id="load"), cell("show()", id="new")])
    found = compared(tmp_path, left, right)
    changed, gone, new = found.cells
    assert [(line.kind, line.text) for line in changed.source] == [
        ("", "a = 1"),
        ("removed", "b = 2"),
        ("added", "b = 3"),
    ]
    assert changed.cell.number == 2
    assert (gone.right, new.left) == (None, None)
    assert [line.text for line in gone.output] == ["1"]
    assert (found.different_cells, found.same_cells) == (3, 1)


def test_pictures_differ_by_their_bytes(tmp_path: Path) -> None:
    """A picture is named by its kind and a digest."""
    one, other = (document([cell(outputs=[display(image_png=data)])]) for data in ("AAAA", "BBBB"))
    assert compared(tmp_path, one, one).different_cells == 0
    assert compared(tmp_path, one, other).different_cells == 1


def test_long_texts_are_shown_up_to_a_bound(tmp_path: Path) -> None:
    """What takes long to compare is not compared line by line."""
    one, other = (document([cell("\n".join(text * 900), id="a")]) for text in "xy")
    (found,) = compared(tmp_path, one, other).cells
    assert len(found.source) == 800


def test_records_that_are_too_large_are_compared_by_what_is_listed(tmp_path: Path) -> None:
    """There is nothing to be said of their cells."""
    run = summary_of(write(tmp_path / "a.ipynb", document(parameters={"C": 1})), tmp_path)
    assert run
    found = compare(run, run, (None, None))
    assert (found.same_cells, found.different_cells) == (0, 0)
    assert found.parameters == [Row(name="C", left="1", right="1")]
