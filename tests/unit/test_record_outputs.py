"""What a cell puts out is bounded, in order while it is little, and never without a word."""

from __future__ import annotations

import random
from typing import Any

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

from runner.record.excerpt import ExcerptBounds
from runner.record.outputs import KeptOutput, Outputs

SMALL = ExcerptBounds(lines=3, text_bytes=60, outputs=2, outputs_bytes=300, output_bytes=100)


@pytest.fixture
def cell() -> Any:
    return new_code_cell("")


def display(text: str) -> Any:
    return new_output("display_data", data={"text/plain": text})


def error(text: str) -> Any:
    return new_output("error", ename="ValueError", evalue=text, traceback=text.split("\n"))


def shown_in(cell: Any) -> list[str]:
    """Each output as one text."""
    said = []
    for output in cell.outputs:
        if output.output_type == "stream":
            said.append(output.text)
        else:
            said.append(output.get("evalue") or output.data["text/plain"])
    return said


def test_little_stays_in_the_order_in_which_it_came(cell: Any) -> None:
    """A text, a picture and a text again are three outputs."""
    outputs = Outputs(cell, SMALL)
    outputs.write("stdout", "a\n")
    outputs.write("stdout", "b\n")
    outputs.add(display("plot"))
    outputs.write("stdout", "c\n")
    outputs.update_cell()
    assert shown_in(cell) == ["a\nb\n", "plot", "c\n"]


def test_nothing_shows_before_it_is_asked_for(cell: Any) -> None:
    """Messages only collect; a save shows what there is by then, and the next one the rest."""
    outputs = Outputs(cell, SMALL)
    outputs.write("stdout", "a\n")
    assert cell.outputs == []
    outputs.update_cell()
    outputs.write("stdout", "b\n")
    outputs.update_cell()
    assert shown_in(cell) == ["a\nb\n"]


def test_alternating_streams_become_two_outputs_at_last(cell: Any) -> None:
    """However often they alternate, each has its first and last lines and the exact count."""
    outputs = Outputs(cell, SMALL)
    for number in range(100):
        outputs.write("stdout", f"{number}\n")
        outputs.write("stderr", f"{number}!\n")
    outputs.update_cell()
    assert len(cell.outputs) == 6
    for name, mark in (("stdout", ""), ("stderr", "!")):
        text = "".join(output.text for output in cell.outputs if output.name == name)
        assert text.startswith(f"0{mark}\n1{mark}\n2{mark}\n… 94 lines (")
        assert text.endswith(f"here …\n97{mark}\n98{mark}\n99{mark}\n")


def test_a_text_without_lines_between_displays_is_bounded(cell: Any) -> None:
    """A dot and a display, again and again, do not go round the bound of lines."""
    outputs = Outputs(cell, SMALL)
    for _ in range(1000):
        outputs.write("stdout", ".")
        outputs.add(display("x"))
    outputs.update_cell()
    assert len(cell.outputs) < 12
    assert sum(output.get("text", "").count(".") for output in cell.outputs) < 130


def test_the_displays_in_the_middle_are_counted(cell: Any) -> None:
    """The first and the last are kept, with a note between them."""
    outputs = Outputs(cell, SMALL)
    for number in range(10):
        outputs.add(display(f"plot {number}"))
    outputs.update_cell()
    assert shown_in(cell) == [
        "plot 0",
        "plot 1",
        "… 6 outputs (36 bytes) dropped here …",
        "plot 8",
        "plot 9",
    ]


def test_displays_are_bounded_in_bytes_together(cell: Any) -> None:
    """Many pictures of a permitted size do not add up to a record nobody can open."""
    outputs = Outputs(cell, ExcerptBounds(outputs_bytes=300))
    for _ in range(100):
        outputs.add(display("x" * 90))
    outputs.update_cell()
    assert len(cell.outputs) == 3 + 1 + 3


def test_a_large_display_becomes_a_note(cell: Any) -> None:
    """Its size and kinds are said in its place; it stays the kind of output that it was."""
    outputs = Outputs(cell, SMALL)
    data = {"image/png": "x" * 200, "text/plain": "é"}
    outputs.add(new_output("execute_result", data=data, execution_count=3))
    outputs.update_cell()
    (output,) = cell.outputs
    assert output.output_type == "execute_result"
    assert output.data == {
        "text/plain": "… an output of 202 bytes (image/png, text/plain) dropped here:"
        " one output may have 100 …"
    }


def test_an_error_outlives_the_displays_after_it(cell: Any) -> None:
    """A traceback is never dropped for a display."""
    outputs = Outputs(cell, SMALL)
    for number in range(5):
        outputs.add(display(str(number)))
    outputs.add(error("no"))
    for number in range(5, 10):
        outputs.add(display(str(number)))
    outputs.update_cell()
    assert shown_in(cell)[-2:] == ["no", "9"]


def test_a_long_error_loses_its_middle(cell: Any) -> None:
    """The first and last lines of a traceback say where and what."""
    outputs = Outputs(cell, SMALL)
    lines = "\n".join(str(number) for number in range(100))
    outputs.add(error(lines))
    outputs.update_cell()
    assert cell.outputs[0].traceback[:3] == ["0", "1", "2"]
    assert cell.outputs[0].traceback[-1] == "99"
    assert len(cell.outputs[0].traceback) <= 8
    assert len(cell.outputs[0].evalue) < 200


def test_a_display_can_be_changed_wherever_it_is(cell: Any) -> None:
    """An update reaches its own display, also when others were dropped before it."""
    outputs = Outputs(cell, SMALL)
    kept = [outputs.add(display(str(number)), f"id {number}") for number in range(10)]
    outputs.update(kept[1], {"text/plain": "one"}, {})
    outputs.update(kept[9], {"text/plain": "nine"}, {})
    outputs.update_cell()
    assert [text for text in shown_in(cell) if "…" not in text] == ["0", "one", "8", "nine"]


def test_an_update_is_bounded_too(cell: Any) -> None:
    """A display cannot grow beyond the bounds by being changed."""
    outputs = Outputs(cell, ExcerptBounds(outputs_bytes=300, output_bytes=200))
    kept = [outputs.add(display("x")) for _ in range(5)]
    for shown in kept:
        outputs.update(shown, {"text/plain": "y" * 150}, {})
    outputs.update_cell()
    assert shown_in(cell)[0] == "y" * 150
    assert all("no room" in text for text in shown_in(cell)[1:])


def test_what_is_dropped_or_cleared_is_forgotten(cell: Any) -> None:
    """Whoever remembers displays by name hears of each that is gone."""
    gone: list[KeptOutput] = []
    outputs = Outputs(cell, SMALL, gone.append)
    for number in range(6):
        outputs.add(display(str(number)), f"id {number}")
    assert [shown.display_id for shown in gone] == ["id 2", "id 3"]
    outputs.clear()
    assert len(gone) == 6


def test_clearing_begins_anew(cell: Any) -> None:
    """After it, nothing is counted as dropped, and the bounds are whole again."""
    outputs = Outputs(cell, SMALL)
    for _ in range(3):
        outputs.clear()
        for number in range(6):
            outputs.write("stdout", f"{number}\n")
            outputs.write("stderr", f"{number}\n")
    outputs.update_cell()
    assert not any("dropped" in text for text in shown_in(cell))


@pytest.mark.parametrize("seed", range(50))
def test_whatever_comes_the_record_is_small_and_valid(seed: int) -> None:
    """Any mixture of outputs stays below the sum of the bounds, and is a notebook."""
    dice, cell = random.Random(seed), new_code_cell("")
    outputs, kept = Outputs(cell, SMALL), []
    for number in range(dice.randrange(300)):
        what = dice.randrange(6)
        if what < 3:
            outputs.write(dice.choice(["stdout", "stderr"]), dice.choice(["x", "y\n", "z\r"]) * 9)
        elif what == 3:
            outputs.add(error("e" * dice.randrange(200)))
        elif what == 4 and kept:
            outputs.update(dice.choice(kept), {"text/plain": "u" * dice.randrange(150)}, {})
        else:
            kept.append(outputs.add(display("d" * dice.randrange(150)), str(number)))
            kept = [shown for shown in kept if shown in (*outputs._first, *outputs._last)]
    outputs.update_cell()
    nbformat.validate(new_notebook(cells=[cell]))
    assert len(cell.outputs) <= 2 * 3 + 2 * 2 + 1
    assert len(str(cell.outputs)) < 10_000
