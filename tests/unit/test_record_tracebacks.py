"""Of a traceback the author's own places are shown, and those of libraries are folded."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner.record import tracebacks

HEAD = "\x1b[31mValueError\x1b[39m        Traceback (most recent call last)"
CELL = "\x1b[36mCell\x1b[39m \x1b[32mIn[3]\x1b[39m\x1b[32m, line 2\x1b[39m\n----> 2 f()"
OWN = "File \x1b[32m~/flowers/tools.py:7\x1b[39m, in f()\n----> 7 g()"
LIBRARY = "File /venv/lib/python3.12/site-packages/sklearn/base.py:9, in g()\n----> 9 h()"
STANDARD = "File /usr/lib/python3.11/json/decoder.py:5, in h()\n----> 5 raise"
END = "\x1b[31mValueError\x1b[39m: no"


def test_rows_of_frames_become_a_line_each() -> None:
    """What the author has written, and the error, stay as they are."""
    left, count = tracebacks.folded([HEAD, CELL, LIBRARY, STANDARD, OWN, LIBRARY, END])
    assert count == 3
    assert left == [
        HEAD,
        CELL,
        "    … 2 frames of libraries …\n",
        OWN,
        "    … 1 frame of a library …\n",
        END,
    ]


@pytest.mark.parametrize(
    "traceback",
    [[], [HEAD, CELL, END], [HEAD, LIBRARY, END], ["no frames"], [f"{CELL}\n{LIBRARY}"]],
)
def test_nothing_is_folded_where_nothing_else_is_left(traceback: list[str]) -> None:
    """Nor what another kernel has put together."""
    assert tracebacks.folded(traceback) == (traceback, 0)


@pytest.mark.parametrize(
    ("file", "is_so"),
    [
        ("<frozen importlib._bootstrap>", True),
        ("/usr/lib/python3/dist-packages/yaml/__init__.py", True),
        (str(Path(tracebacks.__file__)), True),
        ("~/flowers/lib/tools.py", False),
        ("<timed exec>", False),
        ("tools.py", False),
    ],
)
def test_a_library_is_what_is_installed(file: str, is_so: bool) -> None:
    """Or comes with Python, or is this package."""
    assert tracebacks.is_of_library(file) is is_so
