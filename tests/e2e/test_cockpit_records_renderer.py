"""The process that renders records, as the cockpit uses it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.records import cell, display, document, write

from runner.cockpit.records_renderer import POLICY, Renderer

# Answers with what it was asked, and ends at the name that begins with `b`.
STAND_IN = """
import json, sys
for line in sys.stdin.buffer:
    path = bytes.fromhex(json.loads(line))
    if b"/b" in path: sys.exit(1)
    sys.stdout.buffer.write(len(path).to_bytes(8, "big") + path)
    sys.stdout.flush()
"""
# The process itself, for which a record takes for ever.
HANGING = """
import threading
from runner.cockpit import records_rendering
records_rendering.SECONDS = 1
records_rendering.page = lambda rendering, path: threading.Event().wait()
records_rendering.main()
"""
# The process itself, for which a record takes twice the memory that it may.
GREEDY = """
from runner.cockpit import records_rendering
records_rendering.MEMORY = 256 * 2**20
records_rendering.page = lambda rendering, path: str(len("x" * 512 * 2**20))
records_rendering.main()
"""


@pytest.fixture
def stand_in() -> Iterator[Renderer]:
    renderer = Renderer([sys.executable, "-c", STAND_IN])
    yield renderer
    renderer.close()


def test_a_record_is_rendered_and_kept_until_it_changes(tmp_path: Path) -> None:
    """By nbconvert, in a process that is ended with us."""
    renderer = Renderer()
    try:
        path = tmp_path / "a.ipynb"
        write(path, document([cell(outputs=[display(text_plain="seen")])]))
        html = renderer.html(path)
        assert html is not None
        assert b"seen" in html
        assert renderer.html(path) is html
        write(path, document([cell(outputs=[display(text_plain="seen later")])]))
        assert b"seen later" in (renderer.html(path) or b"")
    finally:
        renderer.close()


def test_a_record_that_cannot_be_rendered_does_not_hinder_others(
    stand_in: Renderer, tmp_path: Path
) -> None:
    """The process has ended by it; another is started for the next one."""
    good, bad = (write(tmp_path / "a" / name, document()) for name in ("good", "bad"))
    assert stand_in.html(bad) is None
    assert stand_in.html(good) == str(good).encode()
    assert stand_in.html(bad) is None


def test_a_record_that_takes_too_long_is_given_up(tmp_path: Path) -> None:
    """The process ends by its own alarm, whatever it does."""
    renderer = Renderer([sys.executable, "-c", HANGING])
    try:
        assert renderer.html(write(tmp_path / "a.ipynb", document())) is None
    finally:
        renderer.close()


def test_a_record_that_takes_too_much_memory_is_given_up(tmp_path: Path) -> None:
    """The process is given no more, and ends before anybody else is short of it."""
    renderer = Renderer([sys.executable, "-c", GREEDY])
    try:
        assert renderer.html(write(tmp_path / "a.ipynb", document())) is None
    finally:
        renderer.close()


def test_nothing_is_rendered_after_the_end(stand_in: Renderer, tmp_path: Path) -> None:
    """No process is left behind."""
    path = write(tmp_path / "a", document())
    assert stand_in.html(path) is not None
    stand_in.close()
    assert stand_in.html(write(path, document(status="failed"))) is None


def test_the_policy_lets_nothing_run_and_nothing_load() -> None:
    """But for styles within the page, and pictures within it."""
    rules = dict(rule.strip().partition(" ")[::2] for rule in POLICY.split(";"))
    assert rules["default-src"] == rules["base-uri"] == rules["form-action"] == "'none'"
    assert "script-src" not in rules
    assert "allow-scripts" not in rules["sandbox"]
    assert rules["img-src"] == "data:"
