"""What tests of the README and the documentation use: their code blocks, their curl lines."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_notebook


def blocks(page: str) -> list[tuple[str, str]]:
    """The fenced blocks of a page with their language; a command stands in one line."""
    found = re.findall(r"^```(\w*)\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    return [(language, text.replace("\\\n", " ")) for language, text in found]


def first_notebook(page: str, path: Path) -> None:
    """Make a notebook of a page's ``python`` blocks; of three or more the first has parameters."""
    cells = [new_code_cell(text.strip()) for language, text in blocks(page) if language == "python"]
    if len(cells) > 2:
        cells[0].metadata["tags"] = ["parameters"]
    path.parent.mkdir(exist_ok=True)
    nbformat.write(new_notebook(cells=cells), path)


def asked(curl: str, port: int) -> str:
    """What a page's own curl line prints, asked of another port."""
    assert "localhost:8000" in curl
    words = shlex.split(curl.replace("localhost:8000", f"127.0.0.1:{port}"))
    done = subprocess.run([*words, "-sS"], capture_output=True, text=True, check=True, timeout=30)
    return done.stdout
