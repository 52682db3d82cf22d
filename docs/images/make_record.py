"""Take the pictures of a record in JupyterLab: of a service, while and after, and of a failed run.

    python docs/images/make_record.py FOLDER

takes them into a folder, in the dark theme too.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from programs import RUNNER, background, chromium, free_port, run, wait_for

FLOWERS = """
model_path: str = "model/iris.joblib"  # the model, its card beside it
---
from runner import load_model, serve
model, card = load_model(model_path)
---
def species(petal_length: float, petal_width: float) -> str:
    "Name the species of an iris by its petals."
    slenderness = petal_length / petal_width
    row = [5.8, 3.0, petal_length, petal_width]
    return str(card["class_names"][int(model.predict([row])[0])])
---
serve(species, example={"petal_length": 1.4, "petal_width": 0.2})
"""


def main() -> None:
    """Take all of them."""
    root = Path(__file__).resolve().parents[2]
    with tempfile.TemporaryDirectory() as name, chromium() as browser:
        folder, images = Path(name), Path(sys.argv[1])
        shutil.copytree(root / "notebooks", folder / "notebooks")
        run(folder, "run", "notebooks/train.ipynb")
        take(browser, folder, images, others=images)


def take(browser: Any, folder: Path, images: Path, others: Path | None = None) -> None:
    """Serve a notebook that is asked for some minutes, and show its record in JupyterLab.

    Args:
        browser: Chromium.
        folder: With the project's notebooks, and the model that they have trained.
        images: Where the pictures go that the documentation shows.
        others: Where the others go; None if they are not wanted.
    """
    port, record = free_port(), "runs/flowers/out.ipynb"
    write_flowers(folder / "notebooks/flowers.ipynb")
    words = ("serve", "notebooks/flowers.ipynb", "--port", str(port), "--workers", "2")
    with jupyterlab(folder) as light, jupyterlab(folder, is_dark=True) as dark:
        with background(folder, *words, "--record-requests", "0.001"):
            wait_for(f"http://127.0.0.1:{port}/readyz")
            with asked(f"http://127.0.0.1:{port}", seconds=150):
                shoot(browser, light, record, images / "record.png", "serving since")
                if others:
                    shoot(browser, dark, record, others / "record-dark.png", "serving since")
        if others:
            shoot(browser, light, record, others / "record-ended.png", "served from")
            shoot(browser, dark, record, others / "record-ended-dark.png", "served from")
        fail(folder)
        failed = "runs/failing/out.ipynb"
        shoot(browser, light, failed, images / "record-failed.png", "This run failed")
        if others:
            shoot(browser, dark, failed, others / "record-failed-dark.png", "This run failed")


def shoot(browser: Any, lab: str, path: str, image: Path, shows: str) -> None:
    """Take a picture of a notebook in JupyterLab once it shows a text."""
    page = browser.new_page(viewport={"width": 960, "height": 800})
    page.goto(lab.format(path=path))
    # Not what the editor of a text's cell holds, which is hidden.
    page.get_by_text(shows).locator("visible=true").first.wait_for(timeout=60_000)
    page.wait_for_timeout(3_000)  # what slides in has come to rest
    page.screenshot(path=image)
    page.close()


@contextlib.contextmanager
def jupyterlab(folder: Path, *, is_dark: bool = False) -> Iterator[str]:
    """Start JupyterLab on a folder; give the address below which its notebooks are."""
    port, token = free_port(), secrets.token_hex(16)
    settings = folder / f".lab-{'dark' if is_dark else 'light'}"
    _write_settings(settings, is_dark=is_dark)
    words = [
        str(Path(sys.executable).with_name("jupyter-lab")),
        *("--no-browser", "--allow-root", f"--port={port}", "--ServerApp.port_retries=0"),
        f"--IdentityProvider.token={token}",
        f"--ServerApp.root_dir={folder}",
    ]
    environ = {**os.environ, "JUPYTERLAB_SETTINGS_DIR": str(settings), "HOME": str(settings)}
    with (settings / "log").open("wb") as log:
        process = subprocess.Popen(words, cwd=folder, env=environ, stdout=log, stderr=log)
    try:
        wait_for(f"http://127.0.0.1:{port}/api")
        yield f"http://127.0.0.1:{port}/doc/tree/{{path}}?token={token}"
    finally:
        process.terminate()
        process.wait(30)


def _write_settings(folder: Path, *, is_dark: bool) -> None:
    values = {
        "themes": {"theme": f"JupyterLab {'Dark' if is_dark else 'Light'}"},
        "notification": {"fetchNews": "false", "checkForUpdates": False},
    }
    for name, value in values.items():
        path = folder / f"@jupyterlab/apputils-extension/{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(value))


def fail(folder: Path) -> None:
    """Run a notebook that fails within a library."""
    cells = ["import json", 'text = "[3, 1, 2,"', "rows = json.loads(text)\nrows.sort()", "rows"]
    notebook = new_notebook(cells=[new_markdown_cell("# Sort the rows")])
    notebook.cells += [new_code_cell(cell) for cell in cells]
    notebook.cells[3].id = "load-rows"
    nbformat.write(notebook, folder / "failing.ipynb")
    subprocess.run([*RUNNER, "run", "failing.ipynb"], cwd=folder, check=False, timeout=300)


def write_flowers(path: Path) -> None:
    """Make a notebook whose model is asked by a function, which refuses some flowers."""
    notebook = new_notebook(cells=[new_markdown_cell("# Which iris is it?")])
    notebook.cells += [new_code_cell(cell) for cell in FLOWERS.strip().split("\n---\n")]
    notebook.cells[1].metadata["tags"] = ["parameters"]
    nbformat.write(notebook, path)


@contextlib.contextmanager
def asked(url: str, seconds: float) -> Iterator[None]:
    """Ask a service for that long, more and less, before the body and while it lasts."""
    over = threading.Event()

    def ask() -> None:
        number = 0
        while not over.wait(0.002 + 0.02 * (int(time.monotonic() / 20) % 3)):
            number += 1
            flower = {"petal_length": 1.4, "petal_width": 0.0 if number % 50 == 0 else 0.2}
            headers = {"content-type": "application/json"}
            request = urllib.request.Request(url, json.dumps(flower).encode(), headers)
            with contextlib.suppress(OSError), urllib.request.urlopen(request, timeout=5):
                pass

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        time.sleep(seconds)
        yield
    finally:
        over.set()
        thread.join()


if __name__ == "__main__":
    main()
