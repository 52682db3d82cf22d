"""The place of a failure: the cell as a reader counts it, its title, the line and its text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from runner.record import failures


def cell(source: str, kind: str = "code", name: str = "3f0a9c1e", tag: str = "") -> dict[str, Any]:
    tags = [tag] if tag else []
    return {"cell_type": kind, "id": name, "source": source, "metadata": {"tags": tags}}


FAILED = cell("first(rows)")
NOTEBOOK = [
    cell("# Prices\n\n## Load", "markdown"),
    cell("rows = {}", name="load-rows"),
    cell("rate = 2", tag="injected-parameters"),
    cell("def first(rows):\n    return rows['a']") | {"execution_count": 3},
    cell("text"),
    cell("## Fit the model", "markdown"),
    FAILED,
    cell("# Draw it\nplot()"),
]
TRACEBACK = [
    "\x1b[31mKeyError\x1b[39m                   Traceback (most recent call last)",
    "\x1b[36mCell \x1b[32mIn[5]\x1b[39m\x1b[32m, line 1\n\x1b[32m----> \x1b[39m1 first(rows)",
    "Cell In[3], line 2, in first(rows)\n      1 def first(rows):\n----> 2     return rows['a']",
    "KeyError: 'a'",
]


@pytest.mark.parametrize(
    ("place", "name"),
    [
        (1, "cell 2 (load-rows)"),
        (2, "the cell of the parameters that were given"),
        (3, "cell 3"),
        (6, "cell 6 (Fit the model)"),
        (7, "cell 7 (Draw it)"),
    ],
)
def test_a_cell_is_counted_as_a_reader_does(place: int, name: str) -> None:
    """Texts count, and what was put in does not; its title is its own, or the heading above."""
    assert failures.describe(NOTEBOOK, NOTEBOOK[place]) == name


def test_the_line_and_its_text_are_named() -> None:
    """That of the cell which failed, and that of the cell in which the error began."""
    found = failures.failure_of(NOTEBOOK, FAILED, "KeyError", "'a'", TRACEBACK, mend="add it")
    place = "cell 6 (Fit the model), line 1 `first(rows)`,"
    origin = "cell 3, line 2 `return rows['a']`"
    assert found.said == f"{place} raised KeyError: 'a' (in {origin}); add it"
    assert (found.cell, found.line, found.text) == (6, 1, "first(rows)")


def test_a_file_of_the_author_is_named_and_none_that_is_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error is mended where the author can mend it."""
    monkeypatch.chdir(tmp_path)
    own = f"File {tmp_path}/tools.py:3, in read()\n----> 3     return json.loads('')"
    installed = "File /usr/lib/python3.11/json/__init__.py:346, in loads(s)\n--> 346     return x"
    beside = f"File {tmp_path}/.venv/lib/python3.11/site-packages/a.py:1, in f()\n----> 1     f()"
    traceback = ["Cell In[1], line 1\n----> 1 read()", own, installed, beside]
    said = "tools.py, line 3 `return json.loads('')`"
    assert failures.origin_of([FAILED], FAILED, traceback) == said
    assert not failures.origin_of([FAILED], FAILED, [traceback[0], installed])


def test_of_several_exceptions_the_last_counts() -> None:
    """It is the one that the cell raised."""
    earlier = "Cell In[5], line 2\n----> 2 second()"
    between = "\nDuring handling of the above exception, another exception occurred:\n"
    assert failures.line_of("first(rows)\nsecond()", [earlier, between, *TRACEBACK]) == 1


@pytest.mark.parametrize("traceback", [[], ["no frames"], ["File /x.R:3"]])
def test_without_a_line_the_cell_is_named(traceback: list[str]) -> None:
    """Other kernels have other tracebacks, and SystemExit has none."""
    found = failures.failure_of(NOTEBOOK, NOTEBOOK[7], "SystemExit", "", traceback)
    assert (found.said, found.line) == ("cell 7 (Draw it) raised SystemExit", None)


def test_what_ipython_adds_is_left_out() -> None:
    """The made-up file of a cell's code, and a name that stands there already."""
    value = failures.plain_value("SyntaxError", "invalid syntax (1063758517.py, line 1)")
    assert value == "invalid syntax"
    assert failures.plain_value("RuntimeError", "RuntimeError: odd") == "odd"
    assert failures.plain_value("ValueError", "two\nlines") == "two lines"
    assert len(failures.plain_value("ValueError", "x" * 1_000_000)) == 1_001


def test_lines_are_those_of_python() -> None:
    """Which counts no separator of Unicode within a text, nor a form feed."""
    failed = cell('text = "a\u2028b"\n\x0c\n1 / 0\n')
    traceback = ["Cell In[1], line 3\n----> 3 1 / 0"]
    found = failures.failure_of(
        [failed], failed, "ZeroDivisionError", "division by zero", traceback
    )
    assert (found.line, found.text) == (3, "1 / 0")


def failed_at(text: str, *traceback: str) -> failures.Failure:
    failed = cell(text)
    return failures.failure_of([failed], failed, "ValueError", "no", traceback)


def test_a_cell_within_a_magic_counts_its_own_lines() -> None:
    """IPython runs the body of `%%capture` as a cell; that of others begins in the cell's first."""
    capture = failed_at("%%capture out\nx = 1\n1 / 0", "Cell In[2], line 2\n----> 2 1 / 0")
    assert (capture.line, capture.text) == (3, "1 / 0")
    shown = "Cell In[2], line 1\n----> 1 get_ipython().run_cell_magic('bash', '', 'false')"
    assert failed_at("%%bash\nfalse", shown).line == 1


def test_what_began_in_a_file_is_told_where_no_cell_is_shown() -> None:
    """As of what `%run` has run; the line of a file that is no Python stands below its place."""
    file = Path.cwd() / "bad.py"
    shown = "Cell In[1], line 1\n    import bad\n", f"  File {file}:1\n    def f(:\n        ^"
    assert failed_at("import bad", *shown).origin == "bad.py, line 1 `def f(:`"
    alone = f"File {file}:2\n      1 import json\n----> 2 json.loads('')"
    assert failed_at("%run bad.py", alone).origin == "bad.py, line 2 `json.loads('')`"


def test_a_frame_of_the_same_line_is_no_other_place() -> None:
    """Such as that of a comprehension, which Python 3.11 has."""
    shown = (
        "Cell In[1], line 1\n----> 1 [1 / x for x in y]",
        "Cell In[1], line 1, in <listcomp>(.0)",
    )
    assert failed_at("[1 / x for x in y]", *shown).origin == ""
