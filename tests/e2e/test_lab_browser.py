"""The badge, the marked cell and the live record in a real JupyterLab, in headless Chromium."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import nbformat
import pytest
from support import post, write_notebook
from support.browser import expect
from support.jupyter_server import JupyterServer
from support.lab_client import TOKEN, ask

pytestmark = pytest.mark.browser

EVIL = "<img src=x onerror='window.isHurt = true'>"
DOUBLED = "def doubled(x: int) -> int:\n    return x * 2"
SERVE = "from runner import serve\nserve(doubled, example={'x': 1})"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterServer]:
    """JupyterLab over a folder with one notebook."""
    folder = tmp_path_factory.mktemp("lab")
    write_notebook(folder / "a.ipynb", "scale = 1", DOUBLED, SERVE)
    server = JupyterServer(folder, "jupyterlab")
    try:
        server.wait_up()
        yield server
    finally:
        server.end()


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    opened = context.new_page()
    opened.set_default_timeout(30_000)
    yield opened
    context.close()


def open_in(page: Any, lab: JupyterServer, path: str) -> Any:
    """Open a notebook in JupyterLab; give its tab."""
    page.goto(f"http://127.0.0.1:{lab.port}/lab/tree/{path}?token={TOKEN}&reset")
    panel = page.locator(".jp-NotebookPanel:visible")
    shown = panel.locator(".jp-runner-Badge-button, .jp-runner-Record")
    expect(shown).to_be_visible(timeout=60_000)
    return panel


def choose(page: Any, panel: Any, item: str) -> None:
    """Take an entry of the menu, by the keyboard alone."""
    panel.locator(".jp-runner-Badge-button").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".lm-Menu")).to_be_visible()
    for _ in range(12):
        page.keyboard.press("ArrowDown")
        if page.locator(".lm-Menu-item.lm-mod-active", has_text=item).count():
            page.keyboard.press("Enter")
            return
    raise AssertionError(f"no entry {item}")


def badge(panel: Any, state: str, seconds: float) -> Any:
    """Wait until the badge says that."""
    found = panel.locator(f".jp-runner-Badge-button[data-state='{state}']")
    expect(found).to_be_visible(timeout=seconds * 1000)
    return found


def test_a_broken_save_is_seen_where_it_was_typed(
    page: Any, lab: JupyterServer, record_property: Callable[[str, object], None]
) -> None:
    """Served from the menu, broken by typing, mended by typing; what serves answers throughout."""
    panel = open_in(page, lab, "a.ipynb")
    badge(panel, "not served", 10)
    choose(page, panel, "Serve")
    badge(panel, "serving", 60)
    port = urlsplit(lab.state("a.ipynb")["url"]).port
    assert f":{port}" in panel.locator(".jp-runner-Badge-button").inner_text()

    cell = panel.locator(".jp-Cell").first
    cell.locator(".cm-content").click()
    page.keyboard.press("Control+A")
    page.keyboard.insert_text(f'scale = 1\nraise ValueError("{EVIL}")')
    page.keyboard.press("Control+S")
    began = time.monotonic()
    badge(panel, "failed", 30)
    note = cell.locator(".jp-runner-Failure")
    expect(note).to_contain_text(f"ValueError: {EVIL}")
    expect(note).to_contain_text("line 2")
    record_property("seconds until it is seen", round(time.monotonic() - began, 2))
    assert post(port or 0, b'{"x": 4}') == (200, 8)
    assert page.evaluate("window.isHurt") is None

    cell.locator(".cm-content").click()
    page.keyboard.press("Control+A")
    page.keyboard.insert_text("scale = 2")
    page.keyboard.press("Control+S")
    badge(panel, "serving", 60)
    expect(note).to_have_count(0)


def test_a_record_follows_what_is_on_the_disk(page: Any, lab: JupyterServer) -> None:
    """An output that changes is shown without a reload; nobody types there, no kernel starts."""
    kernels = kernels_of(lab)
    record = lab.cwd / "record.ipynb"
    write_record(record, "begun")
    panel = open_in(page, lab, "record.ipynb")
    expect(panel.locator(".jp-OutputArea")).to_contain_text("begun")
    write_record(record, "ended")
    expect(panel.locator(".jp-OutputArea")).to_contain_text("ended")
    panel.locator(".cm-content").click()
    page.keyboard.press("Enter")
    page.keyboard.insert_text("typed")
    assert "typed" not in panel.locator(".cm-content").inner_text()
    assert kernels_of(lab) == kernels


def kernels_of(lab: JupyterServer) -> set[str]:
    return {kernel["id"] for kernel in ask(lab.port, "/api/kernels", token=TOKEN)[1]}


def write_record(path: Path, said: str) -> None:
    """Write what a run does, as a run does: by a rename."""
    notebook = nbformat.read(write_notebook(path.with_suffix(".new"), "1"), as_version=4)
    notebook.metadata["runner"] = {"status": "running"}
    notebook.cells[0].outputs = [nbformat.v4.new_output("stream", name="stdout", text=said)]
    nbformat.write(notebook, path.with_suffix(".new"))
    path.with_suffix(".new").replace(path)
