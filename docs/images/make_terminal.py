"""Take pictures of commands in a terminal: a real one runs them, and rich and Chromium draw it."""

from __future__ import annotations

import io
import os
import pty
import re
import signal
import subprocess
import sys
import termios
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

from runner import processes

COLUMNS = 108
FONTS = re.compile(r"@font-face\s*{.*?}", re.DOTALL)


GRID = ("--grid", "gamma=scale,auto", "--grid", "C=0.1,1,10", "-j", "2")
PICTURES = (
    ("terminal-serve", ("serve", "notebooks/petals.ipynb", "--reload"), "Ctrl-C stops"),
    ("terminal-sweep", ("sweep", "notebooks/train.ipynb", *GRID), "report.ipynb"),
    ("terminal-run", ("run", "notebooks/train.ipynb"), "test_rows"),
)


def take(browser: Any, folder: Path, images: Path) -> None:
    """Take the pictures of commands in a terminal.

    Args:
        browser: Chromium.
        folder: Where there are notebooks.
        images: Where the pictures go.
    """
    runner = str(Path(sys.executable).with_name("runner"))
    for name, words, last in PICTURES:
        take_terminal(browser, folder, [runner, *words], images / f"{name}.png", last)


def take_terminal(browser: Any, folder: Path, words: list[str], image: Path, until: str) -> None:
    """Run a command in a terminal until it has said something, and take a picture of that.

    Args:
        browser: Chromium.
        folder: Where to run it.
        words: The command line.
        image: Where the picture goes.
        until: What it says last.
    """
    said = shown([*words], folder, until)
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
    shell = Text("$ ", style="bold green") + Text(" ".join(["runner", *words[1:]]), style="bold")
    console.print(shell, Text.from_ansi(said), sep="\n")
    # rich's fonts are elsewhere, and nothing is asked of the network.
    drawing = FONTS.sub("", console.export_svg(title="", theme=MONOKAI))
    page = browser.new_page(viewport={"width": 1100, "height": 600})
    page.set_content(f"<style>body {{margin: 0}} svg {{display: block}}</style>{drawing}")
    page.locator("svg").screenshot(path=image)
    page.close()


def shown(words: list[str], folder: Path, until: str, seconds: float = 120.0) -> str:
    """Give what a terminal shows at the moment at which a command has said something.

    Raises:
        TimeoutError: It has not within so many seconds.
    """
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (40, COLUMNS))
    environ = {**os.environ, "TERM": "xterm-256color", "COLUMNS": str(COLUMNS)}
    environ.pop("NO_COLOR", None)
    process = subprocess.Popen(
        words, cwd=folder, env=environ, stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    text, deadline = b"", time.monotonic() + seconds
    try:
        while until.encode() not in text or not text.endswith(b"\n"):
            if not processes.readable([ours], max(0, deadline - time.monotonic())):
                raise TimeoutError(f"{words}: {text.decode(errors='replace')}")
            text += os.read(ours, 65536)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)
        os.close(ours)
    return seen(text.decode())


def seen(text: str) -> str:
    """Leave out what was erased."""
    lines = text.replace("\r\n", "\n").split("\n")
    return "\n".join(line.rpartition("\x1b[K")[2].rstrip("\r") for line in lines)
