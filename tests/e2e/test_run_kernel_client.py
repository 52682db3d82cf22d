"""The messages of a real kernel become a record that is bounded and true."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_notebook

from runner.record.excerpt import ExcerptBounds
from runner.record.record import Record
from runner.run import kernel_setup
from runner.run.kernel import Kernel
from runner.run.kernel_client import CellClient

SMALL = ExcerptBounds(lines=3, outputs=4)
Run = Callable[..., Any]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Execute cells in a kernel, and give them with what was echoed."""

    def run(
        *cells: str, bounds: ExcerptBounds = SMALL, sources: dict[str, str] | None = None
    ) -> tuple[list[Any], list[Any]]:
        echoed: list[NotebookNode] = []
        nb = new_notebook(cells=[new_code_cell(source) for source in cells])
        for number, cell in enumerate(nb.cells):
            cell.id = f"cell-{number}"

        async def execute() -> None:
            with contextlib.closing(Kernel.start("python3", tmp_path)) as kernel:
                await kernel.connect()
                await kernel_setup.set_up_kernel(kernel)
                kept = Record(nb, lambda nb, durable: None)
                client = CellClient(kept, kernel, echoed.append, sources=sources, bounds=bounds)
                for index, cell in enumerate(nb.cells):
                    await client.async_execute_cell(cell, index)

        asyncio.run(asyncio.wait_for(execute(), 100))
        return nb.cells, echoed

    return run


def texts(cell: Any) -> list[str]:
    return [output.get("text") or output.data["text/plain"] for output in cell.outputs]


def test_a_cell_that_prints_without_end_is_bounded(run: Run) -> None:
    """The first and last lines stay, with the count; who listens hears every line."""
    cells, echoed = run("for number in range(30_000): print(number)")
    assert texts(cells[0]) == [
        "0\n1\n2\n… 29,994 lines (168,866 bytes) dropped here …\n29997\n29998\n29999\n"
    ]
    assert sum(output.text.count("\n") for output in echoed) == 30_000


def test_a_cell_that_flushes_every_line_loses_nothing(run: Run) -> None:
    """The run takes messages as quickly as a kernel sends them, or they wait."""
    cells, echoed = run("for number in range(5_000): print(number, flush=True)")
    assert sum(output.text.count("\n") for output in echoed) == 5_000
    assert len(cells[0].outputs) == 1


def test_a_progress_bar_leaves_its_last_state(run: Run) -> None:
    """Thousands of updates of tqdm are one line."""
    cells, _ = run("from tqdm import tqdm\nfor _ in tqdm(range(3000), mininterval=0): pass")
    (text,) = texts(cells[0])
    assert text.startswith("100%|")
    assert text.count("%") == 1


def test_clearing_works_at_once_and_with_the_next_output(run: Run) -> None:
    """What a notebook cleared is gone, and only that."""
    cells, _ = run(
        "from IPython.display import clear_output\n"
        "print('a'); clear_output(); print('b')\nclear_output(wait=True)",
        "print('c'); clear_output(wait=True); print('d')",
        "for number in range(100): print(number); clear_output(wait=True)\nprint('last')",
    )
    assert [texts(cell) for cell in cells] == [["b\n"], ["d\n"], ["last\n"]]


def test_displays_are_updated_across_cells(run: Run) -> None:
    """A later cell changes an earlier one's display, though others were dropped there."""
    cells, _ = run(
        "from IPython.display import display\n"
        "shown = [display(number, display_id=True) for number in range(20)]",
        "shown[0].update('first'); shown[10].update('gone'); shown[19].update('last')",
    )
    assert texts(cells[0]) == [
        *("'first'", "1", "2", "3"),
        "… 12 outputs (18 bytes) dropped here …",
        *("16", "17", "18", "'last'"),
    ]
    assert cells[1].outputs == []


def test_a_failed_cell_keeps_what_it_had_printed(run: Run) -> None:
    """The text comes first, then the error, also in the exception itself."""
    with pytest.raises(CellExecutionError, match=r"(?s)before.*ValueError.*no"):
        run("print('before')\nraise ValueError('no')")


def test_a_lost_message_is_said(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Output that never arrived is counted in the cell, which completed all the same."""
    arrived, taken = CellClient._received, []

    def lossy(client: CellClient) -> Any:
        for message in arrived(client):
            taken.append(message)
            if message["msg_type"] != "stream" or "lost" not in message["content"]["text"]:
                yield message

    monkeypatch.setattr(CellClient, "_received", lossy)
    cells, _ = run("print('kept', flush=True)\nfor _ in range(7): print('lost', flush=True)")
    assert texts(cells[0])[0] == "kept\n"
    assert texts(cells[0])[1].startswith("… messages of this cell that were lost: 7;")


def test_a_lost_end_does_not_hang(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """If a cell's last message never comes, its reply ends it, and the doubt is said."""
    arrived = CellClient._received

    def lossy(client: CellClient) -> Any:
        for message in arrived(client):
            if message["content"].get("execution_state") != "idle":
                yield message

    monkeypatch.setattr(CellClient, "_received", lossy)
    monkeypatch.setattr("runner.run.kernel_client._QUIET", 0.2)
    cells, _ = run("print('kept')")
    assert texts(cells[0]) == [
        "kept\n",
        "… the kernel did not say that this cell's output is complete …\n",
    ]


def test_nothing_is_called_lost_that_was_not(run: Run) -> None:
    """What takes a number and is never sent is no loss, nor is what threads and forks send."""
    code = (
        "get_ipython().kernel.session.msg('never sent')\n"
        "import os, threading, ipywidgets, subprocess\n"
        "from IPython.display import display, HTML\n"
        "def speak():\n    for _ in range(50): print('t'); display(HTML('t'))\n"
        "threads = [threading.Thread(target=speak) for _ in range(3)]\n"
        "for thread in threads: thread.start()\n"
        "bar = ipywidgets.IntProgress(); display(bar)\n"
        "for number in range(50): bar.value = number; display(number); print(number)\n"
        "if not (child := os.fork()):\n    print('child', flush=True); os._exit(0)\n"
        "os.waitpid(child, 0); subprocess.run(['echo', 'sub'])\n"
        "for thread in threads: thread.join()\n'result'"
    )
    empty = "class Lazy:\n    def _ipython_display_(self): print('by itself')\nLazy()"
    cells, _ = run(code, empty, code)
    assert not any("lost" in str(cell.outputs) for cell in cells)


def test_the_kernel_gets_the_true_source(run: Run) -> None:
    """A masked cell runs with its secret, and stands in the record without it."""
    cells, _ = run("token = '***'", "len(token)", sources={"cell-0": "token = 'secret'"})
    assert cells[0].source == "token = '***'"
    assert texts(cells[1]) == ["6"]
    assert "secret" not in json.dumps(cells)


def test_the_reply_is_heard_among_the_messages_to_a_widget(run: Run) -> None:
    """What we send on the channel that it comes by must not have it go unnoticed."""
    made = "import ipywidgets\nbox = ipywidgets.Output()"
    cells, _ = run(made, *["with box: print(1)"] * 40)
    assert all("shell.execute_reply" in cell.metadata.execution for cell in cells)


def test_an_output_widget_takes_its_own(run: Run) -> None:
    """What is printed into a widget is not the cell's output."""
    cells, _ = run(
        "import ipywidgets\nbox = ipywidgets.Output()\nwith box: print('inside')\nprint('outside')"
    )
    assert texts(cells[0]) == ["outside\n"]
