"""The table of the examples in the documentation, each served as its row says."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

from support import ROOT, RUNNER, Service, is_ready, reserved_port, until

HEAD = ["example", "what it is", "train", "serve", "ask", "answer", "measured"]
NOTHING = "–"  # noqa: RUF001 - the page is typeset


@dataclasses.dataclass(frozen=True)
class Row:
    """One example, as the page's table has it, without the marks of Markdown."""

    example: str
    what: str
    train: str
    serve: str
    ask: str
    answer: str
    measured: str

    @property
    def name(self) -> str:
        """The name of its folder."""
        return re.findall(r"[\w-]+", self.example)[0]


def table() -> list[list[str]]:
    """The cells of the gallery's table, row by row."""
    section = re.split(r"^## ", (ROOT / "docs/gallery.md").read_text(), flags=re.MULTILINE)
    (text,) = (each for each in section if each.startswith("The gallery\n"))
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[plain(cell) for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


def plain(cell: str) -> str:
    return cell.strip().strip("`").replace(r"\|", "|")


ROWS = [Row(*cells) for cells in table()[2:]]


def row_of(name: str) -> Row:
    """The row of an example."""
    (found,) = (row for row in ROWS if row.name == name)
    return found


@contextlib.contextmanager
def served(name: str, folder: Path) -> Iterator[int]:
    """Serve an example by two workers, as its row says, and ask as that does; give the port."""
    row, port = row_of(name), reserved_port()
    words = [*shlex.split(row.serve)[1:], "--port", str(port)]
    service = Service(*words, cwd=folder)
    try:
        until(lambda: is_ready(port, service), 60)
        assert len(workers_of(folder, words[1])) == 2
        said = asked(row.ask, port, folder)
        assert is_answer(said, row.answer), said
        yield port
        assert service.stop() == 0, service.said()
        assert "Traceback" not in service.said()
    finally:
        assert service.end() == []


def workers_of(folder: Path, notebook: str) -> list[int]:
    words = [*RUNNER, "status", notebook, "--format", "json"]
    said = subprocess.run(words, cwd=folder, capture_output=True, check=True, timeout=30).stdout
    workers: list[int] = json.loads(said)["serving"]["workers"]
    return workers


def asked(curl: str, port: int, folder: Path) -> str:
    """What a row's own command prints, asked of another port."""
    assert "localhost:8000" in curl
    words = shlex.split(curl.replace("localhost:8000", f"127.0.0.1:{port}"))
    done = subprocess.run(
        [*words, "-sS"], cwd=folder, capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout.strip()


def is_answer(said: str, wanted: str) -> bool:
    """Compare JSON by what it means, text by the letter, and to … its beginning."""
    if wanted.endswith("…"):
        return said.startswith(wanted.removesuffix("…").rstrip())
    try:
        value, expected = json.loads(said), json.loads(wanted)
    except ValueError:
        return said == wanted
    return bool(value == expected and type(value) is type(expected))
