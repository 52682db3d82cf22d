"""Take the pictures of JupyterLab: the badge of a notebook that is served, and a marked cell."""

from __future__ import annotations

import secrets
import subprocess
import sys
from pathlib import Path
from typing import Any

from programs import RUNNER, free_port, wait_for

BADGE = ".jp-runner-Badge-button[data-state='{}']"
BROKEN = 'raise FileNotFoundError("model/petals.joblib: nobody has trained it")'


def take(browser: Any, folder: Path, images: Path) -> None:
    """Serve the tutorial's notebook by the badge's menu, then save a broken version of it.

    Args:
        browser: Chromium.
        folder: With ``notebooks/petals.ipynb``; JupyterLab's root folder.
        images: Where the pictures go.
    """
    port, token = free_port(), secrets.token_hex()
    settings = folder / "settings/@jupyterlab/apputils-extension/notification.jupyterlab-settings"
    settings.parent.mkdir(parents=True)
    settings.write_text('{"fetchNews": "false"}')
    words = (
        *("--no-browser", "--allow-root", f"--port={port}", f"--IdentityProvider.token={token}"),
        *("--LabApp.user_settings_dir=settings", "--LabApp.workspaces_dir=workspaces"),
    )
    jupyter = subprocess.Popen([sys.executable, "-m", "jupyterlab", *words], cwd=folder)
    try:
        wait_for(f"http://127.0.0.1:{port}/api")
        page = browser.new_page(viewport={"width": 1000, "height": 560})
        page.set_default_timeout(60_000)
        path = "lab/tree/notebooks/petals.ipynb"
        page.goto(f"http://127.0.0.1:{port}/{path}?token={token}&reset")
        pictures(page, images)
    finally:
        stop = [*RUNNER, "stop", "notebooks/petals.ipynb"]
        subprocess.run(stop, cwd=folder, check=False, timeout=60)
        jupyter.terminate()
        jupyter.wait(30)


def pictures(page: Any, images: Path) -> None:
    """Take both, of the notebook that is open."""
    page.locator(BADGE.format("not served")).click()
    page.get_by_role("menuitem", name="Serve").click()
    page.locator(BADGE.format("serving")).click()
    page.get_by_role("menuitem", name="Reload").hover()
    page.screenshot(path=images / "lab-badge.png")
    page.keyboard.press("Escape")
    cell = page.locator(".jp-CodeCell").nth(1)
    cell.locator(".cm-content").click()
    page.keyboard.press("Control+Home")
    page.keyboard.insert_text(f"{BROKEN}\n")
    page.keyboard.press("Control+S")
    page.locator(BADGE.format("failed")).wait_for()
    page.locator(".jp-runner-Failure").scroll_into_view_if_needed()
    page.screenshot(path=images / "lab-failed.png")
