"""Run the programs whose pictures are taken, and the one that takes them."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

RUNNER = [sys.executable, "-m", "runner"]
QUIET = ("--no-first-run", "--disable-background-networking", "--disable-component-update")


@contextlib.contextmanager
def chromium() -> Iterator[Any]:
    """Start a browser without a window, and end it."""
    found = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox", *QUIET])
        with contextlib.closing(browser):
            yield browser


def run(folder: Path, *words: str) -> None:
    """Run a command of ours to its end."""
    subprocess.run([*RUNNER, *words], cwd=folder, check=True, timeout=300)


@contextlib.contextmanager
def background(folder: Path, *words: str) -> Iterator[None]:
    """Run a command of ours beside us, and stop it."""
    process = subprocess.Popen([*RUNNER, *words], cwd=folder)
    try:
        yield
    finally:
        process.terminate()
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
