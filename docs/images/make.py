"""Make the pictures of the documentation anew: ``make pictures``.

It serves ``notebooks/serve.ipynb`` and the tutorial's notebook in a folder of its own, and looks at
the service's page, at the live ``out.ipynb`` and at JupyterLab by headless Chromium.
"""

from __future__ import annotations

import contextlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import make_cockpit
import make_cockpit_runs
import make_lab
import make_pages
import make_record
import make_status
import make_terminal
import nbformat
from nbformat.v4 import new_code_cell, new_notebook
from playwright.sync_api import sync_playwright

IMAGES = Path(__file__).resolve().parent
ROOT = IMAGES.parents[1]
TUTORIAL = IMAGES.parent / "tutorial.md"
QUIET = ("--no-first-run", "--disable-background-networking", "--disable-component-update")


def main() -> None:
    """Make all pictures."""
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        folder = Path(name)
        shutil.copytree(ROOT / "notebooks", folder / "notebooks")
        write_tutorial(folder / "notebooks/petals.ipynb")
        run(folder, "run", "notebooks/train.ipynb")
        chromium = shutil.which("chromium") or shutil.which("google-chrome")
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", *QUIET]
        )
        with contextlib.closing(browser):
            pictures(browser, folder, "serve", "")
            pictures(browser, folder, "petals", "tutorial-")
            make_record.take(browser, folder, IMAGES)
            make_terminal.take(browser, folder, IMAGES)
            make_status.take(browser, folder / "status", IMAGES)
            digits(browser, folder)
            make_lab.take(browser, folder, free_port(), IMAGES)
            make_cockpit.take(browser, folder / "cockpit", IMAGES)
            make_cockpit_runs.take(browser, folder / "runs-and-sweeps", IMAGES)


def write_tutorial(path: Path) -> None:
    """Make a notebook of the tutorial's own cells."""
    cells = re.findall(r"^```python\n(.*?)^```", TUTORIAL.read_text(), re.MULTILINE | re.DOTALL)
    notebook = new_notebook(cells=[new_code_cell(cell.strip()) for cell in cells])
    notebook.cells[0].metadata["tags"] = ["parameters"]
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
    nbformat.write(notebook, path)


def pictures(browser: Any, folder: Path, notebook: str, prefix: str) -> None:
    """Serve a notebook, and take its two pictures."""
    port = free_port()
    words = ("serve", f"notebooks/{notebook}.ipynb", "--port", str(port), "--workers", "2")
    with background(folder, command("runner"), *words):
        wait_for(f"http://127.0.0.1:{port}/readyz")
        make_pages.take_form(browser, f"http://127.0.0.1:{port}/", IMAGES / f"{prefix}page.png")
        if prefix:
            take_record(browser, folder / f"runs/{notebook}", IMAGES / f"{prefix}record.png")


def digits(browser: Any, folder: Path) -> None:
    """Serve the example ``digits``, and take the picture of its page."""
    port = free_port()
    notebooks = "notebooks/examples/digits"
    run(folder, "run", f"{notebooks}/train.ipynb")
    words = ("serve", f"{notebooks}/serve.ipynb", "--port", str(port))
    with background(folder, command("runner"), *words):
        wait_for(f"http://127.0.0.1:{port}/readyz")
        make_pages.take_drawing(browser, f"http://127.0.0.1:{port}/", IMAGES / "digits-page.png")


def take_record(browser: Any, folder: Path, image: Path) -> None:
    """Show out.ipynb while its last cell serves, as nbconvert has it."""
    words = ("nbconvert", "--to", "html", "--output-dir", ".", "out.ipynb")
    subprocess.run([command("jupyter"), *words], cwd=folder, check=True, timeout=120)
    page = browser.new_page(viewport={"width": 900, "height": 700})
    page.route("**/*", offline)
    page.goto((folder / "out.html").as_uri())
    page.get_by_text("serving ASGI on").wait_for()
    page.locator("main").screenshot(path=image)
    page.close()


def offline(route: Any) -> None:
    """Let a page load files only: its fonts for formulas are elsewhere, and none is shown."""
    if route.request.url.startswith(("file:", "data:")):
        route.continue_()
    else:
        route.abort()


def run(folder: Path, *words: str) -> None:
    """Run a command of ours to its end."""
    subprocess.run([command("runner"), *words], cwd=folder, check=True, timeout=300)


def command(name: str) -> str:
    """Give a command of the environment that this script runs in."""
    return str(Path(sys.executable).with_name(name))


@contextlib.contextmanager
def background(folder: Path, *words: str) -> Iterator[None]:
    """Run a server beside us, and end it."""
    process = subprocess.Popen(words, cwd=folder)
    try:
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def wait_for(url: str, seconds: float = 120.0) -> None:
    """Wait until a server answers with 200."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=5):
            return
        time.sleep(0.2)
    raise TimeoutError(url)


def free_port() -> int:
    """Find a port that nobody has."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    return port


if __name__ == "__main__":
    main()
