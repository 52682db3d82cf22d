"""Reading a cell's text as Python, as IPython would run it."""

from __future__ import annotations

import ast

import pytest

from runner.notebook import code

SHELL = "get_ipython()"


def said(text: str) -> list[tuple[int, str]]:
    """The statements of a cell, with their lines."""
    return [(node.lineno, ast.unparse(node)) for node in code.read(text).tree.body]


@pytest.mark.parametrize(
    ("text", "statements", "magics"),
    [
        ("x = 1\n\ny = 2", [(1, "x = 1"), (3, "y = 2")], {}),
        ("await f()", [(1, "await f()")], {}),
        ("x = !ls", [(1, f"x = {SHELL}.getoutput('ls')")], {1: "!ls"}),
        ("x = %env A", [(1, f"x = {SHELL}.run_line_magic('env', 'A')")], {1: "%env A"}),
        ("if x:\n    %cd a", [(1, f"if x:\n    {SHELL}.run_line_magic('cd', 'a')")], {2: "%cd a"}),
        (
            "y\n!ls \\\n  -l\nx = 1",
            [(1, "y"), (2, f"{SHELL}.system('ls    -l')"), (4, "x = 1")],
            {2: "!ls    -l"},
        ),
        ("\n\n!ls\nx", [(3, f"{SHELL}.system('ls')"), (4, "x")], {3: "!ls"}),
        ("len?\nx", [(1, f"{SHELL}.run_line_magic('pinfo', 'len')"), (2, "x")], {1: "%pinfo len"}),
        ("?", [(1, f"{SHELL}.show_usage()")], {}),
        ("  x = 1\n  y = 2", [(1, "x = 1"), (2, "y = 2")], {}),
        ("  # a\n  x = 1", [(2, "x = 1")], {}),
        (">>> x = 1\n... ", [(1, "x = 1")], {}),
        ("x = '''\n%time\n'''", [(1, "x = '\\n%time\\n'")], {}),
        ("# %time\nx % 2", [(2, "x % 2")], {}),
    ],
)
def test_each_statement_keeps_its_line(
    text: str, statements: list[tuple[int, str]], magics: dict[int, str]
) -> None:
    """IPython's lines become calls; what they join or strip moves nothing."""
    assert said(text) == statements
    assert code.read(text).magics == magics


@pytest.mark.parametrize(
    ("text", "statements", "magics"),
    [
        ("%%time\nx = 1", [(2, "x = 1")], {1: "%%time"}),
        ("\n%%capture out\n\n%%time\n\nx = 1", [(6, "x = 1")], {2: "%%capture out", 4: "%%time"}),
        ("%%timeit -n1\n!ls", [(2, f"{SHELL}.system('ls')")], {1: "%%timeit -n1", 2: "!ls"}),
        ("%%bash\nimport this", [], {1: "%%bash"}),
        ("%%writefile a.py\nx = 1", [], {1: "%%writefile a.py"}),
        ("%%time?", [(1, f"{SHELL}.run_line_magic('pinfo', '%%time')")], {1: "%pinfo %%time"}),
    ],
)
def test_the_body_of_a_cell_magic_is_read_if_it_runs_in_the_notebook(
    text: str, statements: list[tuple[int, str]], magics: dict[int, str]
) -> None:
    """``%%time`` runs Python in the notebook's names; ``%%bash`` does not."""
    assert said(text) == statements
    assert code.read(text).magics == magics
    assert code.read(text).error is None


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("x = 1\ny =", 2),
        ("\n\nx =\n!ls", 3),
        ("%%time\n\nx =", 3),
        ("!ls \\\n -l\nx =", 3),
        ("\ndef f():\n    x\n  y", 4),
        ("this is no Python", 1),
    ],
)
def test_an_error_has_the_line_of_the_cell(text: str, line: int) -> None:
    """Not that of the body, nor of what IPython made of it."""
    found = code.read(text)
    assert (found.error and found.error.lineno, found.tree.body) == (line, [])


@pytest.mark.parametrize(
    "text",
    [
        "x\0",
        "\ud800",
        "(" * 500,
        "-" * 100_000 + "1",
        "[" * 90 + "]" * 90 + "\n!ls",
        "!ls\n" * 100,
        "%%time\n" * 200,
        "%%",
        "x = %",
        "x = !",
        "\\",
        "!\\",
        "'''",
        "library(dplyr)\nx <- c(1, 2) %>% sum()",
    ],
)
def test_nothing_is_raised(text: str) -> None:
    """Whatever stands in a cell, it is read, as nothing at worst."""
    for node in code.read(text).tree.body:
        ast.unparse(node)


def test_what_is_too_deep_to_walk_through_is_left_out() -> None:
    """Readers are recursive; the rest of the cell counts."""
    assert said("x = 1" + " + 1" * 500 + "\ny = 2") == [(2, "y = 2")]


def test_what_is_too_long_is_not_read() -> None:
    """Its syntax tree would take a hundred times as much memory."""
    read = code.read("x = 1\n" * 200_000)
    assert (read.tree.body, read.is_whole) == ([], False)


@pytest.mark.parametrize(
    ("text", "magic"),
    [("pip install x", "%pip install x"), ("cd ..\n", "%cd .."), ("no way", ""), ("cd x\ny", "")],
)
def test_a_magic_alone_may_lack_its_sign(text: str, magic: str) -> None:
    """IPython calls that automagic; it works for a cell of one line."""
    assert code.automagic(text) == magic


@pytest.mark.parametrize(
    ("text", "shown", "line"),
    [
        ("x = 1\n\ny", 3, 3),
        ("\n\nx\ny", 2, 4),
        ("\n!ls \\\n -l\n\nx", 3, 5),
        ("\n%%time\nx", 1, 2),
        ("x", 7, 1),
        ("def f():\n  x\n y", 2, 2),
    ],
)
def test_a_line_of_a_traceback_is_found_again(text: str, shown: int, line: int) -> None:
    """IPython counts lines after it has removed and joined some."""
    assert code.line_as_written(text, shown) == line


def test_what_ipython_would_take_minutes_for_is_left_unread() -> None:
    """Its transformer reads a cell again for each magic; one of thousands counts as no Python."""
    few, many = code.read("!ls\n" * 100), code.read("  # listed\n" + "!ls\n" * 20_000)
    assert (len(few.tree.body), few.error) == (100, None)
    assert (many.tree.body, many.error is None) == ([], False)
    assert len(code.read("%%time\n" + "!ls\n" * 100).tree.body) == 100
