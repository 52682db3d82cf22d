"""Grids are read and typed by what the notebook declares."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support import write_notebook

from runner.errors import ConfigurationError
from runner.notebook import document
from runner.sweep.grid import combinations, grid_of, read_axes


def typed(tmp_path: Path, declaration: str, text: str) -> list[Any]:
    path = write_notebook(tmp_path / "a.ipynb", "1", parameters=declaration)
    (values,) = grid_of(read_axes([text], document.read(path))).values()
    return values


@pytest.mark.parametrize(
    ("declaration", "text", "values"),
    [
        ("C: float = 1.0", "C=1, 0.5", [1.0, 0.5]),
        ("g: float | str = 'scale'", "g=scale,0.1", ["scale", 0.1]),
        ("name: str = 'a'", "name=1,a=b", ["1", "a=b"]),
        ("name: str = 'a'", 'name="a,b",c', ["a,b", "c"]),
        ("on: bool = True", "on=True,False", [True, False]),
        ("sizes: list = [1]", 'sizes="[10, 10]","[20]"', [[10, 10], [20]]),
        ("n = None", "n=None,1,a", [None, 1, "a"]),
        ("C: float = 1.0", "C=0.1..10:log", [0.1, 0.316228, 1.0, 3.16228, 10.0]),
        ("C: float = 1.0", "C=1..2:3", [1.0, 1.5, 2.0]),
        ("C: float = 1.0", "C=1..2:linear:2,5", [1.0, 2.0, 5.0]),
        ("n: int = 1", "n=-1..2", [-1, 0, 1, 2]),
        ("n: int = 1", "n=1..1000:log:4", [1, 10, 100, 1000]),
        ("n: int = 1", "n=1..9:3", [1, 5, 9]),
        ("n: int = 1", "n=1..3:log:100", [1, 2, 3]),
        ("g: float | str = 'scale'", "g=scale,1..2:2", ["scale", 1.0, 2.0]),
        ("name: str = 'a'", "name=1..2", ["1..2"]),
        ("n = None", "n=1..2", [1, 2]),
    ],
)
def test_a_value_becomes_what_is_declared(
    tmp_path: Path, declaration: str, text: str, values: list[Any]
) -> None:
    """Read as by -p; as text or YAML where only that fits."""
    found = typed(tmp_path, declaration, text)
    assert found == values
    assert [type(value) for value in found] == [type(value) for value in values]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("C", "not of the form"),
        ("C=", "not of the form"),
        ("=1", "not of the form"),
        ("C=1,a", "expected float, got str"),
        ("C=1,1.0", "comes twice"),
        ("D=1", "unknown parameter 'D'"),
        ('C="1', "unexpected end of data"),
        ("C=2..1", "from a number to a greater one"),
        ("C=0..1:log", "numbers above 0 only"),
        ("C=0..1:1", "2 to 100,000 values"),
        ("C=0..1:999999999", "2 to 100,000 values"),
        ("C=1..1e301", "too large"),
        ("C=0..1:2,1", "the value 1.0 comes twice"),
    ],
)
def test_a_wrong_grid_is_refused(tmp_path: Path, text: str, said: str) -> None:
    """Each fault is named."""
    with pytest.raises(ConfigurationError, match=said):
        typed(tmp_path, "C: float = 1.0", text)


def test_points_are_counted_before_they_are_listed(tmp_path: Path) -> None:
    """A range that was meant otherwise does not fill the memory."""
    path = write_notebook(tmp_path / "a.ipynb", "1", parameters="a: int = 1\nb: int = 1")
    with pytest.raises(ConfigurationError, match="1,000,000,000,000 points; at most 100,000"):
        grid_of(read_axes(["a=1..1000000", "b=1..1000000"], document.read(path)))


def test_a_parameter_has_one_grid(tmp_path: Path) -> None:
    """Two would leave open which counts."""
    path = write_notebook(tmp_path / "a.ipynb", "1", parameters="C: float = 1.0")
    with pytest.raises(ConfigurationError, match="given twice"):
        read_axes(["C=1", "C=2"], document.read(path))


def test_the_last_parameter_changes_fastest() -> None:
    """The points come in the order in which one would write the loops."""
    found = list(combinations({"a": [1, 2], "b": ["x", "y"]}))
    assert [tuple(point.values()) for point in found] == [(1, "x"), (1, "y"), (2, "x"), (2, "y")]
