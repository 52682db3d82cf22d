"""Make the pictures of the documentation anew: ``make pictures``.

It serves ``notebooks/serve.ipynb`` and the tutorial's notebook in a folder of its own, and looks at
the service's page, at the live ``out.ipynb`` and at JupyterLab by headless Chromium.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
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
from programs import background, chromium, free_port, run, wait_for

IMAGES = Path(__file__).resolve().parent
ROOT = IMAGES.parents[1]
TUTORIAL = IMAGES.parent / "tutorial.md"


def main() -> None:
    """Make all pictures."""
    with tempfile.TemporaryDirectory() as name, chromium() as browser:
        folder = Path(name)
        shutil.copytree(ROOT / "notebooks", folder / "notebooks")
        write_tutorial(folder / "notebooks/petals.ipynb")
        run(folder, "run", "notebooks/train.ipynb")
        pictures(browser, folder, "serve", "")
        pictures(browser, folder, "petals", "tutorial-")
        make_record.take(browser, folder, IMAGES)
        make_terminal.take(browser, folder, IMAGES)
        make_status.take(browser, folder / "status", IMAGES)
        digits(browser, folder)
        make_lab.take(browser, folder, IMAGES)
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
    with background(folder, *words):
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
    with background(folder, *words):
        wait_for(f"http://127.0.0.1:{port}/readyz")
        make_pages.take_drawing(browser, f"http://127.0.0.1:{port}/", IMAGES / "digits-page.png")


def take_record(browser: Any, folder: Path, image: Path) -> None:
    """Show out.ipynb while its last cell serves, as nbconvert has it."""
    words = ("--to", "html", "--output-dir", ".", "out.ipynb")
    subprocess.run([sys.executable, "-m", "nbconvert", *words], cwd=folder, check=True, timeout=120)
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


if __name__ == "__main__":
    main()
